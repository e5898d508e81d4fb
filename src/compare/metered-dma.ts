import { DmaDomain, DmaRegion, type GuestMemory, type Ram, type ViewCache } from '../core/index.ts';

/** Transfers of a device, and their bytes. */
export interface DmaCounts {
  reads: number;
  readBytes: number;
  writes: number;
  writtenBytes: number;
}

/** What a device fetches or puts back at once: fields of a ring that lie together, as one memory transaction carries them. */
const LINE_BYTES = 64;
const NOWHERE = -1;

/**
 * Counts the transfers of a device. Fields that are accessed one after the other, in the same direction and within the same
 * aligned 64 bytes, are one transfer, of the bytes from the first to the last of them; a payload is a transfer of its own.
 */
export class DmaMeter {
  readonly counts: DmaCounts = { reads: 0, readBytes: 0, writes: 0, writtenBytes: 0 };
  #line = NOWHERE;
  #writing = false;
  #from = 0;
  #to = 0;

  /** A piece of RAM was read or written; `at` is its guest-physical address. */
  count(writing: boolean, at: number, length: number): void {
    const line = Math.floor(at / LINE_BYTES);
    const whole = Math.floor((at + length - 1) / LINE_BYTES) !== line;
    if (!whole && line === this.#line && writing === this.#writing) {
      const [from, to] = [Math.min(this.#from, at), Math.max(this.#to, at + length)];
      this.#add(writing, 0, to - from - (this.#to - this.#from));
      this.#from = from;
      this.#to = to;
      return;
    }
    this.#add(writing, 1, length);
    this.#line = whole ? NOWHERE : line;
    this.#writing = writing;
    this.#from = at;
    this.#to = at + length;
  }

  #add(writing: boolean, transfers: number, bytes: number): void {
    if (writing) {
      this.counts.writes += transfers;
      this.counts.writtenBytes += bytes;
    } else {
      this.counts.reads += transfers;
      this.counts.readBytes += bytes;
    }
  }
}

/** The view of a range of RAM whose every access is counted. */
class MeteredView extends DataView<ArrayBuffer> {
  readonly #meter: DmaMeter;
  readonly #base: number;

  constructor(meter: DmaMeter, base: number, { buffer, byteOffset, byteLength }: DataView) {
    super(buffer as ArrayBuffer, byteOffset, byteLength);
    this.#meter = meter;
    this.#base = base;
  }

  override getUint8(at: number): number {
    this.#meter.count(false, this.#base + at, 1);
    return super.getUint8(at);
  }

  override getUint16(at: number, little?: boolean): number {
    this.#meter.count(false, this.#base + at, 2);
    return super.getUint16(at, little);
  }

  override getInt32(at: number, little?: boolean): number {
    this.#meter.count(false, this.#base + at, 4);
    return super.getInt32(at, little);
  }

  override getUint32(at: number, little?: boolean): number {
    this.#meter.count(false, this.#base + at, 4);
    return super.getUint32(at, little);
  }

  override setUint8(at: number, value: number): void {
    this.#meter.count(true, this.#base + at, 1);
    super.setUint8(at, value);
  }

  override setUint16(at: number, value: number, little?: boolean): void {
    this.#meter.count(true, this.#base + at, 2);
    super.setUint16(at, value, little);
  }

  override setInt32(at: number, value: number, little?: boolean): void {
    this.#meter.count(true, this.#base + at, 4);
    super.setInt32(at, value, little);
  }

  override setUint32(at: number, value: number, little?: boolean): void {
    this.#meter.count(true, this.#base + at, 4);
    super.setUint32(at, value, little);
  }
}

/** A region whose every access is counted: no way past its view and its copies. */
class MeteredRegion extends DmaRegion {
  readonly #meter: DmaMeter;

  constructor(meter: DmaMeter, start: number, end: number, write: boolean, base: number, ram: Ram) {
    const view = new MeteredView(meter, ram.start, ram.view);
    super(start, end, write, base, { ...ram, view, words: null, halves: null });
    this.#meter = meter;
  }

  override copyOut(at: number, target: Uint8Array, offset: number, length: number): void {
    if (length > 0) this.#meter.count(false, this.physicalBase + at, length);
    super.copyOut(at, target, offset, length);
  }

  override copyIn(
    at: number,
    source: Uint8Array,
    offset: number,
    length: number,
    views: ViewCache | null,
  ): void {
    if (length > 0) this.#meter.count(true, this.physicalBase + at, length);
    super.copyIn(at, source, offset, length, views);
  }
}

/** What a function reaches of a memory, with every transfer counted by a meter: one of one's own hears of each piece. */
export class MeteredDma extends DmaDomain {
  readonly meter: DmaMeter;

  constructor(memory: GuestMemory, meter = new DmaMeter()) {
    super(memory);
    this.meter = meter;
    // Whoever writes past the copies asks whether somebody watches.
    this.observer = () => {};
  }

  protected override regionOf(start: number, end: number, write: boolean, base: number, ram: Ram): DmaRegion {
    return new MeteredRegion(this.meter, start, end, write, base, ram);
  }

  override writeByte(address: number, value: number): boolean {
    const written = super.writeByte(address, value);
    if (written) this.meter.count(true, this.physical(address), 1);
    return written;
  }
}
