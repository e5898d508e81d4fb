import { StateMismatchError } from './errors.ts';
import type { Shape, State } from './state.ts';

/** What a field of a saved state may be: a table of them is a record. */
export interface Kind<out T extends State> {
  /** Name and limits as plain data, for a manifest. */
  readonly shape: State;
  /** @throws StateMismatchError that names `path`, the value and what would be right. */
  parse(value: State | undefined, path: string): T;
}

/** What a kind's values are, as TypeScript sees them. */
export type ValueOf<K> = K extends Kind<infer T> ? T : never;

export type Fields = { readonly [name: string]: Kind<State> };
export type ValuesOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** @throws StateMismatchError unless it holds. */
export type Expect = (holds: boolean, field: string, found: State | undefined, expected: string) => void;

/** Where a field lies: `functions[1].state`. A field's name may be empty: then it is the whole. */
export const within = (path: string, field: string): string =>
  path === '' || field === '' || field.startsWith('[') ? `${path}${field}` : `${path}.${field}`;

/** Refuses what relates fields to each other, or to the instance that a state is loaded into. */
export const expectAt =
  (path: string): Expect =>
  (holds, field, found, expected) => {
    if (!holds) throw new StateMismatchError(within(path, field), found, expected);
  };

function kind<T extends State>(
  shape: State,
  expected: string,
  is: (value: State | undefined) => value is T,
): Kind<T> {
  return {
    shape,
    parse(value, path) {
      if (is(value)) return value;
      throw new StateMismatchError(path, value, expected);
    },
  };
}

export type StateMap = { readonly [name: string]: State };

export const isStateMap = (value: State | undefined): value is StateMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

export const flag: Kind<boolean> = kind(
  'flag',
  'true or false',
  (value): value is boolean => typeof value === 'boolean',
);

/** Whole numbers; both ends belong to it. */
export const integer = (least: number, most: number, name = `${least}..${most}`): Kind<number> =>
  kind(
    name,
    `a whole number of ${least}..${most}`,
    (value): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most,
  );

export const u8: Kind<number> = integer(0, 0xff, 'u8');
export const u16: Kind<number> = integer(0, 0xffff, 'u16');
export const u32: Kind<number> = integer(0, 0xffffffff, 'u32');
/** An address, a length, a count without a limit of its own: exact as a Number. */
export const u53: Kind<number> = integer(0, Number.MAX_SAFE_INTEGER, 'u53');
export const upTo = (most: number): Kind<number> => integer(0, most);

/** Bytes of any length, of exactly one, or of `least` to `most`. */
export const bytes = (least = 0, most: number = least === 0 ? Number.MAX_SAFE_INTEGER : least) =>
  kind(
    { bytes: limits(least, most) },
    `bytes, ${limits(least, most)} of them`,
    (value): value is Uint8Array =>
      value instanceof Uint8Array && value.length >= least && value.length <= most,
  );

const limits = (least: number, most: number): string =>
  most === Number.MAX_SAFE_INTEGER
    ? least === 0
      ? 'any number'
      : `at least ${least}`
    : least === most
      ? `${least}`
      : `${least}..${most}`;

/** Text of at most so many UTF-16 units. */
export const text = (most = 0x10000): Kind<string> =>
  kind(
    { text: limits(0, most) },
    `text of at most ${most} units`,
    (value): value is string => typeof value === 'string' && value.length <= most,
  );

type Literal = string | number | boolean | null;

export const oneOf = <const T extends readonly Literal[]>(...values: T): Kind<T[number]> =>
  kind(
    { oneOf: values },
    values.map((value) => JSON.stringify(value)).join(' or '),
    (value): value is T[number] => values.some((each) => each === value),
  );

/** How many a list may hold: exactly so many, or limits that both belong to it. */
export type Count = number | { readonly least?: number; readonly most?: number };

export function list<T extends State>(of: Kind<T>, count: Count = {}): Kind<readonly T[]> {
  const { least = 0, most = Number.MAX_SAFE_INTEGER } =
    typeof count === 'number' ? { least: count, most: count } : count;
  return {
    shape: { list: of.shape, count: limits(least, most) },
    parse(value, path) {
      if (!Array.isArray(value) || value.length < least || value.length > most)
        throw new StateMismatchError(path, value, `a list, ${limits(least, most)} long`);
      return Array.from(value, (each, i) => of.parse(each, `${path}[${i}]`));
    },
  };
}

/** 32-bit words, exactly so many. */
export const words = (count: number): Kind<readonly number[]> => list(u32, count);

/** A list of fixed length, each place with its kind. */
export function tuple<const T extends readonly Kind<State>[]>(
  ...kinds: T
): Kind<{ readonly [K in keyof T]: ValueOf<T[K]> }> {
  return {
    shape: { tuple: kinds.map(({ shape }) => shape) },
    parse(value, path) {
      if (!Array.isArray(value) || value.length !== kinds.length)
        throw new StateMismatchError(path, value, `a list of ${kinds.length}`);
      const parsed: unknown = kinds.map((each, i) => each.parse(value[i], `${path}[${i}]`));
      return parsed as { readonly [K in keyof T]: ValueOf<T[K]> };
    },
  };
}

/** Null where there is none. */
export const optional = <T extends State>(of: Kind<T>): Kind<T | null> => ({
  shape: { optional: of.shape },
  parse: (value, path) => (value === null ? null : of.parse(value, path)),
});

/** Values of one kind by names that are not known beforehand. */
export const map = <T extends State>(of: Kind<T>): Kind<{ readonly [name: string]: T }> => ({
  shape: { map: of.shape },
  parse(value, path) {
    if (!isStateMap(value)) throw new StateMismatchError(path, value, 'values by name');
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, of.parse(each, `${path}.${name}`)]),
    );
  },
});

/** @throws StateMismatchError where a name is missing or there are others than those of the table. */
export function parseFields<F extends Fields>(
  fields: F,
  value: State | undefined,
  path: string,
  besides: readonly string[] = [],
): ValuesOf<F> {
  if (!isStateMap(value))
    throw new StateMismatchError(path, value, `${Object.keys(fields).join(', ')} by name`);
  for (const name of Object.keys(value))
    if (!Object.hasOwn(fields, name) && !besides.includes(name))
      throw new StateMismatchError(within(path, name), value[name], 'no such field');
  const parsed: { [name: string]: State } = {};
  for (const [name, of] of Object.entries(fields))
    parsed[name] = of.parse(Object.hasOwn(value, name) ? value[name] : undefined, within(path, name));
  return parsed as ValuesOf<F>;
}

/** Fields that stand and change with the record around them, which alone has a version. */
export function group<F extends Fields>(
  fields: F,
  relate?: (values: ValuesOf<F>, expect: Expect) => void,
): Kind<ValuesOf<F>> {
  return {
    shape: shapesOf(fields),
    parse(value, path) {
      const values = parseFields(fields, value, path);
      relate?.(values, expectAt(path));
      return values;
    },
  };
}

export const shapesOf = (fields: Fields): State =>
  Object.fromEntries(Object.entries(fields).map(([name, { shape }]) => [name, shape]));

/** No state is deeper than this: one that is was not saved by anything of ours. */
const DEPTH = 64;

const isPlain = (value: unknown, depth: number): boolean =>
  value === null ||
  value instanceof Uint8Array ||
  ['boolean', 'string'].includes(typeof value) ||
  Number.isFinite(value) ||
  (typeof value === 'object' &&
    depth < DEPTH &&
    (Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value))) &&
    Object.values(value).every((each) => isPlain(each, depth + 1)));

/** Plain data of whatever form: what a part says of itself, which that part looks at. */
export const anyState: Kind<State> = kind('state of a part', 'plain data', (value): value is State =>
  isPlain(value, 0),
);

/** What a part was made with: a field of that name is compared with what the instance was made with. */
export const shape: Kind<Shape> = map(anyState);
