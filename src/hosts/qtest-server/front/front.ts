import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { GuestMemory } from '../../../core/index.ts';
import { connectTo } from '../../node/index.ts';
import { QtestServer } from '../server.ts';
import { QtestSession } from '../session.ts';
import { socketPlace } from './chardevs.ts';
import { parseCommandLine, type QemuCommandLine } from './command-line.ts';
import { QemuOptionError } from './errors.ts';
import { FrontMachine } from './front-machine.ts';
import { Monitors } from './monitors.ts';
import { Nodes } from './nodes.ts';
import type { Properties } from './properties.ts';
import { sharedRam } from './shared-ram.ts';

/** Whoever has been connected, or listens. */
type Close = () => void | Promise<void>;

/**
 * A program that is started as a QEMU is, with QEMU's options, and that test programs take for one: our functions on a `pc`
 * that answers qtest and a monitor.
 */
export class QemuFront {
  readonly machine: FrontMachine;
  readonly #monitors: Monitors;
  readonly #closing: Close[] = [];

  private constructor(machine: FrontMachine) {
    this.machine = machine;
    this.#monitors = new Monitors(machine);
    this.#closing.push(() => this.#monitors.close());
  }

  /** @throws QemuOptionError, FileStorageError, SocketError, QemuUnavailableError */
  static async start(args: readonly string[]): Promise<QemuFront> {
    const line = parseCommandLine(args);
    const nodes = await Nodes.of(line);
    const front = new QemuFront(new FrontMachine(await ramOf(line), nodes));
    front.#closing.push(() => nodes.close());
    for (const each of line.devices) await front.machine.add(each);
    if (line.qtest !== null) await front.#openQtest(line.qtest);
    for (const each of line.monitors) await front.#openMonitor(each);
    return front;
  }

  /** Settled when the program is to end, with the reason. */
  get ended(): Promise<string> {
    return this.#monitors.ended;
  }

  async #openQtest(properties: Properties): Promise<void> {
    const { machine } = this;
    if (properties.text('kind') === 'pipe') {
      const path = properties.text('path');
      properties.finish();
      const streams = pipes(path);
      this.#closing.push(() => {
        for (const stream of Object.values(streams)) stream.destroy();
      });
      this.#follow(new QtestSession(streams, machine), 'the qtest client has left');
      return;
    }
    const place = socketPlace(properties);
    properties.finish();
    if (place.server) {
      const server = await QtestServer.listen(place.path, machine);
      this.#closing.push(() => server.close());
      return;
    }
    const socket = await connectTo(place.path);
    this.#closing.push(() => void socket.destroy());
    this.#follow(new QtestSession({ input: socket, output: socket }, machine), 'the qtest client has left');
  }

  /** Nobody is left to end a program whose client has left. */
  #follow(session: QtestSession, why: string): void {
    session.onEnd = () => this.#monitors.end(why);
  }

  async #openMonitor(properties: Properties): Promise<void> {
    const { socket } = this.machine.nodes.chardevs.of(properties, 'chardev');
    const mode = properties.maybe('mode') ?? 'readline';
    if (mode !== 'control' && mode !== 'readline') properties.wrong('mode', 'control or readline');
    properties.ignore('pretty');
    properties.finish();
    if (socket === null) throw new QemuOptionError(properties.owner, 'wants a socket');
    await this.#monitors.open(socket, mode === 'readline');
  }

  /** Hangs up on everybody. */
  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }
}

/** The RAM of a machine: of its own, or a file that others have, too. @throws QemuOptionError, QemuUnavailableError */
async function ramOf({ ramBytes, ramObject, objects }: QemuCommandLine): Promise<GuestMemory> {
  if (ramObject === null) return GuestMemory.allocate({ start: 0, length: ramBytes });
  const object = objects.find((each) => each.maybe('id') === ramObject);
  if (object === undefined)
    throw new QemuOptionError('-machine', `memory-backend=${ramObject}: there is no such object`);
  object.ignore('type', 'id', 'prealloc');
  const bytes = object.bytes('size', ramBytes);
  if (bytes !== ramBytes) object.wrong('size', `the ${ramBytes} bytes of -m`);
  if (object.text('type') === 'memory-backend-ram') {
    object.finish();
    return GuestMemory.allocate({ start: 0, length: bytes });
  }
  const path = object.text('mem-path');
  if (!object.flag('share', false)) throw new QemuOptionError(object.owner, 'wants share=on');
  object.finish();
  return new GuestMemory([{ start: 0, bytes: await sharedRam(path, bytes) }]);
}

/** Two named pipes, as QEMU's `pipe` has them: what the client writes is `PATH.in`. @throws QemuOptionError */
function pipes(path: string) {
  const end = (name: string, readable: boolean) => {
    try {
      // Opened so, neither waits for the other side.
      const fd = openSync(name, constants.O_RDWR | constants.O_NONBLOCK);
      return new Socket({ fd, readable, writable: !readable });
    } catch (error) {
      throw new QemuOptionError(
        '-qtest',
        `${name} cannot be opened (${(error as NodeJS.ErrnoException).code})`,
      );
    }
  };
  return { input: end(`${path}.in`, true), output: end(`${path}.out`, false) };
}
