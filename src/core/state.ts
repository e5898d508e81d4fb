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
  /** @throws StateMismatchError when the state was saved by a part of another shape. */
  load(state: S): void;
  /** Goes on with what was in flight; called once every part of the whole has been loaded. */
  resume?(): void;
}

/** @throws StateMismatchError unless `found` equals `expected`. */
export function expectSame(part: string, found: State | undefined, expected: State): void {
  if (found !== expected) throw new StateMismatchError(part, found, JSON.stringify(expected));
}
