import { FOUR_GIB, lengthOf, type Register, type RegisterMap } from '../../core/index.ts';

/** Fields of structures in the byte order of the machine, which is little-endian on all that Node runs on. */
export function getField(view: DataView, base: number, { offset, width }: Register): number {
  const at = base + offset;
  if (width === 4) return view.getUint32(at, true);
  if (width === 2) return view.getUint16(at, true);
  if (width === 1) return view.getUint8(at);
  return view.getUint32(at + 4, true) * FOUR_GIB + view.getUint32(at, true);
}

/** `value` is whole, and of 64 bits below 2^53. */
export function setField(view: DataView, base: number, { offset, width }: Register, value: number): void {
  const at = base + offset;
  if (width === 4) view.setUint32(at, value, true);
  else if (width === 2) view.setUint16(at, value, true);
  else if (width === 1) view.setUint8(at, value);
  else {
    view.setUint32(at, value % FOUR_GIB, true);
    view.setUint32(at + 4, Math.floor(value / FOUR_GIB), true);
  }
}

type ValuesOf<M extends RegisterMap> = { readonly [Name in keyof M]: number };

/** All fields of a structure. */
export function getFields<M extends RegisterMap>(map: M, view: DataView, base = 0): ValuesOf<M> {
  const values: Record<string, number> = {};
  for (const name in map) values[name] = getField(view, base, map[name]!);
  return values as ValuesOf<M>;
}

export function setFields<M extends RegisterMap>(
  map: M,
  view: DataView,
  base: number,
  values: Partial<ValuesOf<M>>,
): void {
  for (const name in values) setField(view, base, map[name]!, values[name] as number);
}

/** A structure by itself, its other fields 0, with room for `more` bytes behind it. */
export function structure<M extends RegisterMap>(
  map: M,
  values: Partial<ValuesOf<M>>,
  more: Uint8Array | number = 0,
): Uint8Array {
  const head = lengthOf(map);
  const bytes = new Uint8Array(head + (typeof more === 'number' ? more : more.length));
  setFields(map, viewOf(bytes), 0, values);
  if (typeof more !== 'number') bytes.set(more, head);
  return bytes;
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
