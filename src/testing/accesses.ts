import type { Arbitrary } from 'fast-check';
import {
  inOrder,
  lengthOf,
  maskOf,
  type RegisterMap,
  registerAt,
  sizeOf,
  type Width,
} from '../core/index.ts';
import { hex } from '../trace/index.ts';
import { fc } from './fast-check.ts';
import { printed } from './printed.ts';

/** One access to a block of registers. `offset` in bytes from its start; a `value` of null reads. */
export interface RegisterAccess {
  readonly offset: number;
  readonly width: Width;
  readonly value: number | null;
}

export const widths: Arbitrary<Width> = fc.constantFrom(1, 2, 4);

/** Unsigned values of a width: mostly small ones and edges, since registers are bits, indices and counts. */
export function values(width: Width): Arbitrary<number> {
  const mask = maskOf(width);
  return fc.oneof(
    { weight: 4, arbitrary: fc.nat(9) },
    { weight: 2, arbitrary: fc.constantFrom(mask, mask - 1, 0x80 & mask, 0x8000 & mask, 0x100 & mask) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: mask }) },
  );
}

/** As the field reads it: `write queueSelect 0x0100`, `read queueSize (1 byte at +1)`, `write 0x40 (2 bytes) 0xffff`. */
export function formatAccess(map: RegisterMap, { offset, width, value }: RegisterAccess): string {
  const found = registerAt(map, offset);
  const bytes = width === 1 ? '1 byte' : `${width} bytes`;
  let place = `${hex(offset, 1)} (${bytes})`;
  if (found !== undefined) {
    const [name, register] = found;
    const inside = (offset - register.offset) % register.width;
    const index = Math.floor((offset - register.offset) / register.width);
    const element = register.count > 1 ? `${name}[${index}]` : name;
    const whole = inside === 0 && width === register.width;
    place = whole ? element : `${element} (${bytes}${inside === 0 ? '' : ` at +${inside}`})`;
  }
  return value === null ? `read ${place}` : `write ${place} ${hex(value, width)}`;
}

const readsAndWrites = (offset: number, width: Width): Arbitrary<RegisterAccess> =>
  fc.record({
    offset: fc.constant(offset),
    width: fc.constant(width),
    value: fc.option(values(width), { freq: 3 }),
  });

/** Any width at any offset in [0, length), aligned or not, on a register or on none. */
export function anyAccess(length: number): Arbitrary<RegisterAccess> {
  return fc
    .tuple(fc.nat(length - 1), widths)
    .chain(([offset, width]) => readsAndWrites(offset, width))
    .map((access) => printed(access, (each) => formatAccess({}, each)));
}

/**
 * Accesses drawn from a table: three of five are what the specification asks of a driver (a register's own offset and
 * width), one is of another width, one is of any width and alignment up to `length`, by default the end of the last
 * register.
 */
export function accesses(map: RegisterMap, length: number = lengthOf(map)): Arbitrary<RegisterAccess> {
  const natural = inOrder(map).flatMap(([, register]) => {
    const width = (register.width === 8 ? 4 : register.width) as Width;
    const places = Array.from({ length: sizeOf(register) / width }, (_, i) => register.offset + i * width);
    return places.map((offset) => ({ offset, width }));
  });
  const place = fc.constantFrom(...natural);
  const any = fc.oneof(
    { weight: 3, arbitrary: place.chain(({ offset, width }) => readsAndWrites(offset, width)) },
    {
      weight: 1,
      arbitrary: fc.tuple(place, widths).chain(([{ offset }, width]) => readsAndWrites(offset, width)),
    },
    { weight: 1, arbitrary: anyAccess(length) },
  );
  return any.map((access) => printed({ ...access }, (each) => formatAccess(map, each)));
}
