import type { RegisterMap, Width } from '../../src/core/index.ts';

/**
 * A C structure in memory, written and read with DataView in one byte order: what device configuration has to look like
 * to a guest of that order. `values` by field, an element for each of an array.
 */
export class StructModel {
  readonly bytes: Uint8Array;
  readonly #writable: Uint8Array;
  readonly #little: boolean;
  readonly #map: RegisterMap;

  constructor(map: RegisterMap, length: number, values: Record<string, readonly bigint[]>, little: boolean) {
    this.#map = map;
    this.#little = little;
    this.bytes = this.#lay(length, (name, i) => values[name]![i]!);
    this.#writable = this.#lay(length, (name) => {
      const { writable, width } = map[name]!;
      return width === 8 ? BigInt(writable) * 0x1_0000_0001n : BigInt(writable);
    });
  }

  #lay(length: number, value: (name: string, element: number) => bigint): Uint8Array {
    const view = new DataView(new ArrayBuffer(length));
    for (const [name, { offset, width, count }] of Object.entries(this.#map))
      for (let i = 0; i < count; i++) {
        const at = offset + i * width;
        const each = value(name, i);
        if (width === 8) view.setBigUint64(at, each, this.#little);
        else if (width === 4) view.setUint32(at, Number(each), this.#little);
        else if (width === 2) view.setUint16(at, Number(each), this.#little);
        else view.setUint8(at, Number(each));
      }
    return new Uint8Array(view.buffer);
  }

  /** The little-endian number in the aligned bytes at `offset`: what an aligned bus access carries. */
  read(offset: number, width: Width): number {
    if (offset + width > this.bytes.length) return 2 ** (8 * width) - 1;
    return this.bytes.slice(offset, offset + width).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  write(offset: number, width: Width, value: number): void {
    if (offset + width > this.bytes.length) return;
    for (let i = 0; i < width; i++) {
      const mask = this.#writable[offset + i]!;
      this.bytes[offset + i] = (this.bytes[offset + i]! & ~mask) | (Math.floor(value / 2 ** (8 * i)) & mask);
    }
  }

  /** An element of a field, by DataView. */
  field(name: string, element = 0): bigint {
    const { offset, width } = this.#map[name]!;
    const view = new DataView(this.bytes.buffer);
    const at = offset + element * width;
    return width === 8
      ? view.getBigUint64(at, this.#little)
      : BigInt(
          width === 4
            ? view.getUint32(at, this.#little)
            : width === 2
              ? view.getUint16(at, this.#little)
              : view.getUint8(at),
        );
  }
}

/** The aligned pieces of an access, as [offset, width] pairs. */
export function piecesOf(offset: number, width: number): [number, Width][] {
  if (width === 0) return [];
  const piece = ([4, 2, 1] as const).find((each) => each <= width && offset % each === 0)!;
  return [[offset, piece], ...piecesOf(offset + piece, width - piece)];
}
