import { VirtiolabError } from '../../core/index.ts';
import { STRUCTURES_FORMAT, STRUCTURES_VERSION } from './json.ts';
import { StructureLayout } from './layout.ts';
import {
  type BitField,
  type Constant,
  type Count,
  type Enumeration,
  type Field,
  type FieldType,
  type Group,
  type NumberTypeName,
  numberTypes,
  type Structure,
  type StructureDocument,
} from './model.ts';

/** JSON that is no document of structures: the place in it, what was found there, and what would be right. */
export class StructureJsonError extends VirtiolabError {
  readonly path: string;
  readonly found: unknown;
  readonly wanted: string;

  constructor(path: string, found: unknown, wanted: string) {
    const text = JSON.stringify(found) ?? String(found);
    super(`${path}: found ${text.length <= 60 ? text : `${text.slice(0, 57)}...`}, wants ${wanted}`);
    this.path = path;
    this.found = found;
    this.wanted = wanted;
  }
}

const MOST_DEPTH = 32;
const NAME = /^[A-Za-z_]\w*$/;
const NAMED_TYPE = /^(struct|union) ([A-Za-z_]\w*)$/;

/** A value in the document, and its path. */
class Value {
  readonly path: string;
  readonly #value: unknown;

  constructor(path: string, value: unknown) {
    this.path = path;
    this.#value = value;
  }

  refuse(wanted: string): never {
    throw new StructureJsonError(this.path, this.#value, wanted);
  }

  get missing(): boolean {
    return this.#value === undefined;
  }

  /** A member of an object. */
  at(name: string): Value {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.refuse('an object');
    const own = Object.hasOwn(value as object, name) ? (value as Record<string, unknown>)[name] : undefined;
    return new Value(`${this.path}.${name}`, own);
  }

  list(): Value[] {
    if (!Array.isArray(this.#value)) this.refuse('a list');
    return (this.#value as unknown[]).map((each, i) => new Value(`${this.path}[${i}]`, each));
  }

  text(): string {
    return typeof this.#value === 'string' ? this.#value : this.refuse('a text');
  }

  textOr(otherwise: string): string {
    return this.missing ? otherwise : this.text();
  }

  name(): string {
    const text = this.text();
    return NAME.test(text) ? text : this.refuse('a name of letters, digits and _');
  }

  nameOrEmpty(): string {
    return this.missing || this.#value === '' ? '' : this.name();
  }

  whole(least = 0): number {
    const value = this.#value;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    return this.refuse(`a whole number from ${least}`);
  }

  wholeOrNull(least: number): number | null {
    return this.#value === null ? null : this.whole(least);
  }

  isNumber(): boolean {
    return typeof this.#value === 'number';
  }

  is(expected: unknown): boolean {
    return this.#value === expected;
  }
}

/**
 * Reads what `structuresToJson` makes. Offsets, widths and sizes follow from the types; where they are given, they have to agree.
 * @throws StructureJsonError
 */
export function structuresFromJson(json: unknown): StructureDocument {
  const root = new Value('structures', json);
  if (!root.at('format').is(STRUCTURES_FORMAT)) root.at('format').refuse(JSON.stringify(STRUCTURES_FORMAT));
  if (!root.at('version').is(STRUCTURES_VERSION)) root.at('version').refuse(`version ${STRUCTURES_VERSION}`);
  const list = (name: string) => (root.at(name).missing ? [] : root.at(name).list());
  const document: StructureDocument = {
    constants: list('constants').map(constant),
    enumerations: list('enumerations').map(enumeration),
    structures: list('structures').map(structure),
  };
  const layout = new StructureLayout(document);
  for (const [i, value] of list('structures').entries()) agree(value, document.structures[i]!, layout);
  return document;
}

const least = Number.MIN_SAFE_INTEGER;

const constant = (value: Value): Constant => ({
  name: value.at('name').name(),
  parameters: value.at('parameters').textOr(''),
  text: value.at('text').text(),
  value: value.at('value').wholeOrNull(least),
  comment: value.at('comment').textOr(''),
  line: value.at('line').missing ? 0 : value.at('line').whole(),
});

const enumeration = (value: Value): Enumeration => ({
  name: value.at('name').nameOrEmpty(),
  members: value
    .at('members')
    .list()
    .map((member) => ({
      name: member.at('name').name(),
      text: member.at('text').textOr(''),
      value: member.at('value').wholeOrNull(least),
      comment: member.at('comment').textOr(''),
    })),
  comment: value.at('comment').textOr(''),
  line: value.at('line').missing ? 0 : value.at('line').whole(),
});

function structure(value: Value): Structure {
  const form = value.at('form');
  return {
    form: form.is('struct') ? 'struct' : form.is('union') ? 'union' : form.refuse('struct or union'),
    tag: value.at('name').name(),
    fields: value
      .at('fields')
      .list()
      .map((each) => field(each, 1)),
    tail: value.at('tail').textOr(''),
    comment: value.at('comment').textOr(''),
    file: value.at('file').textOr(''),
    line: value.at('line').missing ? 0 : value.at('line').whole(),
  };
}

function field(value: Value, depth: number): Field {
  if (depth > MOST_DEPTH) value.refuse(`fields in at most ${MOST_DEPTH} structures`);
  return {
    name: value.at('name').nameOrEmpty(),
    type: fieldType(value, depth),
    counts: value.at('lengths').missing ? [] : value.at('lengths').list().map(count),
    comment: value.at('comment').textOr(''),
    line: value.at('line').missing ? 0 : value.at('line').whole(),
  };
}

function fieldType(value: Value, depth: number): FieldType {
  const type = value.at('type').text();
  if (type === '...') return { kind: 'open' };
  if (Object.hasOwn(numberTypes, type)) {
    const name = type as NumberTypeName;
    if (value.at('bits').missing) return { kind: 'number', name };
    return { kind: 'bits', name, bits: bits(value.at('bits'), 8 * numberTypes[name].width) };
  }
  const named = NAMED_TYPE.exec(type);
  const form = (named?.[1] ?? type) as Group['form'];
  if (form !== 'struct' && form !== 'union')
    value.at('type').refuse('le32 or another number, struct NAME or union NAME');
  if (named !== null && value.at('fields').missing) return { kind: 'reference', form, tag: named[2]! };
  const fields = value
    .at('fields')
    .list()
    .map((each) => field(each, depth + 1));
  return { kind: 'group', group: { form, tag: named?.[2] ?? '', fields, tail: value.at('tail').textOr('') } };
}

function bits(value: Value, all: number): BitField[] {
  let end = 0;
  return value.list().map((each) => {
    const low = each.at('low').whole();
    const width = each.at('width').whole(1);
    if (low < end) each.at('low').refuse(`${end} or more, behind the bits before`);
    end = low + width;
    if (end > all) each.at('width').refuse(`bits up to ${all}`);
    return { name: each.at('name').name(), low, width, comment: each.at('comment').textOr('') };
  });
}

function count(value: Value): Count {
  if (value.isNumber()) return { length: value.whole(), text: '' };
  return { length: value.at('length').wholeOrNull(0), text: value.at('text').text() };
}

/** Refuses what is given and does not follow from the types. */
function agree(value: Value, structure: Structure, layout: StructureLayout): void {
  const same = (at: Value, follows: unknown) => {
    if (!at.missing && !at.is(follows)) at.refuse(`${JSON.stringify(follows)}, which follows from the types`);
  };
  const places = layout.fields(structure);
  let next = 0;
  const level = (fields: Value): void => {
    for (const each of fields.list()) {
      const place = places[next++]!;
      same(each.at('offset'), place.offset);
      same(each.at('width'), place.width);
      if (place.after !== '') same(each.at('after'), place.after);
      if (!each.at('fields').missing) level(each.at('fields'));
    }
  };
  level(value.at('fields'));
  same(value.at('bytes'), layout.sizeOf(structure));
}
