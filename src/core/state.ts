import { StateMismatchError } from './errors.ts';

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
   * @throws StateMismatchError when the state was saved by a part of another shape.
   */
  check?(state: S): void;
  /** @throws StateMismatchError as {@link check} does, and then nothing has changed. */
  load(state: S): void;
  /** Goes on with what was in flight; called once every part of the whole has been loaded. */
  resume?(): void;
}

/** @throws StateMismatchError unless `found` equals `expected`. */
export function expectSame(part: string, found: State | undefined, expected: State): void {
  if (found !== expected) throw new StateMismatchError(part, found, JSON.stringify(expected));
}

/** What a part was made with, by name: saved with its state, which fits no part that was made otherwise. */
export type Shape = { readonly [name: string]: State };

const isShape = (value: State | undefined): value is Shape =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

const listOf = (value: State | undefined): readonly State[] | null =>
  value instanceof Uint8Array ? [...value] : Array.isArray(value) ? value : null;

/** @throws StateMismatchError that names the first thing in which a part was made otherwise than the part of a state. */
export function expectShape(part: string, state: State, made: Shape): void {
  expectEqual(part, isShape(state) ? state.shape : undefined, made);
}

function expectEqual(what: string, found: State | undefined, expected: State | undefined): void {
  const [these, those] = [listOf(found), listOf(expected)];
  if (isShape(found) && isShape(expected))
    for (const name of new Set([...Object.keys(expected), ...Object.keys(found)]))
      expectEqual(`${what}: ${name}`, found[name], expected[name]);
  else if (these !== null && those !== null && these.length === those.length)
    for (const [i, value] of those.entries()) expectEqual(`${what} ${i}`, these[i], value);
  else if (found !== expected) throw new StateMismatchError(what, found, JSON.stringify(expected));
}
