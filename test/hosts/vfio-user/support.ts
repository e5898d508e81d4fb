import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Library, loadLibrary } from '../../../src/hosts/posix/library.ts';
import { SharedMemory } from '../../../src/hosts/posix/shared-memory.ts';
import { MessageSocket } from '../../../src/hosts/posix/socket.ts';
import { presentDevice } from '../../../src/hosts/present/present.ts';
import { Channel, type Message } from '../../../src/hosts/vfio-user/channel.ts';
import { isReply } from '../../../src/hosts/vfio-user/far-client.ts';
import { getFields, structure } from '../../../src/hosts/vfio-user/fields.ts';
import {
  SERVED_ADDRESS,
  type ServedDevice,
  type ServerEvent,
  type Service,
  VfioUserServer,
} from '../../../src/hosts/vfio-user/index.ts';
import {
  dmaFlags,
  dmaMapPayload,
  irqSetPayload,
  messageFlags,
  regionAccessPayload,
  type VfioCommandName,
  vfioCommand,
} from '../../../src/hosts/vfio-user/layout.ts';
import { proposal } from '../../../src/hosts/vfio-user/negotiation.ts';
import { Event } from '../../../src/hosts/vfio-user/remote-device.ts';
import type { OrdinaryWayName } from '../../../src/mmr/index.ts';
import type { DeviceBehaviour } from '../../../src/virtio/index.ts';

export const library: Library = await loadLibrary();

export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Waits until something is so, for some seconds. */
export async function until(what: string, so: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !so(); ) {
    if (performance.now() > end) throw new Error(`not so: ${what}`);
    await turn();
  }
}

/** A server in this process, with one device at a socket of its own. */
export class Served {
  readonly folder = mkdtempSync(join(tmpdir(), 'virtiolab-vfio-'));
  readonly socket = join(this.folder, 'socket');
  readonly events: ServerEvent[] = [];
  readonly server: VfioUserServer;
  readonly service: Service;

  private constructor(server: VfioUserServer, plug: (device: ServedDevice) => void) {
    this.server = server;
    this.service = server.serve({
      socket: this.socket,
      plug,
      onEvent: (event) => void this.events.push(event),
    });
  }

  static async of(behaviour: DeviceBehaviour, window: OrdinaryWayName = 'io-bar'): Promise<Served> {
    return Served.plugged((device) => void presentDevice(device, behaviour, SERVED_ADDRESS, { window }));
  }

  static async plugged(plug: (device: ServedDevice) => void): Promise<Served> {
    return new Served(await VfioUserServer.start(), plug);
  }

  get device(): ServedDevice {
    return this.service.device;
  }

  /** Why clients were sent away, as far as they were. */
  get reasons(): string[] {
    return this.events.flatMap((event) => (event.kind === 'detached' ? [event.reason] : []));
  }

  async connect(): Promise<Client> {
    const client = new Client(this.socket);
    await client.negotiate();
    return client;
  }

  async close(): Promise<void> {
    await this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What an answer says. */
export interface Answer {
  /** 0 where it is none. */
  readonly error: number;
  readonly payload: Uint8Array;
}

const answerOf = (message: Message): Answer => ({
  error: (message.flags & messageFlags.error) === 0 ? 0 : message.error,
  payload: message.bytes.slice(message.at, message.at + message.length),
});

/** A client that waits for nothing on this thread, and can send whatever it likes. */
export class Client {
  readonly channel: Channel;
  readonly memory: SharedMemory;
  readonly bytes: Uint8Array;
  /** Commands of the server, and what they are answered by. */
  onCommand: (message: Message) => void = () => {};
  #id = 100;

  constructor(path: string) {
    this.channel = new Channel(MessageSocket.connect(library, path));
    this.memory = new SharedMemory(library, 1 << 20);
    this.bytes = this.memory.mapping.views[0]!;
  }

  send(command: number, payload: Uint8Array | null, flags = 0, fds: readonly number[] = []): number {
    const id = this.#id++;
    this.channel.send(id, command, flags, 0, payload, fds);
    return id;
  }

  async answer(id: number): Promise<Answer> {
    for (const end = performance.now() + 20_000; ; ) {
      const message = this.channel.next();
      if (message !== null && !isReply(message)) this.onCommand(message);
      else if (message !== null) {
        if (message.id !== id) throw new Error(`an answer to ${message.id} instead of ${id}`);
        return answerOf(message);
      } else if (this.channel.ended) throw new Error('the server has closed the connection');
      else if (performance.now() > end) throw new Error(`no answer to ${id}`);
      else await turn();
    }
  }

  command(
    name: VfioCommandName,
    payload: Uint8Array | null = null,
    fds: readonly number[] = [],
  ): Promise<Answer> {
    return this.answer(this.send(vfioCommand[name], payload, 0, fds));
  }

  async negotiate(): Promise<void> {
    const { error } = await this.command('version', proposal());
    if (error !== 0) throw new Error(`version refused: ${error}`);
  }

  async read(region: number, offset: number, count: number): Promise<Answer> {
    return this.command('regionRead', structure(regionAccessPayload, { offset, region, count }));
  }

  async readNumber(region: number, offset: number, count: 1 | 2 | 4): Promise<number> {
    const { payload } = await this.read(region, offset, count);
    let value = 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + payload[16 + i]!;
    return value;
  }

  async write(region: number, offset: number, value: number, count: 1 | 2 | 4): Promise<Answer> {
    const data = Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24).subarray(0, count);
    return this.command('regionWrite', structure(regionAccessPayload, { offset, region, count }, data));
  }

  mapRequest(address: number, size: number, offset = 0, flags = dmaFlags.read | dmaFlags.write): Uint8Array {
    return structure(dmaMapPayload, { argsz: 32, flags, offset, address, size });
  }

  async map(address = 0, size = this.bytes.length, shared = true): Promise<Answer> {
    return this.command('dmaMap', this.mapRequest(address, size), shared ? [this.memory.fd] : []);
  }

  async setIrqs(
    index: number,
    flags: number,
    count: number,
    fds: readonly number[] = [],
    start = 0,
  ): Promise<Answer> {
    const payload = structure(irqSetPayload, { argsz: 20, flags, index, start, count });
    return this.command('deviceSetIrqs', payload, fds);
  }

  event(): Event {
    return new Event(library);
  }

  async ended(): Promise<void> {
    await until('the server has closed the connection', () => {
      while (this.channel.next() !== null);
      return this.channel.ended;
    });
  }

  close(): void {
    this.channel.close();
    this.memory.close();
  }
}

export { getFields, structure };
