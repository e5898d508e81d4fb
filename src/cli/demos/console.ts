import { ConsoleDriver, type ConsoleDriverPort, emergencyWrite } from '../../driver/index.ts';
import { ConsoleDevice, consoleDeviceType, MemoryConsole } from '../../virtio/index.ts';
import { bytesText } from '../text.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

const BYTES = 1 << 20;
/** The other end takes so much at once: the driver has to wait for it. */
const CAPACITY = 20_000;
const NAME = 'org.virtiolab.demo';

const bytes = (seed: number) => new Uint8Array(BYTES).map((_, i) => (i * seed + (i >> 8)) & 0xff);
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
const text = (of: Uint8Array) => new TextDecoder().decode(of);
const speed = (ms: number) => `${bytesText(BYTES)} in ${ms.toFixed(1)} ms`;

/** What stands behind the two ports, and what the device printed in an emergency. */
class Outside {
  readonly terminal = new MemoryConsole();
  readonly data = new MemoryConsole({ capacity: CAPACITY });
  printed = '';
  readonly device = new ConsoleDevice({
    maxPorts: 3,
    offersSize: true,
    ports: [
      { backend: this.terminal, size: { columns: 80, rows: 25 } },
      { backend: this.data, name: NAME },
    ],
    onEmergency: (character) => {
      this.printed += String.fromCharCode(character);
    },
  });
}

async function sendOut(outside: Outside, port: ConsoleDriverPort): Promise<DemoFact> {
  const sent = bytes(7);
  const got = new Uint8Array(BYTES);
  const started = performance.now();
  let done = false;
  const writing = port.write(sent).then(() => {
    done = true;
  });
  let [at, waits] = [0, 0];
  for (; !done || at < BYTES; waits++) {
    const piece = outside.data.take();
    got.set(piece, at);
    at += piece.length;
    await Promise.resolve();
  }
  await writing;
  const ms = performance.now() - started;
  const good = same(sent, got);
  return {
    what: 'Output',
    result: `${speed(ms)}, to an end that took ${bytesText(CAPACITY)} at once: ${good ? 'all of it, in order' : 'not what was sent'}`,
    good,
    data: { bytes: at, ms, takes: waits },
  };
}

function sendIn(outside: Outside, port: ConsoleDriverPort): DemoFact {
  const sent = bytes(11);
  const got = new Uint8Array(BYTES);
  let [at, buffers] = [0, 0];
  port.onData = (piece) => {
    got.set(piece, at);
    at += piece.length;
    buffers++;
  };
  outside.data.send(sent);
  const early = at;
  const started = performance.now();
  port.open();
  const ms = performance.now() - started;
  port.close();
  const good = early === 0 && same(sent, got);
  return {
    what: 'Input',
    result: `waited until the driver opened the port, then ${speed(ms)}, ${buffers} buffers: ${good ? 'all of it, in order' : 'not what was sent'}`,
    good,
    data: { bytes: at, ms, buffers },
  };
}

function resize(outside: Outside, port: ConsoleDriverPort): DemoFact {
  const before = port.size;
  outside.terminal.resize({ columns: 132, rows: 43 });
  const show = (size: typeof before) => (size === null ? 'unknown' : `${size.columns}x${size.rows}`);
  return {
    what: 'Resize',
    result: `from ${show(before)} to ${show(port.size)}`,
    good: show(before) === '80x25' && show(port.size) === '132x43',
  };
}

/** A port that comes and goes while the driver runs. */
function hotPlug(outside: Outside, driver: ConsoleDriver): DemoFact {
  const backend = new MemoryConsole();
  const { number } = outside.device.addPort({ backend, name: 'late' });
  const added = driver.ports.get(number);
  const name = added?.name;
  outside.device.removePort(number);
  return {
    what: 'Hot plug',
    result: `port ${number} came as "${name}", and went`,
    good: name === 'late' && added!.removed && !driver.ports.has(number),
  };
}

export const consoleDemo: DeviceDemo = {
  type: consoleDeviceType,
  summary:
    'finds ports, sends a megabyte each way, resizes, plugs a port in and out, prints before any setup',
  first: 'The first line of output',
  sample: () => new ConsoleDevice(),
  async visit(): Promise<DeviceVisit> {
    const outside = new Outside();
    return {
      behaviour: outside.device,
      subject: 'a terminal of 80x25 and a named port',
      async drive(transport, memory, marks) {
        const offered = emergencyWrite(transport, 0x21);
        const driver = new ConsoleDriver(transport, memory);
        marks.markBroughtUp();
        const terminal = driver.ports.get(0)!;
        await terminal.write(new TextEncoder().encode('hello\n'));
        marks.markFirst();
        const said = text(outside.terminal.take());
        const data = driver.ports.get(1)!;
        const queues = outside.device.queueSizes.length;
        const facts: DemoFact[] = [
          {
            what: 'Emergency write',
            result: `"${outside.printed}" printed before the device was set up`,
            good: offered && outside.printed === '!',
          },
          {
            what: 'Ports',
            result: `${driver.ports.size} of at most ${(queues - 2) / 2}, ${queues} queues; port 1 is "${data.name}"`,
            good: driver.ports.size === 2 && data.name === NAME,
            data: { ports: driver.ports.size, queues },
          },
          {
            what: 'Console',
            result: `port 0, opened by the driver in answer; it said ${JSON.stringify(said)}`,
            good: terminal.isConsole && outside.terminal.driverOpen && said === 'hello\n',
          },
          await sendOut(outside, data),
          sendIn(outside, data),
          resize(outside, terminal),
          hotPlug(outside, driver),
        ];
        driver.close();
        facts.push({
          what: 'Reset',
          result: 'closed every port of the driver',
          good: !outside.terminal.driverOpen && !outside.data.driverOpen,
        });
        return facts;
      },
      close: async () => {},
    };
  },
};
