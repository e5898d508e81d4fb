import { FOUR_GIB, VirtiolabError, type Width } from '../core/index.ts';
import { barBits, EXTENDED_BYTES, type0Header } from '../pci/layout/index.ts';
import type { ConfigReader } from './capability-walk.ts';

/** Bytes that nobody wrote down: they are unknown, not zero. */
export class UnknownBytesError extends VirtiolabError {
  readonly offset: number;

  constructor(offset: number) {
    super(`the byte at 0x${offset.toString(16)} of configuration space is unknown`);
    this.offset = offset;
  }
}

/** Configuration space of a function as somebody wrote it down: 4096 bytes at most, of which some are known. */
export class ConfigImage {
  readonly #bytes = new Uint8Array(EXTENDED_BYTES);
  readonly #known = new Uint8Array(EXTENDED_BYTES);

  /** An image whose first bytes are known. */
  static of(bytes: Uint8Array): ConfigImage {
    const image = new ConfigImage();
    for (const [offset, byte] of bytes.subarray(0, EXTENDED_BYTES).entries()) image.set(offset, byte);
    return image;
  }

  /** What software reads of a whole space of `length` bytes, a multiple of 4. */
  static taken(read: ConfigReader, length: number): ConfigImage {
    const image = new ConfigImage();
    for (let offset = 0; offset < Math.min(length, EXTENDED_BYTES); offset += 4) {
      const dword = read(offset, 4);
      for (let i = 0; i < 4; i++) image.set(offset + i, (dword >>> (8 * i)) & 0xff);
    }
    return image;
  }

  /** `offset` of 0..4095. */
  set(offset: number, byte: number): void {
    this.#bytes[offset] = byte;
    this.#known[offset] = 1;
  }

  knows(offset: number, length = 1): boolean {
    for (let at = offset; at < offset + length; at++) if (this.#known[at] !== 1) return false;
    return true;
  }

  /** Bytes that are known from the start on, without a gap. */
  get length(): number {
    const end = this.#known.indexOf(0);
    return end < 0 ? EXTENDED_BYTES : end;
  }

  /** Little-endian, at any offset. @throws UnknownBytesError */
  readonly read: ConfigReader = (offset: number, width: Width): number => {
    let value = 0;
    for (let at = offset + width - 1; at >= offset; at--) {
      if (!this.knows(at)) throw new UnknownBytesError(at);
      value = value * 256 + this.#bytes[at]!;
    }
    return value;
  };

  /** What `ask` makes of the image, or null where that needs unknown bytes. */
  ask<T>(ask: (read: ConfigReader) => T): T | null {
    try {
      return ask(this.read);
    } catch (error) {
      if (error instanceof UnknownBytesError) return null;
      throw error;
    }
  }
}

/** A base address register as it was written down. How many bytes it takes, no register tells. */
export interface ImageBar {
  readonly index: number;
  readonly kind: 'io' | 'memory32' | 'memory64';
  readonly prefetchable: boolean;
  /** Null where the upper half of it is unknown. */
  readonly address: number | null;
}

/**
 * The base address registers that are in use, or may be: one that reads 0 is none, or one without an address.
 * @param count registers of this kind of header.
 */
export function barsOf(image: ConfigImage, count: number = type0Header.bar.count): ImageBar[] {
  const register = (index: number) => image.ask((read) => read(type0Header.bar.offset + 4 * index, 4));
  const bars: ImageBar[] = [];
  for (let index = 0; index < count; index++) {
    const low = register(index);
    if (low === null || low === 0) continue;
    if ((low & barBits.io) !== 0) {
      bars.push({ index, kind: 'io', prefetchable: false, address: (low & barBits.ioAddressMask) >>> 0 });
      continue;
    }
    const prefetchable = (low & barBits.prefetchable) !== 0;
    const address = (low & barBits.memoryAddressMask) >>> 0;
    if ((low & barBits.typeMask) !== barBits.memory64) {
      bars.push({ index, kind: 'memory32', prefetchable, address });
      continue;
    }
    const high = index + 1 < count ? register(index + 1) : 0;
    bars.push({
      index,
      kind: 'memory64',
      prefetchable,
      address: high === null ? null : high * FOUR_GIB + address,
    });
    index++;
  }
  return bars;
}
