import {
  alignedPiece,
  expectSame,
  maskOf,
  type Register,
  type RegisterMap,
  RegisterMapError,
  type Stateful,
  type Width,
} from '../core/index.ts';

interface Hook {
  readonly start: number;
  readonly end: number;
  readonly run: () => void;
}

/** Values of a block's fields where they differ from the table's reset values. */
export type FieldValues<M extends RegisterMap> = { readonly [N in keyof M]?: number };

/**
 * Configuration space of one function: bytes, with a mask of the bits that a write changes and one of those that
 * writing 1 clears. Everything else is hardwired. Hooks run before a read of, or after a write to, their bytes.
 */
export class ConfigSpace implements Stateful<Uint8Array> {
  readonly bytes: Uint8Array;
  readonly #writable: Uint8Array;
  readonly #clearable: Uint8Array;
  readonly #initial: Uint8Array;
  readonly #beforeRead: Hook[] = [];
  readonly #afterWrite: Hook[] = [];
  #sealed = false;

  readonly length: number;

  /** `length` in bytes: 256, or 4096 where the function is PCI Express. */
  constructor(length: number) {
    this.length = length;
    this.bytes = new Uint8Array(length);
    this.#writable = new Uint8Array(length);
    this.#clearable = new Uint8Array(length);
    this.#initial = new Uint8Array(length);
  }

  /**
   * Lays a block down at `at`: its reset values, or `values` by field name, and its masks.
   * @throws RegisterMapError when it does not fit, or a value does not fit its field.
   */
  place<M extends RegisterMap>(map: M, at: number, values: FieldValues<M> = {}): void {
    for (const [name, register] of Object.entries(map)) {
      const start = at + register.offset;
      if (start + register.width * register.count > this.length)
        throw new RegisterMapError(name, `ends outside configuration space of ${this.length} bytes`);
      const value = values[name] ?? register.reset;
      if (!Number.isInteger(value) || value < 0 || value > maskOf(register.width))
        throw new RegisterMapError(name, `value ${value} does not fit ${8 * register.width} bits`);
      for (let i = 0; i < register.count; i++) this.#lay(start + i * register.width, register, value);
    }
  }

  #lay(at: number, register: Register, value: number): void {
    if (register.width === 8)
      throw new RegisterMapError('configuration register', 'is 64 bits: write two halves');
    this.wire(at, register.width, value);
    this.setMasks(at, register.width, register.writable, register.writeOneToClear);
  }

  /** Says which bits of a field software may change. */
  setMasks(at: number, width: Width, writable: number, clearable = 0): void {
    for (let i = 0; i < width; i++) {
      this.#writable[at + i] = writable >>> (8 * i);
      this.#clearable[at + i] = clearable >>> (8 * i);
    }
  }

  /** The function's own view: no masks, no hooks. */
  get(at: number, width: Width): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.bytes[at + i] ?? 0xff);
    return value;
  }

  /** The function's own view: no masks, no hooks. What is set before the function is plugged outlives a reset. */
  set(at: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.bytes[at + i] = value >>> (8 * i);
  }

  /** A value that the hardware is wired to from now on: a reset keeps it. */
  wire(at: number, width: Width, value: number): void {
    this.set(at, width, value);
    this.#initial.set(this.bytes.subarray(at, at + width), at);
  }

  /** Takes the present bytes as those that a reset restores. */
  seal(): void {
    this.#sealed = true;
    this.#initial.set(this.bytes);
  }

  onRead(start: number, length: number, run: () => void): void {
    this.#beforeRead.push({ start, end: start + length, run });
  }

  onWrite(start: number, length: number, run: () => void): void {
    this.#afterWrite.push({ start, end: start + length, run });
  }

  /** Software's read; all ones past the end. */
  read(offset: number, width: Width): number {
    if (offset + width > this.length) return maskOf(width);
    for (const hook of this.#beforeRead) if (offset < hook.end && offset + width > hook.start) hook.run();
    return this.get(offset, width);
  }

  /** Software's write. */
  write(offset: number, width: Width, value: number): void {
    if (offset + width > this.length) return;
    for (let i = 0; i < width; i++) {
      const at = offset + i;
      const byte = (value >>> (8 * i)) & 0xff;
      const writable = this.#writable[at]!;
      const kept = this.bytes[at]! & ~writable & ~(byte & this.#clearable[at]!);
      this.bytes[at] = kept | (byte & writable);
    }
    for (const hook of this.#afterWrite) if (offset < hook.end && offset + width > hook.start) hook.run();
  }

  /** Back to the state after power-on. No hook runs. */
  reset(): void {
    this.bytes.set(this.#initial);
  }

  /** A byte as it is after power-on. */
  initial(at: number): number {
    return (this.#sealed ? this.#initial : this.bytes)[at]!;
  }

  /** A number that stands for all that is built in: bytes and masks, but for `except`, which are filled in later. */
  fingerprint(except: readonly number[]): number {
    let sum = 0x811c9dc5;
    for (let at = 0; at < this.length; at++)
      // FNV-1a, 32 bits.
      for (const byte of [this.initial(at), this.#writable[at]!, this.#clearable[at]!])
        sum = Math.imul(sum ^ (except.includes(at) ? 0 : byte), 0x01000193);
    return sum >>> 0;
  }

  save(): Uint8Array {
    return this.bytes.slice();
  }

  check(state: Uint8Array): void {
    expectSame('configuration space', state.length, this.length);
  }

  load(state: Uint8Array): void {
    this.check(state);
    this.bytes.set(state);
  }
}

/** Splits an access to configuration space into aligned pieces, as a host bridge does. */
export function readConfigPieces(
  read: (offset: number, width: Width) => number,
  offset: number,
  width: Width,
): number {
  let value = 0;
  for (let done = 0; done < width; ) {
    const piece = alignedPiece(offset + done, width - done);
    value += read(offset + done, piece) * 2 ** (8 * done);
    done += piece;
  }
  return value;
}
