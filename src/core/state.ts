import { StateMismatchError } from './errors.ts';
import { isStateMap } from './kinds.ts';

/** Plain data: survives structured clone, and JSON once bytes are encoded. */
export type State =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly State[]
  | { readonly [key: string]: State };

/** A part whose state can be taken out and put into a fresh instance of the same shape. */
export interface Stateful<S extends State = State> {
  save(): S;
  /**
   * Looks at a state before anything is changed: a whole of several parts asks them all first.
   * @param path where the state lies in the whole, for the error.
   * @throws StateMismatchError when the state was saved by a part of another shape, or is none that such a part can have.
   */
  check?(state: S, path?: string): void;
  /** @throws StateMismatchError as {@link check} does, and then nothing has changed. */
  load(state: S): void;
  /** As {@link load}, for a state of its own saving by today's code: it need not be looked at. By default it is all the same. */
  restore?(state: S): void;
  /** Goes on with what was in flight; called once every part of the whole has been loaded. */
  resume?(): void;
  /** From now on nothing of it touches memory or interrupts by itself, until it is told that it may again. */
  halt?(on: boolean): void;
  /** The table that its states go by. */
  readonly record?: { manifest(): Manifest };
  /** What its states look like, with those of its parts; by default as {@link manifestOf} says. */
  manifest?(): State;
}

/**
 * Names, versions and shapes as plain data: two sides that mean to exchange states compare them. `since` is the oldest version that
 * is upgraded, where that is another. A part adds `made`, what it was made with, and `outside`, what has to stand behind it.
 */
export interface Manifest {
  readonly [name: string]: State;
  readonly record: string;
  readonly version: number;
  readonly fields: State;
}

/** The manifest of a part, with what it was made with; null for one whose states go by no table. */
export function manifestOf(part: Stateful): State {
  if (part.manifest !== undefined) return part.manifest();
  if (part.record === undefined) return null;
  const saved = part.save();
  return { ...part.record.manifest(), made: isStateMap(saved) ? (saved.shape ?? null) : null };
}

/** @throws StateMismatchError unless `found` equals `expected`. */
export function expectSame(part: string, found: State | undefined, expected: State): void {
  if (found !== expected) throw new StateMismatchError(part, found, JSON.stringify(expected));
}

/** @throws StateMismatchError unless there are as many parts as are saved, and of the same names. */
export function expectParts(
  path: string,
  found: { readonly [name: string]: State },
  expected: { has(name: string): boolean; keys(): Iterable<string> },
): void {
  for (const name of new Set([...expected.keys(), ...Object.keys(found)]))
    if (Object.hasOwn(found, name) !== expected.has(name))
      throw new StateMismatchError(
        `${path}.${name}`,
        found[name],
        expected.has(name) ? 'the state of that part' : 'no such part',
      );
}

/** What a part was made with, by name: saved with its state, which fits no part that was made otherwise. */
export type Shape = { readonly [name: string]: State };

const isBytes = (value: State | undefined): value is Uint8Array => value instanceof Uint8Array;
const isList = (value: State | undefined): value is readonly State[] => Array.isArray(value);

/** @throws StateMismatchError that names the first place where two states differ. */
export function expectEqual(path: string, found: State | undefined, expected: State | undefined): void {
  if (isStateMap(found) && isStateMap(expected))
    for (const name of new Set([...Object.keys(expected), ...Object.keys(found)]))
      expectEqual(`${path}.${name}`, found[name], expected[name]);
  else if (
    ((isBytes(found) && isBytes(expected)) || (isList(found) && isList(expected))) &&
    found.length === expected.length
  )
    for (const [i, value] of expected.entries()) expectEqual(`${path}[${i}]`, found[i], value);
  else if (found !== expected)
    throw new StateMismatchError(path, found, expected === undefined ? 'nothing' : JSON.stringify(expected));
}
