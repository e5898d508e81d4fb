import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AttributeSet,
  type Movable,
  movableOf,
  type Party,
  parseCompatible,
  parseSelf,
  parseTree,
  partyOfAttributes,
  partyOfState,
  savedFunctions,
} from '../compare/migration/index.ts';
import { type State, stateFromBytes, stateFromText, VirtiolabError } from '../core/index.ts';
import { UsageError } from './command.ts';
import { readBytes } from './trace-files.ts';

/** One side of a move, as it was named on the command line. */
export interface Side {
  readonly party: Party;
  /** The address of a function that is one of several; else null. */
  readonly address: string | null;
  /** What could be loaded elsewhere; null where only attributes are known. */
  readonly state: State | null;
  /** What could load; null where there is no device. */
  readonly movable: Movable | null;
}

/** What is wrong with a file, or with a device that cannot be built, is said with its name. @throws UsageError */
function about<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof VirtiolabError) throw new UsageError(`${JSON.stringify(name)}: ${error.message}`);
    throw error;
  }
}

/** Text of a file, each byte a character: what is not ASCII stays visible. */
const asciiText = (path: string) => readBytes(path).toString('latin1');

const isDirectory = (path: string) => statSync(path).isDirectory();
const filesIn = (directory: string): [string, string][] =>
  readdirSync(directory)
    .sort()
    .map((name) => [name, join(directory, name)]);

/** The directory of a device, or its directory `migration`: `self` and `compatible` are directories or files there. */
function attributesIn(path: string): AttributeSet {
  const inner = join(path, 'migration');
  const base = existsSync(inner) && isDirectory(inner) ? inner : path;
  const entries = filesIn(base).filter(([name]) => name === 'self' || name.startsWith('compatible'));
  if (entries.length === 0)
    throw new UsageError(
      `${JSON.stringify(path)} has neither self nor compatible; wants a directory with attributes`,
    );
  if (entries.every(([, at]) => isDirectory(at)))
    return parseTree(
      new Map(
        entries.flatMap(([directory, at]) =>
          filesIn(at).map(([name, file]): [string, string] => [`${directory}/${name}`, asciiText(file)]),
        ),
      ),
    );
  const texts = new Map(entries.map(([name, at]) => [name, asciiText(at)]));
  return {
    self: parseSelf(texts.get('self') ?? ''),
    compatible: parseCompatible(texts.get('compatible') ?? ''),
  };
}

/** Lines of one device, which is compatible with its like; or of those that are compatible, where there are ranges or several. */
function attributesOfLines(text: string): AttributeSet {
  const compatible = parseCompatible(text);
  const ranged = compatible.length > 1 || text.includes('{');
  return { self: ranged ? new Map() : parseSelf(text), compatible };
}

function stateIn(path: string): State | null {
  const bytes = readBytes(path);
  const start = bytes.subarray(0, 8).toString('latin1');
  if (start.startsWith('vlstate')) return stateFromBytes(bytes);
  return start.trimStart().startsWith('{') ? stateFromText(bytes.toString('utf8')) : null;
}

function sidesOfFile(path: string, name: string, address: string | null): readonly Side[] {
  const ofAttributes = (set: AttributeSet): Side[] => [
    { party: partyOfAttributes(name, set), address: null, state: null, movable: null },
  ];
  if (isDirectory(path)) return ofAttributes(attributesIn(path));
  const state = stateIn(path);
  if (state === null) return ofAttributes(attributesOfLines(asciiText(path)));
  const all = savedFunctions(state);
  const found = address === null ? all : all.filter((each) => each.address === address);
  if (found.length === 0)
    throw new UsageError(
      `no function ${address} in ${JSON.stringify(path)}; wants ${all.map((each) => each.address ?? 'no address').join(', ')}`,
    );
  return found.map((each) => ({
    party: partyOfState(each.address === null ? name : `${path}@${each.address}`, each.state),
    ...each,
    movable: null,
  }));
}

const ADDRESS = /@((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/;

/**
 * What an argument names: a device in words, a file with a state (with `@00:02.0` one function of it), or attributes: a
 * directory as in sysfs, or a file with lines.
 * @throws UsageError
 */
export function sidesOf(name: string): readonly Side[] {
  const [suffix = '', address = null] = ADDRESS.exec(name) ?? [];
  const path = existsSync(name) ? name : name.slice(0, name.length - suffix.length);
  if (existsSync(path)) return about(name, () => sidesOfFile(path, name, path === name ? null : address));
  if (/[/\\]|\.(?:json|txt|bin)$/.test(path)) readBytes(path);
  return about(name, () => {
    const movable = movableOf(name);
    return [{ party: movable.party, address: null, state: movable.save(), movable }];
  });
}

/** Which of one side may go to which of the other: where both have several, those at the same address. */
export function pairsOf(
  sources: readonly Side[],
  targets: readonly Side[],
): readonly (readonly [Side, Side])[] {
  const several = sources.length > 1 && targets.length > 1;
  return sources.flatMap((source) =>
    targets
      .filter((target) => !several || source.address === target.address)
      .map((target): readonly [Side, Side] => [source, target]),
  );
}
