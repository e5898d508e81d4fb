import {
  type NetworkLink,
  type NetworkPort,
  newNetworkHeader,
  type Offload,
} from '../../../src/virtio/index.ts';
import { BUFFERS, type LegacyGuest, type ModernGuest } from './guests.ts';
import type { RawRing } from './ring.ts';

/** A link that keeps what it is given. */
export class TestLink implements NetworkLink {
  readonly offloads: boolean;
  readonly sent: { readonly frame: Uint8Array; readonly offload: Offload | null }[] = [];
  port!: NetworkPort;
  onTransmit: () => void = () => {};

  constructor(offloads = false) {
    this.offloads = offloads;
  }

  attach(port: NetworkPort): void {
    this.port = port;
  }

  transmit(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    this.sent.push({
      frame: bytes.slice(offset, offset + length),
      offload: offload === null ? null : { ...offload },
    });
    this.onTransmit();
  }

  /** A frame arrives, in the middle of a larger array. */
  arrive(frame: Uint8Array, offload: Partial<Offload> | null = null): boolean {
    const bytes = new Uint8Array(frame.length + 10).fill(0x99);
    bytes.set(frame, 7);
    return this.port.receive(
      bytes,
      7,
      frame.length,
      offload === null ? null : { ...newNetworkHeader(), ...offload },
    );
  }
}

export interface RawHeader {
  readonly flags?: number;
  readonly gsoType?: number;
  readonly hdrLen?: number;
  readonly gsoSize?: number;
  readonly csumStart?: number;
  readonly csumOffset?: number;
  readonly numBuffers?: number;
}

/** `struct virtio_net_hdr` as the specification draws it, of 12 bytes, or of 10 without the last field. */
export function rawHeader(header: RawHeader, bytes: number, little = true): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint8(0, header.flags ?? 0);
  view.setUint8(1, header.gsoType ?? 0);
  view.setUint16(2, header.hdrLen ?? 0, little);
  view.setUint16(4, header.gsoSize ?? 0, little);
  view.setUint16(6, header.csumStart ?? 0, little);
  view.setUint16(8, header.csumOffset ?? 0, little);
  view.setUint16(10, header.numBuffers ?? 0, little);
  return new Uint8Array(view.buffer, 0, bytes);
}

/** `length` bytes from one station to another, of a type that means nothing. */
export function plainFrame(
  length = 60,
  to: readonly number[] = OUR_MAC,
  type: readonly number[] = [0x88, 0xb5],
) {
  const frame = new Uint8Array(length).map((_, i) => (i * 7 + length) & 0xff);
  frame.set([...to, 2, 9, 9, 9, 9, 9, ...type]);
  return frame;
}

export const OUR_MAC = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56] as const;
export const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] as const;

/** Bytes between two buffers, and where they begin. */
const STEP = 0x1000;
const TX = BUFFERS;
const CONTROL = BUFFERS + 0x10000;
const RX = BUFFERS + 0x20000;
const UNTOUCHED = 0xee;

/** The queues of a network device, written byte by byte. */
export class RawNetwork {
  readonly #guest: LegacyGuest | ModernGuest;
  readonly #rings: ReadonlyMap<number, RawRing>;
  readonly #next = new Map<number, number>();
  readonly #buffers = new Map<string, { readonly address: number; readonly length: number }>();
  readonly #seen = new Map<number, number>();
  readonly control: number;

  /** @param queues and their rings, in the same order; the last is the control queue. */
  constructor(guest: LegacyGuest | ModernGuest, queues: readonly number[], rings: readonly RawRing[]) {
    this.#guest = guest;
    this.#rings = new Map(queues.map((queue, i) => [queue, rings[i]!]));
    this.control = queues.at(-1)!;
  }

  /** Receive queues that were set up. */
  get receiveQueues(): number[] {
    return [...this.#rings.keys()].filter((queue) => queue % 2 === 0 && queue !== this.control);
  }

  ring(queue: number): RawRing {
    return this.#rings.get(queue)!;
  }

  /** Exposes a chain of descriptors of those lengths, one behind the other from `address` on. */
  expose(queue: number, address: number, readable: readonly number[], writable: readonly number[]): number {
    const ring = this.ring(queue);
    const cuts = [
      ...readable.map((length) => ({ length, flags: 0 })),
      ...writable.map((length) => ({ length, flags: 2 })),
    ];
    let head = this.#next.get(queue) ?? 0;
    if (head + cuts.length > ring.size) head = 0;
    this.#next.set(queue, head + cuts.length);
    let at = address;
    ring.chain(
      head,
      cuts.map(({ length, flags }) => {
        at += length;
        return { address: at - length, length, flags };
      }),
    );
    ring.offer(head);
    this.#guest.kick(queue);
    return head;
  }

  /** A receive buffer in descriptors of those lengths. */
  buffer(cuts: readonly number[] = [2048], queue = 0, address?: number): void {
    const at = address ?? RX + queue * 0x8000 + STEP * ((this.#next.get(queue) ?? 0) % 16);
    const length = cuts.reduce((sum, each) => sum + each, 0);
    if (address === undefined) this.#guest.machine.ram.fill(at, length, UNTOUCHED);
    const head = this.expose(queue, at, [], cuts);
    this.#buffers.set(`${queue}:${head}`, { address: at, length });
  }

  /** Receive buffers that came back since the last call: what was written, and that nothing was written behind that. */
  taken(queue = 0): Uint8Array[] {
    const ring = this.ring(queue);
    const before = this.#seen.get(queue) ?? 0;
    this.#seen.set(queue, ring.usedIndex);
    return ring.used((ring.usedIndex - before) & 0xffff).map(([id, length]) => {
      const { address, length: room } = this.#buffers.get(`${queue}:${id}`)!;
      const { ram } = this.#guest.machine;
      if (ram.read(address + length, room - length).some((byte) => byte !== UNTOUCHED))
        throw new Error(`more than ${length} bytes were written`);
      return ram.read(address, length);
    });
  }

  /** Sends header and frame. @returns the used length. */
  send(header: Uint8Array, frame: Uint8Array, cuts?: readonly number[], queue = 1): number {
    const { ram } = this.#guest.machine;
    ram.write(TX, header);
    ram.write(TX + header.length, frame);
    this.expose(queue, TX, cuts ?? [header.length, frame.length], []);
    return this.ring(queue).used(1)[0]![1];
  }

  /** A command in the framing of drivers without ANY_LAYOUT. @returns the ack; null where none was written. */
  command(
    commandClass: number,
    command: number,
    pieces: readonly (readonly number[])[] = [],
    cuts?: readonly number[],
    writable: readonly number[] = [1],
  ): number | null {
    const bytes = [commandClass, command, ...pieces.flat()];
    const readable = cuts ?? [2, ...pieces.map(({ length }) => length)];
    const ackAt = CONTROL + readable.reduce((sum, each) => sum + each, 0);
    const { ram } = this.#guest.machine;
    ram.write(CONTROL, Uint8Array.from(bytes));
    ram.fill(ackAt, 8, UNTOUCHED);
    this.expose(this.control, CONTROL, readable, writable);
    const [, used] = this.ring(this.control).used(1)[0]!;
    if (used === 0) return null;
    if (used !== 1) throw new Error(`${used} bytes of an ack`);
    return ram.read(ackAt, 1)[0]!;
  }
}

/** Resets the device and starts it again, with rings in memory that is zero as a driver has to make it. */
export function restart(guest: ModernGuest, features: readonly number[], queues = [0, 1, 2]): RawNetwork {
  guest.block.set('deviceStatus', 0);
  guest.machine.ram.fill(0x10000, BUFFERS - 0x10000, 0);
  return new RawNetwork(guest, queues, guest.start(features, queues));
}
