import { MOST_STRUCTURES_DEEP, StructureLayout } from './layout.ts';
import { countText, type Field, type Group, type Structure, type StructureDocument } from './model.ts';
import { ProblemList, type StructureProblem } from './problems.ts';

/** Elements of one pair of brackets, as far as it makes sense on a bus. */
const MOST_ELEMENTS = 2 ** 32;

/** What is wrong with structures once all of them are known: names, lengths, what holds what. */
export function checkStructures(document: StructureDocument): StructureProblem[] {
  const layout = new StructureLayout(document);
  const seen = new Map<string, Structure>();
  const nesting = new Nesting(document.structures);
  const found: StructureProblem[] = [];
  for (const structure of document.structures) {
    const problems = new ProblemList(structure.file);
    const before = seen.get(structure.tag);
    if (before !== undefined) {
      const where = `${before.file === structure.file ? 'line ' : `${before.file}:`}${before.line}`;
      problems.add(
        'defined-twice',
        structure.line,
        `${structure.form} ${structure.tag} has other fields than at ${where}`,
        'wants one of them, or two names',
      );
    } else seen.set(structure.tag, structure);
    if (nesting.looping.has(structure.tag))
      problems.add(
        'holds-itself',
        structure.line,
        `${structure.form} ${structure.tag} is in itself`,
        'wants fields of a fixed size',
      );
    if (nesting.heights.get(structure.tag)! > MOST_STRUCTURES_DEEP)
      problems.add(
        'too-deep',
        structure.line,
        `structures in each other in ${structure.form} ${structure.tag}`,
        `wants at most ${MOST_STRUCTURES_DEEP}`,
      );
    new FieldCheck(structure.tag, layout, problems).group(structure, new Set());
    found.push(...problems.all());
  }
  return found;
}

class FieldCheck {
  readonly #tag: string;
  readonly #layout: StructureLayout;
  readonly #problems: ProblemList;

  constructor(tag: string, layout: StructureLayout, problems: ProblemList) {
    this.#tag = tag;
    this.#layout = layout;
    this.#problems = problems;
  }

  /** `names` are those of the structure around an anonymous one, whose fields are its own. */
  group(group: Group, names: Set<string>): void {
    for (const field of group.fields) {
      this.#name(field.name, field, names);
      this.#lengths(field);
      const { type } = field;
      if (type.kind === 'group') this.group(type.group, field.name === '' ? names : new Set());
      if (type.kind === 'bits' && field.name === '')
        for (const bit of type.bits) this.#name(bit.name, field, names);
      if (type.kind === 'reference' && this.#layout.group(type.tag) === undefined)
        this.#problems.add(
          'unknown-type',
          field.line,
          `${type.form} ${type.tag} of field ${field.name} is declared nowhere`,
          'wants its declaration, in this text or in another that is read with it',
        );
    }
  }

  #name(name: string, field: Field, names: Set<string>): void {
    if (name === '') return;
    if (names.has(name))
      this.#problems.add(
        'name-twice',
        field.line,
        `second field ${name} in ${this.#tag}`,
        'wants another name',
      );
    names.add(name);
  }

  #lengths(field: Field): void {
    for (const count of field.counts) {
      const { length } = count;
      if (length === 0)
        this.#problems.add(
          'zero-length',
          field.line,
          `${field.name}[${countText(count)}] has no elements`,
          'wants [] for a length that is open',
        );
      else if (length !== null && (length < 0 || length > MOST_ELEMENTS))
        this.#problems.add(
          'bad-length',
          field.line,
          `${field.name}[${countText(count)}] has ${length} elements`,
          `wants 1 to ${MOST_ELEMENTS}`,
        );
    }
  }
}

/** How structures hold each other. */
class Nesting {
  /** Those that are in themselves, straight or through others. */
  readonly looping = new Set<string>();
  /** Structures that stand in each other in a structure, itself included. */
  readonly heights = new Map<string, number>();
  readonly #holds = new Map<string, readonly string[]>();

  constructor(structures: readonly Structure[]) {
    for (const structure of structures)
      if (!this.#holds.has(structure.tag)) this.#holds.set(structure.tag, tagsIn(structure));
    for (const tag of this.#holds.keys()) if (!this.heights.has(tag)) this.#walk(tag);
  }

  /** Walked with a list of its own: a chain of structures may be as long as a text. */
  #walk(start: string): void {
    const way = [{ tag: start, next: 0, height: 1 }];
    const on = new Set([start]);
    for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
      const inner = this.#holds.get(step.tag)?.[step.next++];
      if (inner === undefined) {
        this.heights.set(step.tag, step.height);
        on.delete(step.tag);
        way.pop();
        const outer = way.at(-1);
        if (outer !== undefined) outer.height = Math.max(outer.height, step.height + 1);
      } else if (on.has(inner)) {
        for (const { tag } of way.slice(way.findIndex(({ tag }) => tag === inner))) this.looping.add(tag);
      } else if (this.heights.has(inner)) step.height = Math.max(step.height, this.heights.get(inner)! + 1);
      else {
        on.add(inner);
        way.push({ tag: inner, next: 0, height: 1 });
      }
    }
  }
}

/** The structures that stand in one, by their tags. */
const tagsIn = (group: Group): string[] =>
  group.fields.flatMap(({ type }) =>
    type.kind === 'reference' ? [type.tag] : type.kind === 'group' ? tagsIn(type.group) : [],
  );
