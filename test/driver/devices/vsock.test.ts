import { describe, expect, it, test } from 'vitest';
import {
  ArgumentError,
  DeviceFailedError,
  DmaMemory,
  findFunction,
  ModernTransport,
  runFirmware,
  type VsockConnection,
  VsockConnectionError,
  VsockDriver,
  type VsockDriverOptions,
} from '../../../src/driver/index.ts';
import {
  DeviceConfig,
  VsockDevice,
  VsockHost,
  type VsockHostOptions,
  type VsockSocket,
  virtioFunction,
  vsockConfig,
  vsockType,
} from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';
import { Probe } from '../../virtio/support/probe.ts';
import {
  CID,
  HOST,
  packetBytes,
  type RawPacket,
  REQUEST,
  RESPONSE,
  RST,
  RW,
  SEQPACKET,
} from '../../virtio/support/vsock.ts';

function open(options: VsockDriverOptions = {}, hostOptions: VsockHostOptions = {}) {
  const machine = smallMachine();
  const host = new VsockHost(hostOptions);
  const device = new VsockDevice({ guestCid: 9, peer: host });
  machine.plug(virtioFunction(device, { kind: 'modern' }).pci, SLOT);
  runFirmware(machine);
  const start = () =>
    new VsockDriver(
      new ModernTransport(machine, findFunction(machine, SLOT)!),
      new DmaMemory(machine.ram, 0x10000),
      options,
    );
  return { host, device, start };
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));

/** The socket of the next connection to a port of the host's. */
const accepted = (host: VsockHost, port: number, type: number = vsockType.stream) =>
  new Promise<VsockSocket>((resolve) => {
    host.listen(port, resolve, type);
  });

describe('the socket driver', () => {
  it('connects, and sends and reads as there is room', async () => {
    const { host, start } = open({ receiveBytes: 1000, bufferBytes: 144 }, { receiveBytes: 700 });
    const arrived = accepted(host, 80);
    const driver = start();
    const connection = await driver.connect(80);
    const socket = await arrived;
    let got: number[] = [];
    socket.on = { received: () => got.push(...socket.read()!) };
    const sent = bytes(5000);
    await connection.send(sent);
    expect(got).toEqual([...sent]);
    got = [];
    let rest = sent;
    const go = () => {
      rest = rest.subarray(Math.max(0, socket.write(rest)));
      if (rest.length === 0) socket.shutdown(2);
    };
    socket.on = { drained: go };
    go();
    const all = await connection.readAll();
    expect(Buffer.compare(all, sent)).toBe(0);
    socket.on = { closed: (how) => got.push(how.length) };
    await connection.close();
    expect([got, host.sockets]).toEqual([['closed'.length], []]);
    await expect(connection.send(bytes(1))).rejects.toThrow(VsockConnectionError);
    expect(await connection.read()).toBeNull();
  });

  it('waits with a message until the device has room, and keeps the others behind it', async () => {
    const { host, start } = open({}, { receiveBytes: 10 });
    const arrived = accepted(host, 80, vsockType.seqpacket);
    const connection = await start().connect(80, vsockType.seqpacket);
    const socket = await arrived;
    const order: string[] = [];
    const sends = [8, 8, 0].map((length, i) =>
      connection.send(bytes(length), i === 2).then(() => order.push(`${i}`)),
    );
    await Promise.resolve();
    expect(socket.available).toBe(10);
    expect(socket.readMessage()).toEqual({ bytes: bytes(8), endsRecord: false });
    await Promise.all(sends);
    expect(order).toEqual(['0', '1', '2']);
    expect([socket.readMessage(), socket.readMessage()]).toEqual([
      { bytes: bytes(8), endsRecord: false },
      { bytes: new Uint8Array(), endsRecord: true },
    ]);
  });

  it('puts messages together that come in pieces', async () => {
    const { host, start } = open({ bufferBytes: 54 });
    const arrived = accepted(host, 80, vsockType.seqpacket);
    const connection = await start().connect(80, vsockType.seqpacket);
    const socket = await arrived;
    socket.write(bytes(25));
    socket.write(new Uint8Array());
    socket.write(bytes(10), true);
    expect([await connection.read(), await connection.read(), await connection.read()]).toEqual([
      bytes(25),
      new Uint8Array(),
      bytes(10),
    ]);
  });

  it('takes connections of the host, also one that was asked for before it was there', async () => {
    const { host, start } = open();
    const told: string[] = [];
    const on = { opened: () => told.push('opened'), closed: (how: string) => told.push(how) };
    host.connect(7, on);
    const driver = start();
    expect(told).toEqual(['refused']);
    const taken: VsockConnection[] = [];
    const stop = driver.listen(7, (connection) => taken.push(connection));
    const socket = host.connect(7, on);
    socket.write(bytes(3));
    expect(await taken[0]!.read()).toEqual(bytes(3));
    expect(() => driver.listen(7, () => {})).toThrow(ArgumentError);
    stop();
    host.connect(7, on);
    expect(told).toEqual(['refused', 'opened', 'refused']);
    const ended = taken[0]!.read();
    socket.close();
    expect(await ended).toBeNull();
    expect(told.at(-1)).toBe('closed');
  });

  test('a connection that is refused, cut by the host, or cut by the driver is over', async () => {
    const { host, start } = open();
    const driver = start();
    await expect(driver.connect(80)).rejects.toThrow('nobody took the connection to port 80');
    const arrived = accepted(host, 80);
    const connection = await driver.connect(80);
    const waits = connection.read();
    (await arrived).reset();
    await expect(waits).rejects.toThrow('the other side cut the connection');
    await connection.close();
    const again = await driver.connect(80);
    again.reset();
    again.reset();
    await expect(again.read()).rejects.toThrow('the connection was cut');
    expect(host.sockets).toEqual([]);
  });

  it('gives what comes to who waits for it already', async () => {
    const { host, start } = open();
    const arrived = accepted(host, 80);
    const connection = await start().connect(80);
    const socket = await arrived;
    const reads = [connection.read(), connection.read()];
    socket.write(bytes(3));
    socket.write(bytes(2));
    expect(await Promise.all(reads)).toEqual([bytes(3), bytes(2)]);
    // What was read makes room again.
    expect(connection.credit.room).toBe(1 << 16);
  });

  it('sends nothing where nothing is to be sent of a stream', async () => {
    const { host, start } = open();
    const arrived = accepted(host, 80);
    const driver = start();
    const connection = await driver.connect(80);
    const socket = await arrived;
    const sent: number[] = [];
    const { send } = driver;
    driver.send = (of, operation, ...rest) => {
      sent.push(operation);
      return send.call(driver, of, operation, ...rest);
    };
    await connection.send(new Uint8Array());
    await connection.send(bytes(1));
    expect([sent, socket.read()]).toEqual([[RW], bytes(1)]);
  });

  it('VSOCK-RT-02: believes nobody but the host, and refuses what others send', async () => {
    const machine = smallMachine();
    const config = new DeviceConfig(vsockConfig);
    config.set('guestCid', 3);
    const puppet = new Probe({ type: 'vsock', queueSizes: [16, 16, 16], config });
    machine.plug(virtioFunction(puppet, { kind: 'modern' }).pci, SLOT);
    runFirmware(machine);
    const transport = new ModernTransport(machine, findFunction(machine, SLOT)!);
    const driver = new VsockDriver(transport, new DmaMemory(machine.ram, 0x10000));
    /** What the driver sent: operation, and to whom. */
    const sent: [number, number][] = [];
    const take = () => {
      for (const chain of puppet.taken.filter(({ queue }) => queue === 1)) {
        const view = chain.header(44)!;
        const at = chain.headerAt;
        sent.push([view.getUint16(at + 30, true), Number(view.getBigUint64(at + 8, true))]);
        puppet.taken.splice(puppet.taken.indexOf(chain), 1);
        puppet.device.complete(chain, 0);
      }
      return sent.splice(0);
    };
    const say = (packet: Partial<RawPacket>) => {
      const chain = puppet.taken.find(({ queue }) => queue === 0)!;
      puppet.taken.splice(puppet.taken.indexOf(chain), 1);
      const raw = Uint8Array.from(
        packetBytes({ op: RESPONSE, from: HOST, to: CID, ports: [80, 0], ...packet }),
      );
      chain.write(0, raw, 0, raw.length);
      puppet.device.complete(chain, raw.length);
    };
    let settled = false;
    const connecting = driver.connect(80);
    const request = puppet.taken.find(({ queue }) => queue === 1)!;
    const local = request.header(44)!.getUint32(request.headerAt + 16, true);
    void connecting.then(
      () => void (settled = true),
      () => {},
    );
    expect(take()).toEqual([[REQUEST, HOST]]);
    say({ ports: [80, local], from: 77 });
    say({ ports: [80, local], type: SEQPACKET });
    await Promise.resolve();
    expect([settled, take()]).toEqual([
      false,
      [
        [RST, 77],
        [RST, HOST],
      ],
    ]);
    say({ ports: [80, local] });
    await connecting;
    // Nobody takes the next.
    const refused = driver.connect(81);
    say({ op: RST, ports: [81, local + 1] });
    const error = await refused.catch((each: unknown) => each);
    expect(error).toBeInstanceOf(VsockConnectionError);
    expect(error).toMatchObject({ message: 'nobody took the connection to port 81' });
  });

  test('what is sent after the end is refused', async () => {
    const { host, start } = open();
    accepted(host, 80);
    const connection = await start().connect(80);
    await connection.shutdown(2);
    await expect(connection.send(bytes(1))).rejects.toThrow('shut for sending');
    expect(host.sockets).toHaveLength(1);
  });

  it('VSOCK-EVT-02, VSOCK-EVT-03, VSOCK-EVT-04: goes on at another address without its connections', async () => {
    const told: number[] = [];
    const { host, device, start } = open({ onTransportReset: (cid) => told.push(cid) });
    accepted(host, 80);
    const driver = start();
    driver.listen(7, () => {});
    const connection = await driver.connect(80);
    const waits = connection.read();
    device.resetTransport(10);
    await expect(waits).rejects.toThrow('the way to the device was interrupted');
    expect([told, driver.guestCid]).toEqual([[10], 10]);
    expect(host.connect(7).state).toBe('open');
    expect((await driver.connect(80)).type).toBe(vsockType.stream);
  });

  it('ends everything with the device', async () => {
    const { host, start } = open();
    accepted(host, 80);
    const driver = start();
    const connection = await driver.connect(80);
    const waits = connection.read();
    driver.close();
    await expect(waits).rejects.toThrow(DeviceFailedError);
    await expect(driver.connect(80)).rejects.toThrow(DeviceFailedError);
    expect(host.sockets).toEqual([]);
  });

  test.each([-1, 0xffffffff, 1.5])('%s is no port', (port) => {
    const driver = open().start();
    expect(() => driver.connect(port)).toThrow(ArgumentError);
    expect(() => driver.listen(port, () => {})).toThrow(ArgumentError);
  });
});
