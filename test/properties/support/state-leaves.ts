import type { State } from '../../../src/core/index.ts';

/** A place in a state: names and indices from the whole on. */
export type Place = readonly (string | number)[];

type Inner = { [key: string]: State } | State[];

const isInner = (state: State | undefined): state is Inner =>
  typeof state === 'object' && state !== null && !(state instanceof Uint8Array);

/** Whatever is in a state, each with its place: records and lists before what is in them. */
export function* everyPlace(state: State, at: Place = []): Generator<readonly [Place, State]> {
  yield [at, state];
  if (Array.isArray(state)) for (const [i, each] of state.entries()) yield* everyPlace(each, [...at, i]);
  else if (isInner(state))
    for (const [name, each] of Object.entries(state)) yield* everyPlace(each, [...at, name]);
}

export const valueAt = (state: State, place: Place): State | undefined =>
  place.reduce<State | undefined>(
    (at, key) => (isInner(at) ? (at as Record<string | number, State>)[key] : undefined),
    state,
  );

/** `functions[1].state.parts`, as errors name a place. */
export const placeName = (place: Place): string =>
  place.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');

/** The state with another value at a place; undefined leaves it out. What was there is shared, and nothing changes. */
export function changed(state: State, place: Place, value: State | undefined): State {
  const [key, ...rest] = place;
  if (key === undefined) return value as State;
  const copy: Inner = Array.isArray(state) ? [...state] : { ...(state as { [key: string]: State }) };
  const inner = copy as Record<string | number, State>;
  if (rest.length > 0) inner[key] = changed(inner[key]!, rest, value);
  else if (value !== undefined) inner[key] = value;
  else if (Array.isArray(copy)) copy.splice(key as number, 1);
  else delete inner[key];
  return copy;
}
