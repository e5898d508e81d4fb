import {
  alignedPiece,
  bytes,
  expectSame,
  maskOf,
  type Register,
  type RegisterMap,
  RegisterMapError,
  type State,
  type Stateful,
  StateMismatchError,
  type Width,
} from '../core/index.ts';
import { ConfigTemplate, freshTemplate, shareTemplate } from './config-template.ts';

/** Hears of software's accesses to bytes `start` up to, and without, `end`. */
export interface ConfigListener {
  /** Before they are read. */
  beforeRead?(start: number, end: number): void;
  /** After they were written. */
  afterWrite?(start: number, end: number): void;
}

/** Whether an access of bytes `start` up to `end` reaches `length` bytes from `at`. */
export const reaches = (start: number, end: number, at: number, length: number): boolean =>
  start < at + length && end > at;

/** Values of a block's fields where they differ from the table's reset values. */
export type FieldValues<M extends RegisterMap> = { readonly [N in keyof M]?: number };

/** The rows of tables that were laid down before: of thousands of functions each lays the same. */
const rows = new WeakMap<RegisterMap, readonly (readonly [string, Register])[]>();

function rowsOf(map: RegisterMap): readonly (readonly [string, Register])[] {
  let found = rows.get(map);
  if (found === undefined) rows.set(map, (found = Object.entries(map)));
  return found;
}

const NO_LISTENERS: readonly ConfigListener[] = [];
const NOTHING_LIVE: ReadonlyMap<number, number> = new Map();

/**
 * Configuration space of one function: bytes, with a mask of the bits that a write changes and one of those that
 * writing 1 clears. Everything else is hardwired. Listeners hear of reads before, and of writes after they happen. A
 * function that nobody has written to yet has no bytes of its own, but those of its {@link ConfigTemplate}.
 */
export class ConfigSpace implements Stateful {
  #template: ConfigTemplate;
  /** Null while they are as after power-on. */
  #bytes: Uint8Array | null = null;
  #listeners = NO_LISTENERS;
  #sealed = false;

  readonly length: number;

  readonly #live: ReadonlyMap<number, number>;

  /**
   * `length` in bytes: 256, or 4096 where the function is PCI Express.
   * @param live bits, by byte, that change though software does not write them.
   */
  constructor(length: number, live: ReadonlyMap<number, number> = NOTHING_LIVE) {
    this.length = length;
    this.#live = live;
    this.#template = freshTemplate(length);
  }

  /** The template, to be changed. */
  #own(): ConfigTemplate {
    if (this.#template.shared) this.#template = new ConfigTemplate(this.length, this.#template);
    return this.#template;
  }

  #setByte(at: number, value: number): void {
    if (this.#bytes === null) {
      if (this.#template.initial[at] === value) return;
      // Before it is sealed, what is set is what a reset restores.
      if (!this.#sealed) {
        this.#own().wire(at, value);
        return;
      }
      this.#bytes = this.#template.initial.slice();
    }
    this.#bytes[at] = value;
  }

  /**
   * Lays a block down at `at`: its reset values, or `values` by field name, and its masks.
   * @throws RegisterMapError when it does not fit, or a value does not fit its field.
   */
  place<M extends RegisterMap>(map: M, at: number, values: FieldValues<M> = {}): void {
    for (const [name, register] of rowsOf(map)) {
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
    const template = this.#own();
    for (let i = 0; i < width; i++) template.mask(at + i, writable >>> (8 * i), clearable >>> (8 * i));
  }

  /** The function's own view: no masks, no hooks. */
  get(at: number, width: Width): number {
    const bytes = this.#bytes ?? this.#template.initial;
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0xff);
    return value;
  }

  /** The function's own view: no masks, no hooks. What is set before the function is plugged outlives a reset. */
  set(at: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.#setByte(at + i, (value >>> (8 * i)) & 0xff);
  }

  /** A value that the hardware is wired to from now on: a reset keeps it. */
  wire(at: number, width: Width, value: number): void {
    // As after power-on it has no bytes of its own to be changed.
    if (this.#bytes !== null) this.set(at, width, value);
    if (this.#isWired(at, width, value)) return;
    const template = this.#own();
    for (let i = 0; i < width; i++) template.wire(at + i, value >>> (8 * i));
    if (this.#sealed) this.#template = shareTemplate(this.#template);
  }

  #isWired(at: number, width: Width, value: number): boolean {
    const { initial } = this.#template;
    for (let i = 0; i < width; i++) if (initial[at + i] !== ((value >>> (8 * i)) & 0xff)) return false;
    return true;
  }

  /** Takes the present bytes as those that a reset restores. */
  seal(): void {
    this.#sealed = true;
    if (this.#bytes !== null) this.#own().take(this.#bytes);
    this.#bytes = null;
    this.#template = shareTemplate(this.#template);
  }

  listen(listener: ConfigListener): void {
    this.#listeners = this.#listeners.concat(listener);
  }

  onRead(at: number, length: number, run: () => void): void {
    this.listen({ beforeRead: (start, end) => void (reaches(start, end, at, length) && run()) });
  }

  onWrite(at: number, length: number, run: () => void): void {
    this.listen({ afterWrite: (start, end) => void (reaches(start, end, at, length) && run()) });
  }

  /** Software's read; all ones past the end. */
  read(offset: number, width: Width): number {
    if (offset + width > this.length) return maskOf(width);
    for (const listener of this.#listeners) listener.beforeRead?.(offset, offset + width);
    return this.get(offset, width);
  }

  /** Software's write. */
  write(offset: number, width: Width, value: number): void {
    if (offset + width > this.length) return;
    const { writable, clearable } = this.#template;
    for (let i = 0; i < width; i++) {
      const at = offset + i;
      const byte = (value >>> (8 * i)) & 0xff;
      const mask = writable[at]!;
      const kept = this.get(at, 1) & ~mask & ~(byte & clearable[at]!);
      this.#setByte(at, kept | (byte & mask));
    }
    for (const listener of this.#listeners) listener.afterWrite?.(offset, offset + width);
  }

  /** Back to the state after power-on. No listener hears of it. */
  reset(): void {
    this.#bytes = null;
  }

  /** A byte as it is after power-on. */
  initial(at: number): number {
    return this.#sealed ? this.#template.initial[at]! : this.get(at, 1);
  }

  /** Bytes that are not hardwired to 0: what a function of hardware has to keep or to wire. */
  inUse(): number {
    const { writable, clearable } = this.#template;
    let count = 0;
    for (let at = 0; at < this.length; at++)
      if ((this.initial(at) | writable[at]! | clearable[at]!) !== 0) count++;
    return count;
  }

  /** A number that stands for all that is built in: bytes and masks, but for `except`, which are filled in later. */
  fingerprint(except: readonly number[]): number {
    if (this.#sealed || this.#bytes === null) return this.#template.fingerprint(except);
    const present = new ConfigTemplate(this.length, this.#template);
    present.take(this.#bytes);
    return present.fingerprint(except);
  }

  save(): Uint8Array {
    return (this.#bytes ?? this.#template.initial).slice();
  }

  check(state: State, path = 'configuration space') {
    const saved = bytes().parse(state, path);
    expectSame(`${path}.length`, saved.length, this.length);
    const { writable, clearable } = this.#template;
    const initials = this.#sealed ? this.#template.initial : (this.#bytes ?? this.#template.initial);
    for (let at = 0; at < saved.length; at++) {
      const [found, initial] = [saved[at]!, initials[at]!];
      if (found === initial) continue;
      const built = ~(writable[at]! | clearable[at]! | (this.#live.get(at) ?? 0)) & 0xff;
      if (((found ^ initial) & built) !== 0)
        throw new StateMismatchError(`${path}[${at}]`, found, `${initial} in the bits ${built}`);
    }
    return saved;
  }

  load(state: State): void {
    this.restore(this.check(state));
  }

  /** Takes bytes over that were looked at. */
  restore(saved: Uint8Array): void {
    this.#bytes = this.#sealed && this.#template.isAs(saved) ? null : saved.slice();
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
