import { RegisterMapError } from './errors.ts';

/** Access widths of a CPU on PCI, in bytes. 64-bit registers are two 32-bit halves (PCI-LAY-01). */
export type Width = 1 | 2 | 4;

/** Widths of fields in memory structures: a 64-bit field is accessed as two halves, but its byte order spans all eight. */
export type FieldWidth = Width | 8;

/** What software may do: read only, read and write, or read with a side effect that clears. */
export type Access = 'ro' | 'rw' | 'rc';

/**
 * One field of a register block or memory structure. `offset` in bytes from the start of the block, `width` in
 * bytes, `count` > 1 for arrays of such elements. `writable` marks the bits that a plain write changes and
 * `writeOneToClear` those that writing 1 clears; both are only read where a block is kept as bytes (PCI
 * configuration space).
 */
export interface Register<A extends Access = Access> {
  readonly offset: number;
  readonly width: FieldWidth;
  readonly access: A;
  readonly count: number;
  readonly reset: number;
  readonly writable: number;
  readonly writeOneToClear: number;
  readonly clauses: readonly string[];
}

/** A block of registers by name. The names are the specification's, in camelCase. */
export type RegisterMap = Readonly<Record<string, Register>>;

/** Optional columns of a table row. */
export interface RegisterExtras {
  readonly count?: number;
  readonly reset?: number;
  readonly writable?: number;
  readonly writeOneToClear?: number;
}

/** All ones in `width` bytes, unsigned; of a 64-bit field, in one half. */
export function maskOf(width: FieldWidth): number {
  return width >= 4 ? 0xffffffff : width === 2 ? 0xffff : 0xff;
}

function row<A extends Access>(
  access: A,
  offset: number,
  width: FieldWidth,
  clauses: string,
  extras: RegisterExtras,
): Register<A> {
  const all = maskOf(width);
  return {
    offset,
    width,
    access,
    count: extras.count ?? 1,
    reset: extras.reset ?? 0,
    writable: extras.writable ?? (access === 'rw' ? all : 0),
    writeOneToClear: extras.writeOneToClear ?? 0,
    clauses: clauses === '' ? [] : clauses.split(' '),
  };
}

/** A read-only register. */
export const ro = (offset: number, width: FieldWidth, clauses = '', extras: RegisterExtras = {}) =>
  row('ro', offset, width, clauses, extras);
/** A register that software reads and writes. */
export const rw = (offset: number, width: FieldWidth, clauses = '', extras: RegisterExtras = {}) =>
  row('rw', offset, width, clauses, extras);
/** A register that reading clears. */
export const rc = (offset: number, width: FieldWidth, clauses = '', extras: RegisterExtras = {}) =>
  row('rc', offset, width, clauses, extras);

/** Bytes that a register takes, arrays included. */
export function sizeOf(register: Register): number {
  return register.width * register.count;
}

/** First byte after the last register of a map. */
export function lengthOf(map: RegisterMap): number {
  let end = 0;
  for (const register of Object.values(map)) end = Math.max(end, register.offset + sizeOf(register));
  return end;
}

/** Registers of a map in ascending order of offset. */
export function inOrder(map: RegisterMap): [name: string, register: Register][] {
  return Object.entries(map).sort((a, b) => a[1].offset - b[1].offset);
}

/** The register that covers a byte, if any. */
export function registerAt(map: RegisterMap, offset: number): [name: string, register: Register] | undefined {
  return Object.entries(map).find(([, r]) => offset >= r.offset && offset < r.offset + sizeOf(r));
}

/**
 * Checks a table and keeps its literal type.
 * @throws RegisterMapError on a negative or fractional offset, misalignment, or two registers on one byte.
 */
export function registers<const M extends RegisterMap>(map: M): M {
  let end = 0;
  let before = '';
  for (const [name, register] of inOrder(map)) {
    if (!Number.isInteger(register.offset) || register.offset < 0)
      throw new RegisterMapError(name, `offset ${register.offset} is not a whole number of bytes`);
    if (register.offset % register.width !== 0)
      throw new RegisterMapError(name, `offset ${register.offset} is not aligned to ${register.width} bytes`);
    if (register.offset < end) throw new RegisterMapError(name, `overlaps ${before}`);
    end = register.offset + sizeOf(register);
    before = name;
  }
  return map;
}
