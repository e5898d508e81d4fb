import { ConsoleDevice, type ConsoleOptions, MemoryConsole } from '../../../src/virtio/index.ts';
import { BUFFERS, type LegacyGuest, ModernGuest } from './guests.ts';
import type { Descriptor, RawRing } from './ring.ts';

/* Offsets, events and byte orders stand here as numbers, taken from the specification's text: not from our tables. */
export const [SIZE, MULTIPORT] = [0, 1];
export const [RX0, TX0, CONTROL_RX, CONTROL_TX, RX1, TX1] = [0, 1, 2, 3, 4, 5];
export const [DEVICE_READY, ADD, REMOVE, PORT_READY] = [0, 1, 2, 3];
export const [CONSOLE_PORT, RESIZE, OPEN, NAME] = [4, 5, 6, 7];
export const ALL = [RX0, TX0, CONTROL_RX, CONTROL_TX, RX1, TX1];
export const ANY_LAYOUT = 2 ** 27;

export const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
export const bytesOf = (line: string) => new TextEncoder().encode(line);

/** A driver of the most primitive kind: it writes into rings what it is told, one chain at a time. */
export class Raw {
  readonly guest: LegacyGuest | ModernGuest;
  readonly rings: RawRing[];
  readonly #next: number[] = [];
  #place = BUFFERS;

  constructor(guest: LegacyGuest | ModernGuest, rings: RawRing[]) {
    this.guest = guest;
    this.rings = rings;
  }

  /** Exposes a chain of buffers. @returns the addresses. */
  expose(queue: number, buffers: readonly (Uint8Array | number)[]): number[] {
    const ring = this.rings[queue]!;
    const places: number[] = [];
    const descriptors = buffers.map((each): Descriptor => {
      const address = this.#place;
      const length = typeof each === 'number' ? each : each.length;
      this.#place += length + 8;
      places.push(address);
      if (typeof each !== 'number') this.guest.machine.ram.write(address, each);
      else this.guest.machine.ram.fill(address, length, 0xee);
      return { address, length, flags: typeof each === 'number' ? 2 : 0 };
    });
    const head = (this.#next[queue] ?? 0) % ring.size;
    this.#next[queue] = head + descriptors.length;
    ring.chain(head, descriptors);
    ring.offer(head);
    this.guest.kick(queue);
    return places;
  }

  /** Gives a buffer. @returns what reads as many bytes as the device says that it wrote; null before that. */
  buffer(queue: number, length: number): () => Uint8Array | null {
    const before = this.rings[queue]!.availableIndex;
    const [address] = this.expose(queue, [length]);
    return () => {
      const ring = this.rings[queue]!;
      if (ring.usedIndex <= before) return null;
      return this.guest.machine.ram.read(address!, ring.used()[before]![1]);
    };
  }

  send(queue: number, bytes: Uint8Array | string): void {
    this.expose(queue, [typeof bytes === 'string' ? bytesOf(bytes) : bytes]);
  }

  control(port: number, event: number, value: number, little = this.guest.little): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, port, little);
    view.setUint16(4, event, little);
    view.setUint16(6, value, little);
    this.send(CONTROL_TX, new Uint8Array(view.buffer));
  }

  /** Takes messages, each in a buffer of its own, until there are no more. @returns `[port, event, value, ...rest]`. */
  messages(little = this.guest.little): number[][] {
    const messages: number[][] = [];
    for (
      let waiting = this.#waiting ?? this.buffer(CONTROL_RX, 300);
      ;
      waiting = this.buffer(CONTROL_RX, 300)
    ) {
      const bytes = waiting();
      this.#waiting = waiting;
      if (bytes === null) return messages;
      const view = new DataView(bytes.buffer);
      const head = [view.getUint32(0, little), view.getUint16(4, little), view.getUint16(6, little)];
      messages.push([...head, ...bytes.subarray(8)]);
    }
  }

  #waiting: (() => Uint8Array | null) | null = null;
}

export function modern(
  options: ConsoleOptions = {},
  features: readonly number[] = [MULTIPORT],
  queues = ALL,
): Raw {
  const guest = new ModernGuest(new ConsoleDevice({ maxPorts: 2, ...options }));
  const raw = new Raw(guest, guest.start(features, queues, 64));
  guest.clauses();
  return raw;
}

/** With port 0, a console, and port 1, both announced and open at both ends. */
export function open(options: ConsoleOptions = {}) {
  const [first, second] = [new MemoryConsole(), new MemoryConsole()];
  const raw = modern({ ports: [{ backend: first }, { backend: second, name: 'two' }], ...options });
  raw.control(0, DEVICE_READY, 1);
  raw.messages();
  for (const { number } of (raw.guest.device.behaviour as ConsoleDevice).ports) {
    raw.control(number, PORT_READY, 1);
    raw.control(number, OPEN, 1);
  }
  raw.messages();
  const device = raw.guest.device.behaviour as ConsoleDevice;
  return { raw, first, second, device, guest: raw.guest };
}
