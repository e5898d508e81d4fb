import { BUFFERS, type LegacyGuest, type ModernGuest } from './guests.ts';
import type { RawRing } from './ring.ts';

export interface RawRequest {
  readonly type: number;
  readonly sector?: number;
  /** Bytes after the header. */
  readonly out?: Uint8Array;
  /** Writable bytes before the status. */
  readonly inBytes?: number;
  /** Lengths of the readable and of the writable descriptors; by default header, data, data, status. */
  readonly readableCuts?: readonly number[];
  readonly writableCuts?: readonly number[];
}

/** Requests that are to be in flight at a time have memory and descriptors of their own. */
const SLOT_BYTES = 0x2000;
const SLOT_DESCRIPTORS = 8;

export interface RequestPlace {
  readonly queue?: number;
  readonly slot?: number;
}

/** Block requests written byte by byte, in whatever framing. */
export class RawRequests {
  readonly #guest: LegacyGuest | ModernGuest;
  readonly #ring: RawRing;
  readonly #queue: number;
  readonly #head: number;
  readonly #out: number;
  readonly #in: number;

  constructor(guest: LegacyGuest | ModernGuest, ring: RawRing, { queue = 0, slot = 0 }: RequestPlace = {}) {
    this.#guest = guest;
    this.#ring = ring;
    this.#queue = queue;
    this.#head = slot * SLOT_DESCRIPTORS;
    this.#out = BUFFERS + slot * SLOT_BYTES;
    this.#in = BUFFERS + 0x20000 + slot * SLOT_BYTES;
  }

  #header(type: number, sector: number): Uint8Array {
    const little = this.#guest.device.littleEndian;
    const view = new DataView(new ArrayBuffer(16));
    view.setUint32(0, type, little);
    // The reserved word was a priority hint once: the device does not look at it (LEG-BLK-09).
    view.setUint32(4, 0xdeadbeef, little);
    view.setBigUint64(8, BigInt(sector), little);
    return new Uint8Array(view.buffer);
  }

  /** Exposes a request and kicks. */
  send({ type, sector = 0, out = new Uint8Array(), inBytes = 0, ...cuts }: RawRequest): void {
    const { ram } = this.#guest.machine;
    ram.write(this.#out, this.#header(type, sector));
    ram.write(this.#out + 16, out);
    ram.fill(this.#in, inBytes + 1, 0xee);
    const readable = cuts.readableCuts ?? [16, ...(out.length === 0 ? [] : [out.length])];
    const writable = cuts.writableCuts ?? [...(inBytes === 0 ? [] : [inBytes]), 1];
    const place = (start: number, lengths: readonly number[], flags: number) => {
      let at = start;
      return lengths.map((length) => {
        at += length;
        return { address: at - length, length, flags };
      });
    };
    this.#ring.chain(this.#head, [...place(this.#out, readable, 0), ...place(this.#in, writable, 2)]);
    this.#ring.offer(this.#head);
    this.#guest.kick(this.#queue);
  }

  /** What stands in the writable buffers: data, and the status after it. */
  answer(inBytes = 0): { status: number; data: Uint8Array } {
    const { ram } = this.#guest.machine;
    return { status: ram.read(this.#in + inBytes, 1)[0]!, data: ram.read(this.#in, inBytes) };
  }

  /** Sends, and expects the answer at once. @returns status, data and the length in the used element. */
  do(request: RawRequest): { status: number; data: Uint8Array; used: number } {
    const before = this.#ring.usedIndex;
    this.send(request);
    if (this.#ring.usedIndex !== ((before + 1) & 0xffff)) throw new Error('the request did not end');
    return { ...this.answer(request.inBytes ?? 0), used: this.#ring.used(1)[0]![1] };
  }
}
