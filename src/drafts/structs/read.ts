import { checkStructures } from './check.ts';
import { evaluate, type Names } from './expression.ts';
import { namesOf } from './layout.ts';
import { listingsOf } from './listings.ts';
import type { Count, Enumeration, Field, Group, Structure, StructureDocument } from './model.ts';
import { type Declarations, Parser } from './parser.ts';
import { ProblemList, type StructureProblem } from './problems.ts';

/** A text, and the name under which problems in it are told. */
export interface StructureText {
  readonly file: string;
  readonly text: string;
}

/** What was read of texts, and what could not be. */
export interface ReadStructures extends StructureDocument {
  readonly problems: readonly StructureProblem[];
}

/** A specification has a hundredth of it. */
const MOST_CHARACTERS = 32 * 1024 * 1024;

const TEX = /\\(?:begin|documentclass|section|subsection|input|chapter|label)\b/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what no text has.
const BINARY = /[\u0000-\u0008\u000e-\u001a\u001c-\u001f\ufffd]/g;

/**
 * Reads the structures of texts: of the listings of a TeX file, or of a whole C header. A structure of one text may stand in
 * those of another. Never throws: what cannot be read is named in `problems`, everything else is read.
 */
export function readStructures(texts: string | readonly StructureText[]): ReadStructures {
  const into: Declarations = { constants: [], enumerations: [], structures: [], aliases: new Map() };
  const lists: ProblemList[] = [];
  for (const { file, text } of typeof texts === 'string' ? [{ file: '', text: texts }] : texts) {
    const problems = new ProblemList(file);
    lists.push(problems);
    if (readable(text, problems)) readText(file, text, problems, into);
  }
  const document = resolved(into);
  const found = checkStructures(document);
  if (
    into.structures.length + into.enumerations.length + into.constants.length === 0 &&
    lists[0] !== undefined
  )
    lists[0].add('no-structures', 1, 'no structure', 'wants struct NAME { ... }; in a listing, or C');
  const problems = [...lists.flatMap((list) => list.all()), ...found].filter(once());
  const order = new Map((typeof texts === 'string' ? [] : texts).map(({ file }, i) => [file, i]));
  const at = ({ file }: StructureProblem) => order.get(file) ?? 0;
  return { ...document, problems: problems.sort((a, b) => at(a) - at(b) || a.line - b.line) };
}

/** The same structure twice, in two texts, has the same problems at two lines; the same line has one. */
function once() {
  const seen = new Set<string>();
  return ({ kind, file, line, found }: StructureProblem): boolean => {
    const key = `${kind} ${file} ${line} ${found}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  };
}

function readable(text: string, problems: ProblemList): boolean {
  if (text.length > MOST_CHARACTERS) {
    problems.add('too-large', 1, `${text.length} characters`, `wants at most ${MOST_CHARACTERS}`);
    return false;
  }
  const strange = text.slice(0, 65536).match(BINARY)?.length ?? 0;
  if (text.includes('\0') || strange > 16) {
    problems.add('binary', 1, 'a file that is no text', 'wants TeX with listings, or C');
    return false;
  }
  return true;
}

function readText(file: string, read: string, problems: ProblemList, into: Declarations): void {
  const text = read.replace(/\r\n?/g, '\n');
  const listings = listingsOf(text, problems);
  const all = listings.length > 0 || TEX.test(text) ? listings : [{ text, line: 1 }];
  for (const listing of all) new Parser(listing, file, problems, into).read();
}

/** Values of names and lengths, now that all names are known. */
function resolved({ constants, enumerations, structures: all }: Declarations): StructureDocument {
  const structures = firstOfEach(all);
  // Lengths may be of sizes, and sizes have lengths: those that need no size come first.
  let document: StructureDocument = { constants, enumerations, structures };
  for (let round = 0; round < 2; round++) {
    const enumerations = numbered(document.enumerations, namesOf(document));
    const names = namesOf({ ...document, enumerations });
    document = {
      constants: document.constants.map((each) => ({
        ...each,
        value: each.parameters === '' ? evaluate(each.text, names) : null,
      })),
      enumerations,
      structures: structures.map((each) => ({ ...each, fields: withLengths(each, names) })),
    };
  }
  return document;
}

/** The same structure again, field by field, is the same one; another under its name stays, and is a problem. */
function firstOfEach(structures: readonly Structure[]): Structure[] {
  const seen = new Map<string, string>();
  return structures.filter((structure) => {
    const text = JSON.stringify(structure.fields, (key, value) =>
      key === 'line' || key === 'comment' ? undefined : value,
    );
    const same = seen.get(structure.tag) === text;
    if (!seen.has(structure.tag)) seen.set(structure.tag, text);
    return !same;
  });
}

function numbered(enumerations: readonly Enumeration[], names: Names): Enumeration[] {
  return enumerations.map((enumeration) => {
    let next: number | null = 0;
    const members = enumeration.members.map((member) => {
      const value: number | null = member.text === '' ? next : evaluate(member.text, names);
      next = value === null ? null : value + 1;
      return { ...member, value };
    });
    return { ...enumeration, members };
  });
}

function withLengths(group: Group, names: Names): Field[] {
  const lengthOf = ({ length, text }: Count): Count =>
    text === '' ? { length, text } : { length: evaluate(text, names), text };
  return group.fields.map((field) => {
    const counts = field.counts.map(lengthOf);
    if (field.type.kind !== 'group') return { ...field, counts };
    const inner = field.type.group;
    return {
      ...field,
      counts,
      type: { kind: 'group', group: { ...inner, fields: withLengths(inner, names) } },
    };
  });
}
