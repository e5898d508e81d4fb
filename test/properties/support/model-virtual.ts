import type { Width } from '../../../src/core/index.ts';

/*
 * What PCI Express 5.0, section 9.3, has a physical function's virtual ones do, written down once more and without any of the
 * code: a function's state is its bus master bit and 256 bytes in its first BAR.
 */

export const TOTAL = 5;
const PAGES = 0x553;
const SCRATCH_AT = 0x40;
const SCRATCH_BYTES = 0x100;

class VirtualModel {
  busMaster = false;
  readonly scratch = new Uint8Array(SCRATCH_BYTES);
}

/** Registers of the capability that can be written, at their offsets in it: BAR0 has 64 bits, BAR2 32. */
export class PhysicalModel {
  control = 0;
  numVfs = 0;
  pages = 1;
  readonly bars = { 0: 0n, 2: 0n };
  functions: VirtualModel[] = [];

  get count(): number {
    return this.functions.length;
  }

  get piece(): number {
    let bit = 0;
    while (bit < 32 && ((this.pages >>> bit) & 1) === 0) bit++;
    return bit === 32 ? 4096 : 4096 * 2 ** bit;
  }

  register(offset: number): number {
    const [low, high] = [Number(this.bars[0] & 0xffffffffn), Number(this.bars[0] >> 32n)];
    const known: { [offset: number]: number } = {
      8: this.control,
      12: (TOTAL << 16) | TOTAL,
      16: this.numVfs,
      20: 0x00010001,
      24: 0xabcd0000,
      28: PAGES,
      32: this.pages,
      36: low + 0xc,
      40: high,
      44: Number(this.bars[2]),
    };
    return known[offset] ?? 0;
  }

  write(offset: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.#byte(offset + i, (value >>> (8 * i)) & 0xff);
    this.#align();
    const enable = (this.control & 1) !== 0;
    if (enable && !this.#enabled)
      this.functions = Array.from({ length: Math.min(this.numVfs, TOTAL) }, () => new VirtualModel());
    if (!enable) this.functions = [];
    this.#enabled = enable;
  }
  #enabled = false;

  #byte(at: number, byte: number): void {
    const into = (value: number, base: number, mask: number) => {
      const shift = 8 * (at - base);
      const bits = (mask >>> shift) & 0xff;
      return ((value & ~(bits << shift)) | ((byte & bits) << shift)) >>> 0;
    };
    if (at >= 0x08 && at < 0x0a) this.control = into(this.control, 0x08, 0x19);
    if (at >= 0x10 && at < 0x12 && !this.#enabled) this.numVfs = into(this.numVfs, 0x10, 0xffff);
    if (at >= 0x20 && at < 0x24 && !this.#enabled) this.pages = into(this.pages, 0x20, PAGES);
    const put = (bar: 0 | 2, place: number) => {
      const shift = BigInt(8 * place);
      this.bars[bar] = (this.bars[bar] & ~(0xffn << shift)) | (BigInt(byte) << shift);
    };
    if (at >= 0x24 && at < 0x2c) put(0, at - 0x24);
    if (at >= 0x2c && at < 0x30) put(2, at - 0x2c);
  }

  #align(): void {
    for (const bar of [0, 2] as const) this.bars[bar] &= ~BigInt(this.piece - 1);
  }

  /** A reset of the physical function. */
  reset(): void {
    this.control = this.numVfs = 0;
    this.pages = 1;
    this.bars[0] = this.bars[2] = 0n;
    this.functions = [];
    this.#enabled = false;
  }

  #decoded(bar: 0 | 2, address: number): { fn: VirtualModel; offset: number } | null {
    if ((this.control & 9) !== 9) return null;
    const at = Number(this.bars[bar]);
    const end = at + this.count * this.piece;
    if (at === 0 || end >= (bar === 0 ? Number.MAX_SAFE_INTEGER : 2 ** 32)) return null;
    if (address < at || address >= end) return null;
    const nth = Math.floor((address - at) / this.piece);
    return { fn: this.functions[nth]!, offset: address - at - nth * this.piece };
  }

  /** A byte of memory; null where nobody answers. */
  byte(address: number): number {
    const first = this.#decoded(0, address);
    if (first !== null) return first.fn.scratch[first.offset - SCRATCH_AT] ?? 0;
    const second = this.#decoded(2, address);
    if (second === null) return 0xff;
    // Two masked vectors.
    return second.offset === 12 || second.offset === 28 ? 1 : 0;
  }

  writeByte(address: number, value: number): void {
    const first = this.#decoded(0, address);
    if (first === null) return;
    const at = first.offset - SCRATCH_AT;
    if (at >= 0 && at < SCRATCH_BYTES) first.fn.scratch[at] = value;
  }
}
