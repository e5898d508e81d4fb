import { isStateMap, type State, type StateMap } from '../../core/index.ts';

/** A record that states of a device consist of. */
export interface ProfileRow {
  /** Its place in a state: `function.parts.device.queues[].split`. */
  readonly path: string;
  /** Null where only a state is known, which does not say. */
  readonly record: string | null;
  readonly version: number;
  /** The oldest version that is taken; of a state that is the same as its own. */
  readonly since: number;
  /** What the part was made with; null where it says nothing. */
  readonly made: State;
}

/** What states of a device look like, by the places of their records. */
export interface Profile {
  readonly rows: ReadonlyMap<string, ProfileRow>;
  /** What has to stand outside, by the place at which a state says it. */
  readonly outside: ReadonlyMap<string, State>;
  /** Names of parts, by the place of whatever has them. */
  readonly parts: ReadonlyMap<string, readonly string[]>;
}

class Gatherer implements Profile {
  readonly rows = new Map<string, ProfileRow>();
  readonly outside = new Map<string, State>();
  readonly parts = new Map<string, readonly string[]>();
}

const within = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);

/** What is said about a record, apart from what it consists of. */
const ABOUT = new Set(['record', 'version', 'since', 'fields', 'made', 'outside']);
/** Keys of a manifest under which stands what a state has in another place. */
const elsewhere: Readonly<Record<string, string>> = {
  requests: 'queues[].inFlight[].request',
  each: 'functions[]',
};

/** The kinds of fields that say what their contents are, as a manifest writes them. */
function inside(node: StateMap, path: string): readonly (readonly [State, string])[] | null {
  if (node.list !== undefined && node.count !== undefined) return [[node.list, `${path}[]`]];
  if (node.map !== undefined) return [[node.map, within(path, '*')]];
  if (node.optional !== undefined) return [[node.optional, path]];
  return null;
}

function walkManifest(node: State, path: string, into: Gatherer): void {
  if (Array.isArray(node)) {
    for (const [i, each] of (node as readonly State[]).entries()) walkManifest(each, `${path}[${i}]`, into);
    return;
  }
  if (!isStateMap(node)) return;
  for (const [each, at] of inside(node, path) ?? []) {
    walkManifest(each, at, into);
    return;
  }
  const { record, version, since = version, fields, made = null, outside } = node;
  const isRecord = typeof record === 'string' && typeof version === 'number';
  if (isRecord) {
    if (isStateMap(fields))
      for (const [name, each] of Object.entries(fields)) walkManifest(each, within(path, name), into);
    into.rows.set(path, { path, record, version, since: since as number, made });
  }
  if (isStateMap(outside))
    for (const [name, value] of Object.entries(outside)) into.outside.set(within(path, name), value);
  if (isStateMap(node.parts)) into.parts.set(path, Object.keys(node.parts).sort());
  for (const [name, each] of Object.entries(node)) {
    if (isRecord ? ABOUT.has(name) : name === 'outside') continue;
    // A slot of a board, and whoever uses queues beside the type, wrap what they have.
    const wrapped = name === 'administration' && isStateMap(each) ? (each.state ?? null) : each;
    walkManifest(wrapped, name === 'function' ? path : within(path, elsewhere[name] ?? name), into);
  }
}

/** What a manifest says, of a device or of a machine. */
export function profileOfManifest(manifest: State): Profile {
  const into = new Gatherer();
  walkManifest(manifest, '', into);
  return into;
}

function walkState(node: State, path: string, into: Gatherer): void {
  if (Array.isArray(node)) {
    into.outside.set(within(path, 'length'), node.length);
    for (const [i, each] of (node as readonly State[]).entries()) walkState(each, `${path}[${i}]`, into);
    return;
  }
  if (!isStateMap(node)) return;
  const { version, shape = null, parts } = node;
  if (typeof version === 'number')
    into.rows.set(path, { path, record: null, version, since: version, made: shape });
  if (isStateMap(parts)) into.parts.set(path, Object.keys(parts).sort());
  for (const [name, each] of Object.entries(node)) {
    if (name === 'shape' || name === 'version') continue;
    if (isStateMap(each) || Array.isArray(each))
      walkState(each, name === 'state' && version === undefined ? path : within(path, name), into);
    else into.outside.set(within(path, name), each);
  }
}

/** What a state says of itself. Records that it has none of are not in it. */
export function profileOfState(state: State): Profile {
  const into = new Gatherer();
  walkState(state, '', into);
  return into;
}

/** The indices of a place; `[]` stands for all of a list. */
const INDEX = /\[(\d*)\]/;

/** Lists of functions and of units stand one by one in a manifest, and others once for all. */
function covers(path: string, place: string): boolean {
  const [general, exact] = [path.split(INDEX), place.split(INDEX)];
  return (
    general.length === exact.length &&
    general.every((piece, i) => piece === exact[i] || (i % 2 === 1 && piece === ''))
  );
}

/** What is said of a place, or of all in a list that it belongs to. */
export function saidAt<T>(said: ReadonlyMap<string, T>, place: string): T | undefined {
  const exact = said.get(place);
  if (exact !== undefined || !place.includes('[')) return exact;
  for (const [path, each] of said) if (covers(path, place)) return each;
  return undefined;
}
