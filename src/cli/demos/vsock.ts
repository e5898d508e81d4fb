import { VsockConnectionError, VsockDriver } from '../../driver/index.ts';
import {
  VsockDevice,
  VsockHost,
  type VsockSocket,
  vsockDeviceType,
  vsockShutdown,
  vsockType,
} from '../../virtio/index.ts';
import { bytesText } from '../text.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

const BYTES = 1 << 20;
const CID = 42;
const [ECHO, MESSAGES, NOBODY, GUEST] = [7, 8, 9, 1024];
/** Less than is sent: the driver has to wait for room. */
const ROOM = 20_000;

const pattern = new Uint8Array(BYTES).map((_, i) => (i * 13 + (i >> 8)) & 0xff);
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes ?? new Uint8Array());

/** Sends back what comes, as far as there is room, and ends when the other side does. */
function echo(socket: VsockSocket): void {
  let waiting: Uint8Array | null = null;
  let ended = false;
  const go = () => {
    for (let bytes = waiting ?? socket.read(); bytes !== null; bytes = socket.read()) {
      const taken = socket.write(bytes);
      waiting = taken < bytes.length ? bytes.subarray(Math.max(0, taken)) : null;
      if (waiting !== null) return;
    }
    if (ended) socket.close();
  };
  socket.on = {
    received: go,
    drained: go,
    ended: () => {
      ended = true;
      go();
    },
  };
}

async function streamFact(driver: VsockDriver): Promise<DemoFact> {
  const started = performance.now();
  const connection = await driver.connect(ECHO);
  const sent = connection.send(pattern).then(() => connection.shutdown(vsockShutdown.send));
  const got = await connection.readAll();
  await sent;
  const ms = performance.now() - started;
  const good = same(got, pattern);
  return {
    what: 'Stream',
    result: `${bytesText(BYTES)} to an echo with room for ${bytesText(ROOM)}, and back in ${ms.toFixed(1)} ms: ${good ? 'all of it, in order' : 'not what was sent'}`,
    good,
    data: { bytes: got.length, ms },
  };
}

async function messagesFact(driver: VsockDriver): Promise<DemoFact> {
  const connection = await driver.connect(MESSAGES, vsockType.seqpacket);
  const sent = ['one', '', 'three'];
  for (const text of sent) await connection.send(encode(text));
  const got: string[] = [];
  for (let i = 0; i < sent.length; i++) got.push(decode(await connection.read()));
  await connection.close();
  return {
    what: 'Messages',
    result: `${sent.length} sent, and ${got.map((text) => JSON.stringify(text)).join(', ')} came back`,
    good: got.join() === sent.join(),
  };
}

async function refusedFact(driver: VsockDriver): Promise<DemoFact> {
  const error = await driver.connect(NOBODY).then(
    () => null,
    (reason: unknown) => reason,
  );
  return {
    what: 'Nobody there',
    result: `port ${NOBODY}: ${error instanceof Error ? error.message : 'connected'}`,
    good: error instanceof VsockConnectionError,
  };
}

async function hostFact(driver: VsockDriver, host: VsockHost): Promise<DemoFact> {
  const closed: string[] = [];
  driver.listen(GUEST, (connection) => {
    connection.readAll().then(async (bytes) => {
      await connection.send(encode(decode(bytes).toUpperCase()));
      await connection.close();
    });
  });
  const ended = new Promise<VsockSocket>((resolve) => {
    const socket = host.connect(GUEST, {
      closed: (how) => {
        closed.push(how);
        resolve(socket);
      },
    });
    socket.write(encode('from the host'));
    socket.shutdown(vsockShutdown.send);
  });
  const socket = await ended;
  const answer = decode(socket.read());
  return {
    what: 'From the host',
    result: `asked port ${GUEST}, was answered ${JSON.stringify(answer)}, and ${closed.join()}`,
    good: answer === 'FROM THE HOST' && closed.join() === 'closed',
  };
}

async function resetFact(driver: VsockDriver, device: VsockDevice, told: number[]): Promise<DemoFact> {
  const connection = await driver.connect(ECHO);
  device.resetTransport(CID + 1);
  const cut = await connection.read().then(
    () => false,
    (error: unknown) => error instanceof VsockConnectionError,
  );
  const again = await driver.connect(ECHO);
  again.reset();
  return {
    what: 'Transport reset',
    result: `connections were cut, the address is ${told.join()} now, and the echo is there again`,
    good: cut && told.join() === `${CID + 1}` && driver.guestCid === CID + 1,
  };
}

export const vsockDemo: DeviceDemo = {
  type: vsockDeviceType,
  summary: 'connects both ways, sends a megabyte through little room, messages, resets the transport',
  first: 'The first connection',
  sample: () => new VsockDevice(),
  async visit(): Promise<DeviceVisit> {
    const host = new VsockHost({ receiveBytes: ROOM, sendBytes: ROOM });
    host.listen(ECHO, echo);
    host.listen(MESSAGES, echo, vsockType.seqpacket);
    const device = new VsockDevice({ guestCid: CID, peer: host });
    return {
      behaviour: device,
      subject: 'a host that listens to two ports',
      async drive(transport, memory, marks) {
        const told: number[] = [];
        const driver = new VsockDriver(transport, memory, { onTransportReset: (cid) => told.push(cid) });
        marks.markBroughtUp();
        const first = await driver.connect(ECHO);
        marks.markFirst();
        await first.send(encode('hello'));
        const answer = decode(await first.read());
        await first.close();
        const facts: DemoFact[] = [
          {
            what: 'Echo',
            result: `${JSON.stringify(answer)} from port ${ECHO} of the host, to address ${driver.guestCid}`,
            good: answer === 'hello' && driver.guestCid === CID,
          },
          await streamFact(driver),
          await messagesFact(driver),
          await refusedFact(driver),
          await hostFact(driver, host),
          await resetFact(driver, device, told),
        ];
        driver.close();
        facts.push({
          what: 'Reset',
          result: `${host.sockets.length} sockets are left`,
          good: host.sockets.length === 0,
        });
        return facts;
      },
      close: async () => {},
    };
  },
};
