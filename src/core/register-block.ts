import { RegisterMapError } from './errors.ts';
import { type Access, inOrder, maskOf, type Register, type RegisterMap, type Width } from './register-map.ts';

/** Anything that answers accesses of a bus. Offsets are relative to its own start; values are unsigned. */
export interface BusTarget {
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
  /**
   * Width of the register that begins at `offset`; 1 where none does. For machines that split accesses: what has to be
   * read whole can be put together again. A target without it answers byte by byte as well as whole.
   */
  widthAt?(offset: number): Width;
}

/**
 * What serves one register of an instance `T`: a reader, and a writer exactly when the table says that it can be written.
 */
export type Handler<A extends Access, T> = A extends 'rw'
  ? { read(instance: T): number; write(instance: T, value: number): void }
  : { read(instance: T): number };

/** One handler for each register of a map; a missing one, or a writer on a read-only register, does not compile. */
export type Handlers<M extends RegisterMap, T> = {
  readonly [N in keyof M]: M[N] extends Register<infer A> ? Handler<A, T> : never;
};

/** What an access reads where no register begins. Writes there are dropped. */
export type Hole = 'ones' | 'zeros';

const HOLE = -1;
const SPLIT = -2;

/** Index of an (offset, width) pair: widths 4, 1, 2 become 0, 1, 2 in the low bits. */
const slot = (offset: number, width: Width) => (offset << 2) | (width & 3);

interface Compiled {
  readonly names: readonly string[];
  readonly registers: readonly Register[];
  readonly slots: Int16Array;
}

const compiled = new WeakMap<RegisterMap, Map<number, Compiled>>();

/** The flat table of a map, made once for all blocks that serve it. */
function compile(map: RegisterMap, length: number): Compiled {
  let lengths = compiled.get(map);
  if (lengths === undefined) compiled.set(map, (lengths = new Map()));
  let table = lengths.get(length);
  if (table !== undefined) return table;
  const rows = inOrder(map);
  const slots = new Int16Array(length << 2).fill(HOLE);
  for (let offset = 0; offset < length; offset++)
    for (const width of [2, 4] as const) if (offset % width !== 0) slots[slot(offset, width)] = SPLIT;
  for (const [index, [name, register]] of rows.entries()) {
    if (register.width === 8)
      throw new RegisterMapError(name, 'a bus has no 64-bit access: write two halves');
    if (register.count !== 1)
      throw new RegisterMapError(name, 'an array cannot be served register by register');
    if (register.offset + register.width > length)
      throw new RegisterMapError(name, `ends after byte ${length}`);
    // Shorter and longer accesses at a register's own offset reach that register alone (observed practice; the
    // specification asks drivers for the natural width, PCI-LAY-01).
    for (const width of [1, 2, 4] as const)
      if (register.offset % width === 0) slots[slot(register.offset, width)] = index;
  }
  table = { names: rows.map(([name]) => name), registers: rows.map(([, register]) => register), slots };
  lengths.set(length, table);
  return table;
}

/** Width of the longest aligned access that starts at `offset` and takes at most `left` bytes. */
export function alignedPiece(offset: number, left: number): Width {
  return offset % 4 === 0 && left >= 4 ? 4 : offset % 2 === 0 && left >= 2 ? 2 : 1;
}

/** Reads any range as aligned pieces, little-endian; for accesses of at most four bytes. */
export function readPieces(target: BusTarget, offset: number, width: number): number {
  let value = 0;
  for (let done = 0; done < width; ) {
    const piece = alignedPiece(offset + done, width - done);
    value += target.read(offset + done, piece) * 2 ** (8 * done);
    done += piece;
  }
  return value;
}

/** Writes any range as aligned pieces, ascending. */
export function writePieces(target: BusTarget, offset: number, width: number, value: number): void {
  for (let done = 0; done < width; ) {
    const piece = alignedPiece(offset + done, width - done);
    target.write(offset + done, piece, ((value >>> (8 * done)) & maskOf(piece)) >>> 0);
    done += piece;
  }
}

/**
 * A register map bound to handlers, once for a class of things that have such registers; an access names the instance. So
 * an instance is its state and nothing else. Dispatch is one table load and one call; nothing is allocated. Every (offset,
 * width) has an answer: the register that begins there, the aligned pieces of an unaligned access, or the hole value.
 * @throws RegisterMapError when the map does not fit `length` (bytes; by default the end of the last register).
 */
export class RegisterBlock<M extends RegisterMap, T> {
  readonly length: number;
  readonly #slots: Int16Array;
  readonly #reads: ((instance: T) => number)[];
  readonly #writes: (((instance: T, value: number) => void) | null)[];
  readonly #masks: number[];
  readonly #widths: Width[];
  readonly #hole: number;

  readonly map: M;

  constructor(map: M, handlers: Handlers<M, T>, length: number, hole: Hole) {
    this.map = map;
    const table = compile(map, length);
    const bound = handlers as Readonly<Record<string, Partial<Handler<'rw', T>> & Handler<'ro', T>>>;
    this.length = length;
    this.#slots = table.slots;
    this.#reads = table.names.map((name) => bound[name]!.read);
    this.#writes = table.names.map((name) => bound[name]!.write ?? null);
    this.#masks = table.registers.map((register) => maskOf(register.width));
    this.#widths = table.registers.map((register) => register.width as Width);
    this.#hole = hole === 'ones' ? 0xffffffff : 0;
  }

  widthAt(offset: number): Width {
    const index = offset < this.length ? this.#slots[slot(offset, 1)]! : HOLE;
    return this.#widths[index] ?? 1;
  }

  read(instance: T, offset: number, width: Width): number {
    const index = offset < this.length ? this.#slots[(offset << 2) | (width & 3)]! : HOLE;
    if (index >= 0) {
      const value = this.#reads[index]!(instance);
      return width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff);
    }
    return index === SPLIT ? this.#readPieces(instance, offset, width) : (this.#hole & maskOf(width)) >>> 0;
  }

  write(instance: T, offset: number, width: Width, value: number): void {
    const index = offset < this.length ? this.#slots[(offset << 2) | (width & 3)]! : HOLE;
    if (index >= 0) {
      const write = this.#writes[index]!;
      if (write !== null) write(instance, (value & this.#masks[index]! & maskOf(width)) >>> 0);
    } else if (index === SPLIT) {
      this.#writePieces(instance, offset, width, value);
    }
  }

  #readPieces(instance: T, offset: number, width: Width): number {
    let value = 0;
    for (let done = 0; done < width; ) {
      const piece = alignedPiece(offset + done, width - done);
      value += this.read(instance, offset + done, piece) * 2 ** (8 * done);
      done += piece;
    }
    return value;
  }

  #writePieces(instance: T, offset: number, width: Width, value: number): void {
    for (let done = 0; done < width; ) {
      const piece = alignedPiece(offset + done, width - done);
      this.write(instance, offset + done, piece, ((value >>> (8 * done)) & maskOf(piece)) >>> 0);
      done += piece;
    }
  }
}
