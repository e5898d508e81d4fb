import { isStateMap, type StateMap } from './kinds.ts';
import type { State } from './state.ts';

/*
 * What one state has other than a like one, as a state: [same, index, patch, index, patch, ...] for names or places of a list
 * that differ, by their numbers; [bytes, offset, run, offset, run, ...]; or [whole, value] where the two are not alike.
 */
const form = { parts: 0, bytes: 1, whole: 2 } as const;

export type StatePatch = readonly State[];

/** Runs of bytes that differ go together where so few between them are the same. */
const NEAR = 4;

/** Equal, of equal length: most are, so they are compared by words. */
function areSame(a: Uint8Array, b: Uint8Array): boolean {
  const aligned = a.byteOffset % 4 === 0 && b.byteOffset % 4 === 0;
  const words = aligned ? a.length >> 2 : 0;
  const [x, y] = [
    new Uint32Array(a.buffer, aligned ? a.byteOffset : 0, words),
    new Uint32Array(b.buffer, aligned ? b.byteOffset : 0, words),
  ];
  for (let i = 0; i < words; i++) if (x[i] !== y[i]) return false;
  for (let at = 4 * words; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function bytesPatch(from: Uint8Array, to: Uint8Array): StatePatch | null {
  if (areSame(from, to)) return null;
  const patch: State[] = [form.bytes];
  for (let at = 0; at < to.length; at++) {
    if (from[at] === to[at]) continue;
    let end = at + 1;
    for (let next = end; next < to.length && next < end + NEAR; next++)
      if (from[next] !== to[next]) end = next + 1;
    patch.push(at, to.slice(at, end));
    at = end;
  }
  return patch;
}

function partsPatch(from: readonly State[], to: readonly State[]): StatePatch | null {
  const patch: State[] = [form.parts];
  for (let i = 0; i < to.length; i++) {
    const part = statePatch(from[i]!, to[i]!);
    if (part !== null) patch.push(i, part);
  }
  return patch.length === 1 ? null : patch;
}

/** Of these names, in their order, are all. */
function haveNames(map: StateMap, names: readonly string[]): boolean {
  let i = 0;
  for (const name in map) if (name !== names[i++]) return false;
  return i === names.length;
}

function mapPatch(from: StateMap, to: StateMap, names: readonly string[]): StatePatch | null {
  const patch: State[] = [form.parts];
  for (let i = 0; i < names.length; i++) {
    const part = statePatch(from[names[i]!]!, to[names[i]!]!);
    if (part !== null) patch.push(i, part);
  }
  return patch.length === 1 ? null : patch;
}

const isList = (value: State): value is readonly State[] => Array.isArray(value);

/** What has to change in `from` for it to be `to`; null where they are equal. */
export function statePatch(from: State, to: State): StatePatch | null {
  if (from instanceof Uint8Array && to instanceof Uint8Array && from.length === to.length)
    return bytesPatch(from, to);
  if (isList(from) && isList(to) && from.length === to.length) return partsPatch(from, to);
  if (isStateMap(from) && isStateMap(to)) {
    const names = Object.keys(to);
    if (haveNames(from, names)) return mapPatch(from, to, names);
  }
  return Object.is(from, to) ? null : [form.whole, to];
}

/** The other state. What did not change is shared with `from`. */
export function patchedState(from: State, patch: StatePatch | null): State {
  if (patch === null) return from;
  const [kind] = patch;
  if (kind === form.whole) return patch[1]!;
  if (kind === form.bytes) {
    const bytes = (from as Uint8Array).slice();
    for (let i = 1; i < patch.length; i += 2) bytes.set(patch[i + 1] as Uint8Array, patch[i] as number);
    return bytes;
  }
  if (isList(from)) {
    const list = from.slice();
    for (let i = 1; i < patch.length; i += 2) {
      const at = patch[i] as number;
      list[at] = patchedState(list[at]!, patch[i + 1] as StatePatch);
    }
    return list;
  }
  const parts: { [name: string]: State } = { ...(from as { readonly [name: string]: State }) };
  const names = Object.keys(parts);
  for (let i = 1; i < patch.length; i += 2) {
    const name = names[patch[i] as number]!;
    parts[name] = patchedState(parts[name]!, patch[i + 1] as StatePatch);
  }
  return parts;
}
