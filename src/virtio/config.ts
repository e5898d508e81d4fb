import {
  type BusTarget,
  expectSame,
  inOrder,
  lengthOf,
  maskOf,
  type RegisterMap,
  readPieces,
  type Stateful,
  type Width,
  writePieces,
} from '../core/index.ts';

/** Byte order of a guest's own integers. */
export type ByteOrder = 'little' | 'big';

/** Where byte `i` of the structure lies in a little-endian image, for a big-endian reader. */
function bigEndianOrder(map: RegisterMap, length: number): Uint16Array {
  const order = Uint16Array.from({ length }, (_, i) => i);
  for (const [, { offset, width, count }] of inOrder(map))
    for (let i = 0; i < width * count && offset + i < length; i++)
      order[offset + i] = offset + i - (i % width) + (width - 1 - (i % width));
  return order;
}

/**
 * Device-specific configuration: a structure kept little-endian and shown in either byte order. Any width reads the same
 * bytes (LEG-LAY-04); unaligned accesses are carried out as aligned pieces; a piece that leaves the structure reads all
 * ones and writes nothing (observed).
 */
export class DeviceConfig<M extends RegisterMap = RegisterMap> implements Stateful<Uint8Array> {
  readonly map: M;
  readonly length: number;
  /** The structure in the byte order of a modern driver. */
  readonly little: BusTarget;
  /** The same for a big-endian legacy guest. */
  readonly big: BusTarget;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #writable: Uint8Array;
  readonly #writeHooks = new Map<keyof M, (written: number) => void>();
  /** What the driver sees: the structure itself, or a picture of it while it is held. */
  #shown: Uint8Array;
  #generation = 0;
  #changed = false;

  /**
   * @param length in bytes, where the device offers fewer fields than the table has.
   * @param guestOrder false for a structure that is little-endian for legacy guests too (LEG-BAL-03).
   */
  constructor(map: M, length: number = lengthOf(map), guestOrder = true) {
    this.map = map;
    this.length = length;
    this.#bytes = new Uint8Array(length);
    this.#shown = this.#bytes;
    this.#view = new DataView(this.#bytes.buffer);
    this.#writable = new Uint8Array(length);
    for (const register of Object.values(map))
      for (let i = 0; i < register.width * register.count; i++) {
        const shift = 8 * (i % register.width);
        if (register.offset + i < length) this.#writable[register.offset + i] = register.writable >>> shift;
      }
    const straight = Uint16Array.from({ length }, (_, i) => i);
    this.little = this.#target(straight);
    this.big = guestOrder ? this.#target(bigEndianOrder(map, length)) : this.little;
  }

  #target(order: Uint16Array): BusTarget {
    const target: BusTarget = {
      read: (offset, width) => {
        if (offset % width !== 0) return readPieces(target, offset, width);
        if (offset + width > this.length) return maskOf(width);
        let value = 0;
        for (let i = width - 1; i >= 0; i--) value = value * 256 + this.#shown[order[offset + i]!]!;
        return value;
      },
      write: (offset, width, value) => {
        if (offset % width !== 0) {
          writePieces(target, offset, width, value);
          return;
        }
        if (offset + width > this.length || this.#held) return;
        for (let i = 0; i < width; i++) {
          const at = order[offset + i]!;
          const mask = this.#writable[at]!;
          this.#bytes[at] = (this.#bytes[at]! & ~mask) | ((value >>> (8 * i)) & mask);
        }
        this.#runHooks(order, offset, width);
      },
    };
    return target;
  }

  #runHooks(order: Uint16Array, offset: number, width: Width): void {
    for (const [name, hook] of this.#writeHooks) {
      const register = this.map[name]!;
      let written = 0;
      for (let i = 0; i < width; i++) {
        const at = order[offset + i]! - register.offset;
        if (at >= 0 && at < register.width * register.count) written |= 0xff << (8 * (at % register.width));
      }
      if (written !== 0) hook(written >>> 0);
    }
  }

  /** Calls `hook` after the driver wrote into a field, with the bits of those of its bytes that were written. */
  onWrite(name: keyof M, hook: (written: number) => void): void {
    this.#writeHooks.set(name, hook);
  }

  /** A field of at most eight bytes, as a Number. */
  get(name: keyof M): number {
    const { offset, width } = this.map[name]!;
    if (width === 8)
      return this.#view.getUint32(offset + 4, true) * 2 ** 32 + this.#view.getUint32(offset, true);
    return width === 4
      ? this.#view.getUint32(offset, true)
      : width === 2
        ? this.#view.getUint16(offset, true)
        : this.#bytes[offset]!;
  }

  /** Fields by name, but for `except`: what was settled when the device was made, where those are what changes. */
  fixed(except: readonly (keyof M)[]): Record<string, number> {
    const names = Object.keys(this.map) as (keyof M & string)[];
    const { map, length } = this;
    const shown = names.filter((name) => map[name]!.offset < length && !except.includes(name));
    return Object.fromEntries(shown.map((name) => [name, this.get(name)]));
  }

  /** The device changes a field. Readers see another generation afterwards (PCI-COM-06). */
  set(name: keyof M, value: number): void {
    const { offset, width } = this.map[name]!;
    if (width === 8) this.#view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
    if (width >= 4) this.#view.setUint32(offset, value >>> 0, true);
    else if (width === 2) this.#view.setUint16(offset, value, true);
    else this.#bytes[offset] = value;
    this.#changed = true;
  }

  /** Bytes of an array field, for the device to read or change. */
  setBytes(name: keyof M, bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.map[name]!.offset);
    this.#changed = true;
  }

  get #held(): boolean {
    return this.#shown !== this.#bytes;
  }

  /** The driver sees the structure as it is now, and cannot write it, until {@link release} (SUSP-08, SUSP-09). */
  hold(): void {
    this.#shown = this.#bytes.slice();
  }

  release(): void {
    this.#shown = this.#bytes;
  }

  /** Generation for a driver that reads it now: another one than before if anything changed since it was last read. */
  readGeneration(): number {
    if (this.#held) return this.#generation;
    if (this.#changed) this.#generation = (this.#generation + 1) & 0xff;
    this.#changed = false;
    return this.#generation;
  }

  save(): Uint8Array {
    const held = this.#held ? this.#shown : [];
    return Uint8Array.of(
      this.#generation,
      this.#changed ? 1 : 0,
      this.#held ? 1 : 0,
      ...this.#bytes,
      ...held,
    );
  }

  check(state: Uint8Array): void {
    expectSame('device configuration', state.length, 3 + (state[2] === 1 ? 2 : 1) * this.length);
  }

  load(state: Uint8Array): void {
    this.check(state);
    const held = state[2] === 1;
    this.#generation = state[0]!;
    this.#changed = state[1] === 1;
    this.#bytes.set(state.subarray(3, 3 + this.length));
    this.#shown = held ? state.slice(3 + this.length) : this.#bytes;
  }
}
