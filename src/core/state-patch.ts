import { isStateMap } from './kinds.ts';
import type { State } from './state.ts';

/*
 * What one state has other than a like one, as a state: [same, index, patch, index, patch, ...] for names or places of a list
 * that differ, by their numbers; [bytes, offset, run, offset, run, ...]; or [whole, value] where the two are not alike.
 */
const form = { parts: 0, bytes: 1, whole: 2 } as const;

export type StatePatch = readonly State[];

/** Runs of bytes that differ go together where so few between them are the same. */
const NEAR = 4;

function bytesPatch(from: Uint8Array, to: Uint8Array): StatePatch | null {
  const patch: State[] = [form.bytes];
  for (let at = 0; at < to.length; at++) {
    if (from[at] === to[at]) continue;
    let end = at + 1;
    for (let next = end; next < to.length && next < end + NEAR; next++)
      if (from[next] !== to[next]) end = next + 1;
    patch.push(at, to.slice(at, end));
    at = end;
  }
  return patch.length === 1 ? null : patch;
}

function partsPatch(from: readonly State[], to: readonly State[]): StatePatch | null {
  const patch: State[] = [form.parts];
  for (let i = 0; i < to.length; i++) {
    const part = statePatch(from[i]!, to[i]!);
    if (part !== null) patch.push(i, part);
  }
  return patch.length === 1 ? null : patch;
}

const isList = (value: State): value is readonly State[] => Array.isArray(value);

const sameNames = (a: object, b: object) => {
  const [x, y] = [Object.keys(a), Object.keys(b)];
  return x.length === y.length && x.every((name, i) => name === y[i]);
};

/** What has to change in `from` for it to be `to`; null where they are equal. */
export function statePatch(from: State, to: State): StatePatch | null {
  if (from instanceof Uint8Array && to instanceof Uint8Array && from.length === to.length)
    return bytesPatch(from, to);
  if (isList(from) && isList(to) && from.length === to.length) return partsPatch(from, to);
  if (isStateMap(from) && isStateMap(to) && sameNames(from, to))
    return partsPatch(Object.values(from), Object.values(to));
  return Object.is(from, to) ? null : [form.whole, to];
}

/** The other state. What did not change is shared with `from`. */
export function patchedState(from: State, patch: StatePatch | null): State {
  if (patch === null) return from;
  const [kind, ...rest] = patch;
  if (kind === form.whole) return rest[0]!;
  if (kind === form.bytes) {
    const bytes = (from as Uint8Array).slice();
    for (let i = 0; i < rest.length; i += 2) bytes.set(rest[i + 1] as Uint8Array, rest[i] as number);
    return bytes;
  }
  const changes = new Map<number, StatePatch>();
  for (let i = 0; i < rest.length; i += 2) changes.set(rest[i] as number, rest[i + 1] as StatePatch);
  const part = (value: State, i: number) => patchedState(value, changes.get(i) ?? null);
  if (isList(from)) return from.map(part);
  return Object.fromEntries(
    Object.entries(from as { readonly [name: string]: State }).map(([name, value], i) => [
      name,
      part(value, i),
    ]),
  );
}
