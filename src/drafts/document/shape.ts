/*
 * What a document is made of: each kind reads a value of parsed JSON, and says the same as JSON Schema. Reading collects what is
 * wrong and goes on, so that an author sees all of it at once.
 */

/** Something in a document that is not of its shape. */
export interface DocumentProblem {
  /** Where, as in `structures[2].fields[0].width`; empty for the document itself. */
  readonly path: string;
  readonly value: unknown;
  /** What would be right. */
  readonly wants: string;
}

/** A kind of value. What is wrong goes to `problems`; the result is undefined then, or lacks what was wrong. */
export interface Shape<out T> {
  /** In words, to be read after "wants". */
  readonly wants: string;
  readonly schema: JsonSchema;
  read(value: unknown, path: string, problems: DocumentProblem[]): T | undefined;
}

export type JsonSchema = { readonly [keyword: string]: unknown };

/** What a shape's values are, as TypeScript sees them. */
export type ShapeOf<S> = S extends Shape<infer T> ? T : never;

const refuse = (problems: DocumentProblem[], path: string, value: unknown, wants: string): undefined => {
  problems.push({ path, value, wants });
  return undefined;
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A name in a path: quoted where it is no plain word. */
const step = (path: string, key: string): string => {
  const part = /^[A-Za-z_$][\w$-]*$/.test(key) ? key : `[${JSON.stringify(key)}]`;
  return path === '' || part.startsWith('[') ? `${path}${part}` : `${path}.${part}`;
};

const HEX = /^0[xX][0-9a-fA-F]{1,13}$/;

/** Whole numbers, both ends included; also as text in hexadecimal, which JSON has no numbers in. */
export function whole(least: number, most: number): Shape<number> {
  const wants = `a whole number of ${least}..${most}, or "0x..." for one`;
  return {
    wants,
    schema: {
      anyOf: [
        { type: 'integer', minimum: least, maximum: most },
        { type: 'string', pattern: '^0[xX][0-9a-fA-F]{1,13}$' },
      ],
    },
    read(value, path, problems) {
      const number = typeof value === 'string' && HEX.test(value) ? Number(value) : value;
      const fits =
        typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most;
      return fits ? number : refuse(problems, path, value, wants);
    },
  };
}

const MOST_TEXT = 4096;

/** Text of one character at least; `pattern` as a regular expression that the whole of it matches. */
export function text(wants = 'text', pattern?: string): Shape<string> {
  const matches = pattern === undefined ? null : new RegExp(pattern, 'u');
  return {
    wants,
    schema: {
      type: 'string',
      minLength: 1,
      maxLength: MOST_TEXT,
      ...(pattern === undefined ? {} : { pattern }),
    },
    read(value, path, problems) {
      if (typeof value !== 'string' || value.length === 0 || value.length > MOST_TEXT)
        return refuse(problems, path, value, `${wants}, of 1..${MOST_TEXT} characters`);
      return matches === null || matches.test(value) ? value : refuse(problems, path, value, wants);
    },
  };
}

export const flag: Shape<boolean> = {
  wants: 'true or false',
  schema: { type: 'boolean' },
  read: (value, path, problems) =>
    typeof value === 'boolean' ? value : refuse(problems, path, value, 'true or false'),
};

/** One of several texts. */
export function oneOf<const T extends string>(...values: readonly T[]): Shape<T> {
  const wants = values.map((each) => JSON.stringify(each)).join(' or ');
  return {
    wants,
    schema: { enum: values },
    read: (value, path, problems) =>
      values.find((each) => each === value) ?? refuse(problems, path, value, wants),
  };
}

/** One of several whole numbers. */
export function oneOfNumbers<const T extends number>(...values: readonly T[]): Shape<T> {
  const wants = values.join(' or ');
  return {
    wants,
    schema: { enum: values },
    read: (value, path, problems) =>
      values.find((each) => each === value) ?? refuse(problems, path, value, wants),
  };
}

/** A list of at most `most`; what is wrong in it is left out. */
export function list<T>(of: Shape<T>, most = 100_000): Shape<readonly T[]> {
  return {
    wants: `a list of at most ${most}`,
    schema: { type: 'array', items: of.schema, maxItems: most },
    read(value, path, problems) {
      if (!Array.isArray(value) || value.length > most)
        return refuse(problems, path, value, `a list of at most ${most}`);
      const items: T[] = [];
      for (let i = 0; i < value.length; i++) {
        const item = of.read(value[i], `${path}[${i}]`, problems);
        if (item !== undefined) items.push(item);
      }
      return items;
    },
  };
}

/** What may be left out. */
export interface Optional<T> {
  readonly optional: Shape<T>;
}
export const optional = <T>(shape: Shape<T>): Optional<T> => ({ optional: shape });

export type Rows = { readonly [name: string]: Shape<unknown> | Optional<unknown> };
type ValueOf<R> = R extends Optional<infer T> ? T : R extends Shape<infer T> ? T : never;
type OptionalNames<R extends Rows> = { [K in keyof R]: R[K] extends Optional<unknown> ? K : never }[keyof R];
export type TableOf<R extends Rows> = {
  readonly [K in Exclude<keyof R, OptionalNames<R>>]: ValueOf<R[K]>;
} & { readonly [K in OptionalNames<R>]?: ValueOf<R[K]> };

/** An object of these names and no other. */
export function table<const R extends Rows>(rows: R): Shape<TableOf<R>> {
  const names = Object.keys(rows);
  const shapeOf = (row: Shape<unknown> | Optional<unknown>) => ('optional' in row ? row.optional : row);
  const required = names.filter((name) => !('optional' in rows[name]!));
  const wants = `an object with ${required.length === 0 ? 'any of ' : ''}${(required.length === 0 ? names : required).join(', ')}`;
  return {
    wants,
    schema: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, shapeOf(rows[name]!).schema])),
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
    },
    read(value, path, problems) {
      if (!isObject(value)) return refuse(problems, path, value, wants);
      for (const key of Object.keys(value))
        if (!Object.hasOwn(rows, key))
          refuse(problems, step(path, key), value[key], `no such name; names here are ${names.join(', ')}`);
      const result: Record<string, unknown> = {};
      for (const name of names) {
        const row = rows[name]!;
        if (Object.hasOwn(value, name)) {
          const read = shapeOf(row).read(value[name], step(path, name), problems);
          if (read !== undefined) result[name] = read;
        } else if (!('optional' in row)) refuse(problems, step(path, name), undefined, row.wants);
      }
      return result as TableOf<R>;
    },
  };
}

/** The same, with words for whoever reads the schema. */
export const described = <T>(description: string, shape: Shape<T>): Shape<T> => ({
  ...shape,
  schema: { description, ...shape.schema },
});
