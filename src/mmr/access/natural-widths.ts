import type { RegisterMap, Width } from '../../core/index.ts';

/** Something that is read and written at offsets in bytes. */
interface Accessed {
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
}

/**
 * Device configuration in the widths that drivers of virtio 1.x have to use (PCI-LAY-01), for a guest that uses others: an access
 * over several fields becomes one each, a part of a field the field, and where that is written the rest of it what it was.
 */
export class NaturalWidths {
  readonly #target: Accessed;
  /** By byte: where its field begins, and how wide that is. A 64-bit field is two of 32 bits. */
  readonly #starts: Uint16Array;
  readonly #widths: Uint8Array;

  /** @param length bytes of configuration; those of no field are each for themselves. */
  constructor(target: Accessed, map: RegisterMap, length: number) {
    this.#target = target;
    this.#starts = Uint16Array.from({ length }, (_, at) => at);
    this.#widths = new Uint8Array(length).fill(1);
    for (const { offset, width, count } of Object.values(map)) {
      const own = Math.min(width, 4);
      for (let at = offset; at < offset + width * count && at + own <= length; at += own) {
        this.#starts.fill(at, at, at + own);
        this.#widths.fill(own, at, at + own);
      }
    }
  }

  /** Little-endian, as the field is. */
  read(offset: number, width: Width): number {
    if (this.#isField(offset, width)) return this.#target.read(offset, width);
    let value = 0;
    for (let done = 0; done < width; ) {
      const at = offset + done;
      const inside = at - this.#starts[at]!;
      const bytes = Math.min(this.#widths[at]! - inside, width - done);
      const field = this.#target.read(at - inside, this.#widths[at] as Width);
      value += (Math.floor(field / 2 ** (8 * inside)) % 2 ** (8 * bytes)) * 2 ** (8 * done);
      done += bytes;
    }
    return value;
  }

  write(offset: number, width: Width, value: number): void {
    if (this.#isField(offset, width)) {
      this.#target.write(offset, width, value);
      return;
    }
    for (let done = 0; done < width; ) {
      const at = offset + done;
      const inside = at - this.#starts[at]!;
      const own = this.#widths[at] as Width;
      const bytes = Math.min(own - inside, width - done);
      const piece = Math.floor(value / 2 ** (8 * done)) % 2 ** (8 * bytes);
      this.#target.write(at - inside, own, bytes === own ? piece : this.#merged(at, inside, bytes, piece));
      done += bytes;
    }
  }

  #isField(offset: number, width: Width): boolean {
    return this.#starts[offset] === offset && this.#widths[offset] === width;
  }

  /** A field with some of its bytes replaced. */
  #merged(at: number, inside: number, bytes: number, piece: number): number {
    const own = this.#widths[at] as Width;
    const shift = 2 ** (8 * inside);
    const before = this.#target.read(at - inside, own);
    const replaced = (Math.floor(before / shift) % 2 ** (8 * bytes)) * shift;
    return before - replaced + piece * shift;
  }
}
