import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../../src/core/index.ts';
import {
  ConsoleDriver,
  type ConsoleDriverOptions,
  type ConsoleDriverPort,
  DeviceFailedError,
  DmaMemory,
  emergencyWrite,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import {
  type Chain,
  ConsoleDevice,
  consoleConfig,
  consoleQueue,
  consoleReceiveQueue,
  type DeviceBehaviour,
  DeviceConfig,
  MemoryConsole,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';
import { Probe } from '../../virtio/support/probe.ts';

/*
 * What goes through both is in test/properties/console.test.ts. Here stands what a driver owes to devices that are not
 * ours, and what it promises to its callers.
 */
const [DEVICE_READY, ADD, REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, OPEN, NAME] = [0, 1, 2, 3, 4, 5, 6, 7];

type Kind = 'legacy' | 'modern';

function plug(behaviour: DeviceBehaviour, kind: Kind = 'modern', scheduler?: HeldScheduler) {
  const machine = smallMachine(scheduler === undefined ? {} : { scheduler });
  const fn = virtioFunction(behaviour, { kind: 'transitional' });
  machine.plug(fn.pci, SLOT);
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport =
    kind === 'modern'
      ? new ModernTransport(machine, found)
      : new LegacyTransport(machine, found, legacyAccess(machine, found));
  const start = (options: ConsoleDriverOptions = {}) =>
    new ConsoleDriver(transport, new DmaMemory(machine.ram, 0x10000), {
      bufferBytes: 64,
      buffers: 4,
      ...options,
    });
  return { fn, machine, transport, start };
}

/** A device that keeps every chain, and says and hears what the test wants. */
class Puppet extends Probe {
  readonly heard: number[][] = [];
  readonly #buffers: Chain[] = [];

  constructor(maxPorts: number) {
    const config = new DeviceConfig(consoleConfig);
    config.set('maxPorts', maxPorts);
    super({ type: 'console', features: [0, 1, 2], queueSizes: [8, 8, 8, 8, 8, 8], config });
    this.onChain = (chain) => {
      if (chain.queue === consoleQueue.controlReceive) this.#buffers.push(chain);
      if (chain.queue !== consoleQueue.controlTransmit) return;
      const view = chain.header(8)!;
      const at = chain.headerAt;
      this.heard.push([view.getUint32(at, true), view.getUint16(at + 4, true), view.getUint16(at + 6, true)]);
    };
  }

  /** The oldest buffer for input that it has, of a queue. */
  input(queue: number): Chain {
    const at = this.taken.findIndex((chain) => chain.queue === queue);
    return this.taken.splice(at, 1)[0]!;
  }

  say(port: number, event: number, value: number, ...rest: readonly number[]): void {
    const message = Uint8Array.of(
      ...[0, 8, 16, 24].map((shift) => port >>> shift),
      event,
      0,
      value,
      0,
      ...rest,
    );
    const chain = this.#buffers.shift()!;
    chain.write(0, message, 0, message.length);
    this.device.complete(chain, message.length);
  }
}

describe('the console driver', () => {
  test.each(['legacy', 'modern'] as const)(
    '%s: CON-08, CON-10: says what it has to say, of one descriptor each',
    (kind) => {
      const device = new Puppet(2);
      const { driver } = { driver: plug(device, kind).start() };
      expect([driver.multiport, device.heard]).toEqual([true, [[0, DEVICE_READY, 1]]]);
      device.say(1, ADD, 0);
      device.say(1, NAME, 0, 0xc3, 0xa4);
      device.say(1, CONSOLE_PORT, 1);
      device.say(1, RESIZE, 0, 80, 0, 25, 1);
      device.say(1, OPEN, 1);
      expect(device.heard.slice(1)).toEqual([
        [1, PORT_READY, 1],
        [1, OPEN, 1],
      ]);
      const port = driver.ports.get(1)!;
      expect(port).toMatchObject({
        name: 'ä',
        isConsole: true,
        isOpen: true,
        deviceOpen: true,
        size: { columns: 80, rows: 281 },
      });
      expect(device.taken.every(({ count }) => count === 1)).toBe(true);
    },
  );

  it('passes over what makes no sense, and refuses a port that it has no room for', () => {
    const device = new Puppet(2);
    const driver = plug(device).start();
    device.say(7, OPEN, 1);
    device.say(0, RESIZE, 0);
    device.say(0, ADD, 0);
    device.say(0, ADD, 0);
    device.say(0, RESIZE, 0, 1, 0);
    device.say(0, 99, 1);
    device.say(2, ADD, 0);
    expect(device.heard.slice(1)).toEqual([
      [0, PORT_READY, 1],
      [2, PORT_READY, 0],
    ]);
    expect([...driver.ports.keys()]).toEqual([0]);
  });

  it('passes over what arrives for a port that is gone', () => {
    const puppet = new Puppet(2);
    const { start } = plug(puppet);
    const got: string[] = [];
    const driver = start({
      onPort: (port) => (port.onData = (data) => got.push(`${port.number}: ${data[0]}`)),
    });
    puppet.say(1, ADD, 0);
    const arrive = (byte: number) => {
      const chain = puppet.input(consoleReceiveQueue(1));
      chain.write(0, Uint8Array.of(byte), 0, 1);
      puppet.device.complete(chain, 1);
    };
    arrive(7);
    puppet.say(1, REMOVE, 0);
    arrive(8);
    puppet.say(1, ADD, 0);
    arrive(9);
    expect([got, driver.driver.failure]).toEqual([['1: 7', '1: 9'], null]);
  });

  it('holds what is written until somebody is at the other end', async () => {
    const backend = new MemoryConsole({ open: false });
    const { start } = plug(new ConsoleDevice({ maxPorts: 2, ports: [{ number: 1, backend }] }));
    const port = start().ports.get(1)!;
    const written = port.write(Uint8Array.of(1, 2, 3));
    expect(backend.take()).toEqual(new Uint8Array());
    backend.setOpen(true);
    await written;
    expect(backend.take()).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('writes more than there are buffers for, in order, and ends when the device has all of it', async () => {
    const backend = new MemoryConsole({ capacity: 100 });
    const { start } = plug(new ConsoleDevice({ maxPorts: 2, ports: [{ backend }] }));
    const driver = start();
    const bytes = new Uint8Array(1000).map((_, i) => i * 3 + (i >> 8));
    let done = 0;
    const writes = [
      driver.ports.get(0)!.write(bytes),
      driver.ports.get(0)!.write(new Uint8Array(0)),
      driver.ports.get(0)!.write(bytes),
    ];
    for (const write of writes) void write.then(() => done++);
    await writes[1];
    expect(done).toBe(1);
    const got: number[] = [];
    while (got.length < 2000) got.push(...backend.take());
    await Promise.all(writes);
    expect(got).toEqual([...bytes, ...bytes]);
  });

  it('shows a port before anything arrives there, and takes more than it has buffers for', () => {
    const backend = new MemoryConsole();
    backend.send(Uint8Array.of(0, 1, 2));
    const { start } = plug(new ConsoleDevice({ maxPorts: 0, ports: [{ backend }] }));
    const got: number[] = [];
    const onPort = (port: ConsoleDriverPort) => {
      port.onData = (bytes) => got.push(...bytes);
    };
    start({ bufferBytes: 2, onPort });
    backend.send(Uint8Array.from({ length: 97 }, (_, i) => i + 3));
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('fails what was not written when a port goes, and hears of it', async () => {
    const backend = new MemoryConsole({ capacity: 1 });
    const device = new ConsoleDevice({ maxPorts: 2, ports: [{ backend }] });
    const seen: string[] = [];
    const driver = plug(device).start({
      onPort: (port) => (port.onRemoved = () => seen.push(`${port.number} gone`)),
    });
    const port = driver.ports.get(0)!;
    const writing = port.write(Uint8Array.of(1, 2));
    device.removePort(0);
    await expect(writing).rejects.toThrow(DeviceFailedError);
    await expect(port.write(Uint8Array.of(1))).rejects.toThrow(/removed/);
    port.open();
    expect([seen, port.isOpen, driver.ports.size]).toEqual([['0 gone'], false, 0]);
  });

  test.each(['close', 'break'] as const)('fails what was not written at %s', async (end) => {
    const { start, fn } = plug(
      new ConsoleDevice({ maxPorts: 2, ports: [{ backend: new MemoryConsole({ capacity: 1 }) }] }),
    );
    const driver = start();
    const port = driver.ports.get(0)!;
    const writing = port.write(new Uint8Array(1000));
    if (end === 'close') driver.close();
    else fn.device.fail('SPL-DESC-05', 'broken');
    await expect(writing).rejects.toThrow(DeviceFailedError);
    await expect(port.write(Uint8Array.of(1))).rejects.toThrow(DeviceFailedError);
  });

  it('reads the size of port 0 from the configuration', () => {
    const backend = new MemoryConsole();
    const sizes: unknown[] = [];
    const { start } = plug(
      new ConsoleDevice({
        maxPorts: 0,
        offersSize: true,
        ports: [{ backend, size: { columns: 80, rows: 25 } }],
      }),
      'legacy',
    );
    start({ onPort: (port: ConsoleDriverPort) => (port.onResize = (size) => sizes.push(size)) });
    backend.resize({ columns: 132, rows: 43 });
    expect(sizes).toEqual([
      { columns: 80, rows: 25 },
      { columns: 132, rows: 43 },
    ]);
  });

  it('CON-02: prints through the emergency field of a device that was not set up, where there is one', () => {
    const printed: number[] = [];
    const device = new ConsoleDevice({ onEmergency: (character) => printed.push(character) });
    const { transport, fn } = plug(device, 'legacy');
    expect([emergencyWrite(transport, 0x41), printed, fn.device.status]).toEqual([true, [0x41], 0]);
    const none = plug(new ConsoleDevice({ emergencyWrite: false }), 'legacy');
    expect(emergencyWrite(none.transport, 0x41)).toBe(false);
  });

  it('LEG-CON-03: does not believe the length of what it sent', async () => {
    const scheduler = new HeldScheduler();
    const device = new Probe({
      type: 'console',
      queueSizes: [8, 8],
      complete: 0xffff,
      config: new DeviceConfig(consoleConfig),
    });
    device.onChain = () => {};
    const { start } = plug(device, 'modern', scheduler);
    const writing = start({ features: [] }).ports.get(0)!.write(Uint8Array.of(1));
    scheduler.releaseAll();
    await writing;
  });
});
