import { evaluate, type Names } from './expression.ts';
import {
  type ByteOrder,
  type Field,
  type Group,
  type NumberTypeName,
  numberTypes,
  type Structure,
  type StructureDocument,
} from './model.ts';

/** A field in its place. Fields of one that is declared in place stand behind it, by its name: `geometry.heads`. */
export interface PlacedField {
  /** `entries[].flags`: the names from the structure on; empty for an anonymous member. */
  readonly path: string;
  readonly field: Field;
  /** Structures in place that it stands in. */
  readonly depth: number;
  /** Bytes from the start of the structure, or, where `after` has a path, from the end of that field. */
  readonly offset: number;
  /** The last field before it whose length is not fixed; empty where there is none. */
  readonly after: string;
  /** Bytes of one element; null where that is not fixed. */
  readonly width: number | null;
  /** Elements; null where their number is not fixed. */
  readonly count: number | null;
  /** Byte order of a number; null for what is none. */
  readonly order: ByteOrder | null;
  /** The union that it is one of the alternatives of: its path; null where it is of none. */
  readonly union: string | null;
}

interface Place {
  offset: number;
  after: string;
}

/** Structures in structures of others, and so on, as deep as they are followed. */
export const MOST_STRUCTURES_DEEP = 64;

const numberOf = (field: Field): NumberTypeName | null =>
  field.type.kind === 'number' || field.type.kind === 'bits' ? field.type.name : null;

/** Elements of a field; null where a length is not fixed. */
export function countOf(field: Field): number | null {
  let count = 1;
  for (const { length } of field.counts) {
    if (length === null) return null;
    count *= length;
  }
  return count;
}

/** Where the fields of a document's structures stand. Structures have no padding but what they name. */
export class StructureLayout {
  readonly #groups = new Map<string, Group>();
  readonly #sizes = new Map<string, number | null>();
  #depth = 0;

  constructor({ structures }: Pick<StructureDocument, 'structures'>) {
    for (const structure of structures) this.#learn(structure);
  }

  /** A tag inside a structure names it everywhere, as in C. The first of a name counts. */
  #learn(group: Group): void {
    if (group.tag !== '' && !this.#groups.has(group.tag)) this.#groups.set(group.tag, group);
    for (const { type } of group.fields) if (type.kind === 'group') this.#learn(type.group);
  }

  /** The structure of a tag, wherever it is declared. */
  group(tag: string): Group | undefined {
    return this.#groups.get(tag);
  }

  /** Bytes of the structure of a tag; null where they are not fixed, or not known. */
  sizeOfTag(tag: string): number | null {
    const known = this.#sizes.get(tag);
    if (known !== undefined) return known;
    // One that holds itself has no size, and does not look for it without end.
    this.#sizes.set(tag, null);
    const group = this.#groups.get(tag);
    this.#depth++;
    const size = group === undefined || this.#depth > MOST_STRUCTURES_DEEP ? null : this.sizeOf(group);
    this.#depth--;
    this.#sizes.set(tag, size);
    return size;
  }

  /** Bytes of a structure; null where they are not fixed, or not known. */
  sizeOf(group: Group): number | null {
    let size = 0;
    for (const field of group.fields) {
      const width = this.#widthOf(field);
      const count = countOf(field);
      if (width === null || count === null) return null;
      size = group.form === 'union' ? Math.max(size, width * count) : size + width * count;
    }
    return size;
  }

  #widthOf({ type }: Field): number | null {
    switch (type.kind) {
      case 'number':
      case 'bits':
        return numberTypes[type.name].width;
      case 'reference':
        return this.sizeOfTag(type.tag);
      case 'group':
        return this.sizeOf(type.group);
      case 'open':
        return null;
    }
  }

  /**
   * Every field of a structure in its place, those of structures in it behind them; `expand` also goes into structures that
   * are declared elsewhere.
   */
  fields(group: Group, expand = false): readonly PlacedField[] {
    const found: PlacedField[] = [];
    this.#place(group, { path: '', depth: 0, union: null, expand }, { offset: 0, after: '' }, found);
    return found;
  }

  #place(
    group: Group,
    within: { path: string; depth: number; union: string | null; expand: boolean },
    start: Place,
    found: PlacedField[],
  ): Place {
    let place = { ...start };
    let [longest, open] = [0, false];
    for (const field of group.fields) {
      if (group.form === 'union') place = { ...start };
      const width = this.#widthOf(field);
      const count = countOf(field);
      const own = field.type.kind === 'open' ? '...' : field.name;
      const path = own === '' ? within.path : within.path === '' ? own : `${within.path}.${own}`;
      const name = numberOf(field);
      const union = group.form === 'union' ? within.path : within.union;
      const order = name === null ? null : numberTypes[name].order;
      found.push({ path, field, depth: within.depth, ...place, width, count, order, union });
      const inner = this.#inside(field, within.expand);
      let end: Place = { ...place };
      if (inner !== undefined && within.depth < MOST_STRUCTURES_DEEP) {
        const array = field.counts.length > 0 ? `${path}[]` : path;
        end = this.#place(
          inner,
          { path: array, depth: within.depth + 1, union, expand: within.expand },
          place,
          found,
        );
      }
      const size = width === null || count === null ? null : width * count;
      // Behind something of a length of its own, fields are counted from its end; a structure ends where its last part does.
      if (size !== null) place.offset += size;
      else if (inner !== undefined && field.counts.length === 0 && end.after !== place.after) place = end;
      else place = { offset: 0, after: path };
      longest = Math.max(longest, size ?? 0);
      open ||= size === null;
    }
    if (group.form === 'struct') return place;
    return open ? { offset: 0, after: within.path } : { offset: start.offset + longest, after: start.after };
  }

  #inside({ type }: Field, expand: boolean): Group | undefined {
    if (type.kind === 'group') return type.group;
    return expand && type.kind === 'reference' ? this.#groups.get(type.tag) : undefined;
  }
}

/** Names that stand for names, and so on, as far as they are followed. */
const MOST_NAMES_DEEP = 64;

/** The names of a document, as its expressions use them. */
export function namesOf(document: StructureDocument): Names {
  const layout = new StructureLayout(document);
  const texts = new Map(
    document.constants.map(({ name, parameters, text }) => [name, parameters === '' ? text : '']),
  );
  const values = new Map<string, number | null>();
  for (const { members } of document.enumerations)
    for (const { name, value } of members) values.set(name, value);
  let depth = 0;
  const names: Names = {
    constant(name) {
      const known = values.get(name);
      if (known !== undefined) return known;
      const text = texts.get(name);
      if (text === undefined || depth > MOST_NAMES_DEEP) return null;
      // One that stands for itself has no value.
      values.set(name, null);
      depth++;
      const value = evaluate(text, names);
      depth--;
      values.set(name, value);
      return value;
    },
    sizeOf(type) {
      const [form, tag] = type.split(' ');
      if (tag !== undefined) return layout.sizeOfTag(tag);
      return Object.hasOwn(numberTypes, form!) ? numberTypes[form as NumberTypeName].width : null;
    },
  };
  return names;
}

/** The structures of a document by their names; the first of a name. */
export function structureNamed(document: StructureDocument, name: string): Structure | undefined {
  return document.structures.find(({ tag }) => tag === name);
}
