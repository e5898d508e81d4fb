import { isDeepStrictEqual } from 'node:util';
import type { State } from '../../../src/core/index.ts';
import { everyPlace, type Place } from './state-leaves.ts';

/** Another value for one place of a state; undefined leaves it out. */
export interface Mutation {
  readonly place: Place;
  readonly value: State | undefined;
}

/** What belongs to no field of ours: of each type one, and numbers that are none. */
const strangers: readonly State[] = [
  null,
  true,
  'x',
  -1,
  0.5,
  Number.NaN,
  2 ** 64,
  [],
  {},
  new Uint8Array(1),
];
/** Ends of the ranges that fields have. */
const ends: readonly number[] = [
  0,
  1,
  2,
  0xff,
  0x100,
  0x7fff,
  0xffff,
  0x10000,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
];
/** Longer than any registers: memory, whose bytes are the guest's own. */
const LONG = 0x2000;
/** So many bytes of one field are changed. */
const MOST_BYTES = 80;

const flipped = (bytes: Uint8Array, at: number, bit: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte));

function* ofBytes(bytes: Uint8Array): Generator<State> {
  yield bytes.slice(0, -1);
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  yield longer;
  if (bytes.length > LONG) return;
  yield [...bytes];
  const step = Math.ceil(bytes.length / MOST_BYTES);
  for (let at = 0; at < bytes.length; at += step)
    for (const bit of new Set([0, at % 8, 7])) yield flipped(bytes, at, bit);
}

function* ofList(list: readonly State[]): Generator<State> {
  if (list.length === 0) {
    for (const each of [0, null, {}, new Uint8Array(0)]) yield [each];
    return;
  }
  yield list.slice(1);
  yield list.slice(0, -1);
  yield [...list, list.at(-1)!];
  yield [...list, null];
  if (list.length > 1) yield [...list.slice(1), list[0]!];
}

function* valuesFor(value: State): Generator<State> {
  yield* strangers;
  if (typeof value === 'number') {
    yield* [value - 1, value + 1, value ^ 1, ...ends];
    if (Number.isInteger(value)) yield `${value}`;
  } else if (typeof value === 'boolean') yield !value;
  else if (typeof value === 'string') yield* ['', `${value}x`, value.slice(1), 'legacy', 'modern'];
  else if (value instanceof Uint8Array) yield* ofBytes(value);
  else if (Array.isArray(value)) yield* ofList(value);
  else if (value !== null) yield { ...(value as object), more: 0 };
}

/** Every mutation of one place, and of what is in it. */
export function* everyMutation(state: State): Generator<Mutation> {
  for (const [place, value] of everyPlace(state)) {
    if (place.length > 0) yield { place, value: undefined };
    for (const other of valuesFor(value)) if (!isDeepStrictEqual(other, value)) yield { place, value: other };
  }
}
