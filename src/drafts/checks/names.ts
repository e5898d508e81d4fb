import type { DraftModel } from '../model.ts';
import { type DraftChecks, plainName, type Say } from './check.ts';

const MOST_SUGGESTED = 20;
const MOST_COMPARED = 2000;
/** Changes of one character that still leave a name recognizable. */
const FAR = 3;

/** Changes of one character that make one text of another; `most + 1` where it takes more. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

/** Words of a name, as `RESOURCE_QUERY` has two. */
const wordsOf = (name: string) => name.toLowerCase().split(/[^a-z0-9]+/);

/** What may have been meant: a name with the same words and more, or one that is hardly different. */
export function likely(name: string, names: readonly string[]): string | null {
  const words = wordsOf(name);
  const longer = names.find((each) => {
    const own = wordsOf(each);
    return own.length > words.length && words.every((word) => own.includes(word));
  });
  if (longer !== undefined) return longer;
  let best: string | null = null;
  let least = Math.min(FAR, Math.ceil(name.length / 3));
  for (const each of names.slice(0, MOST_COMPARED)) {
    const far = distance(name, each, least);
    if (far < least) [best, least] = [each, far];
  }
  return best;
}

/** All names that a draft defines. */
function definedNames({ document }: DraftModel): Set<string> {
  const { structures, blocks, capabilities, spaces, commands, names } = document;
  return new Set([
    ...(names ?? []),
    ...[structures, blocks, capabilities, spaces].flatMap((list) => (list ?? []).map(({ name }) => name)),
    ...(structures ?? []).flatMap(({ fields }) => (fields ?? []).map(({ name }) => name)),
    ...(capabilities ?? []).flatMap(({ fields }) => fields.map(({ name }) => name)),
    ...(spaces ?? []).flatMap(({ values }) => (values ?? []).map(({ name }) => name)),
    ...(commands?.list ?? []).map(({ name }) => name),
    ...(commands?.groups ?? []).map(({ name }) => name),
  ]);
}

interface Use {
  readonly name: string;
  readonly path: string;
  /** What it has to be a name of. */
  readonly what: string;
  readonly known: ReadonlySet<string>;
}

/** Every place where a draft relies on a name. */
function usesOf(model: DraftModel): Use[] {
  const {
    structures = [],
    blocks = [],
    capabilities = [],
    spaces = [],
    commands,
    statements = [],
  } = model.document;
  const structureNames = new Set(structures.map(({ name }) => name));
  const blockNames = new Set(blocks.map(({ name }) => name));
  const spaceNames = new Set(spaces.map(({ name }) => name));
  const groupNames = new Set((commands?.groups ?? []).map(({ name }) => name));
  const all = definedNames(model);
  const statuses = new Set([
    ...(spaces.find(({ name }) => name === commands?.statuses)?.values ?? []).map(({ name }) => name),
    ...(model.document.names ?? []),
  ]);
  const uses: Use[] = [];
  const use = (name: string | undefined, path: string, what: string, known: ReadonlySet<string>) => {
    if (name !== undefined) uses.push({ name, path, what, known });
  };
  for (const [i, { fields = [] }] of structures.entries())
    for (const [j, { structure }] of fields.entries())
      use(structure, `structures[${i}].fields[${j}].structure`, 'structure', structureNames);
  for (const [i, { structure }] of blocks.entries())
    use(structure, `blocks[${i}].structure`, 'structure', structureNames);
  for (const [i, { points }] of capabilities.entries())
    use(points, `capabilities[${i}].points`, 'block', blockNames);
  for (const [i, { uses = [] }] of statements.entries())
    for (const [j, name] of uses.entries()) use(name, `statements[${i}].uses[${j}]`, 'anything', all);
  if (commands === undefined) return uses;
  use(commands.opcodes, 'commands.opcodes', 'space of numbers', spaceNames);
  use(commands.statuses, 'commands.statuses', 'space of numbers', spaceNames);
  use(commands.head, 'commands.head', 'structure', structureNames);
  use(commands.answer, 'commands.answer', 'structure', structureNames);
  for (const [i, command] of commands.list.entries()) {
    const path = `commands.list[${i}]`;
    use(command.in?.structure, `${path}.in.structure`, 'structure', structureNames);
    use(command.out?.structure, `${path}.out.structure`, 'structure', structureNames);
    for (const [j, { name }] of (command.groups ?? []).entries())
      use(name, `${path}.groups[${j}].name`, 'group', groupNames);
    for (const [j, name] of (command.statuses ?? []).entries())
      use(name, `${path}.statuses[${j}]`, 'status', statuses);
  }
  return uses;
}

function sayUndefined(model: DraftModel, say: Say): void {
  let suggested = 0;
  for (const { name, path, what, known } of usesOf(model)) {
    if (known.has(name)) continue;
    const guess = suggested++ < MOST_SUGGESTED ? likely(name, [...known]) : null;
    say(
      path,
      `${name} is the name of ${what === 'anything' ? 'nothing' : `no ${what}`}${guess === null ? '' : `; ${guess} may be meant`}`,
    );
  }
}

const listsOf = ({ document }: DraftModel) =>
  [
    ['blocks', document.blocks ?? []],
    ['capabilities', document.capabilities ?? []],
    ['spaces', document.spaces ?? []],
    ['commands.list', document.commands?.list ?? []],
  ] as const;

export const nameChecks: DraftChecks = {
  'name-undefined': {
    level: 'error',
    clause: null,
    about: 'a name is used that nothing defines',
    run: sayUndefined,
  },
  'name-duplicate': {
    level: 'error',
    clause: null,
    about: 'two blocks, capabilities, spaces or commands have one name',
    run(model, say) {
      for (const [path, list] of listsOf(model)) {
        const seen = new Set<string>();
        for (const [i, { name }] of list.entries()) {
          if (seen.has(plainName(name))) say(`${path}[${i}].name`, `${name} is the name of one before it`);
          seen.add(plainName(name));
        }
      }
    },
  },
};
