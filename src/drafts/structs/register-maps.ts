import { type Access, type RegisterMap, rc, registers, ro, rw, VirtiolabError } from '../../core/index.ts';
import { type PlacedField, StructureLayout, structureNamed } from './layout.ts';
import type { LayoutTable, TableField } from './layout-table.ts';
import {
  type ByteOrder,
  type Field,
  type Group,
  type NumberTypeName,
  numberTypes,
  type Structure,
  type StructureDocument,
} from './model.ts';
import { camelName, textName } from './names.ts';

/** A structure that is no register map, or a map that is no structure: where, why, and what would be right. */
export class StructureShapeError extends VirtiolabError {
  readonly structure: string;
  readonly field: string;
  readonly reason: string;

  constructor(structure: string, field: string, reason: string) {
    super(`structure ${structure}, field ${field === '' ? '(none)' : field}: ${reason}`);
    this.structure = structure;
    this.field = field;
    this.reason = reason;
  }
}

/** What comments say of access, as the specification has it. */
const ACCESSES: readonly (readonly [access: Access, pattern: RegExp, text: string])[] = [
  ['rc', /\bread[- ]clears\b/i, 'read clears'],
  ['rw', /\bread[-/ ]write\b/i, 'read-write'],
  ['ro', /\bread[- ]only\b/i, ''],
];
const makers = { ro, rw, rc } as const;

export interface RegisterMapOptions {
  /** The map begins behind this field, whose length is not fixed. */
  readonly after?: string;
  /** Access of fields whose comments do not say `read-only`, `read-write` or `read clears`. */
  readonly access?: Access;
}

/**
 * The register map of a structure: its numbers, up to the first field whose length is not fixed, which is left out as what
 * follows it. Names are those of the fields in camelCase; with the structure's that they are in, where one is there twice.
 * @throws StructureShapeError where it has none: no such structure, alternatives of a union, arrays of structures
 * @throws RegisterMapError where a field is not aligned to its width
 */
export function registerMapOf(
  document: StructureDocument,
  tag: string,
  { after = '', access = 'ro' }: RegisterMapOptions = {},
): RegisterMap {
  const structure = structureNamed(document, tag);
  if (structure === undefined) throw new StructureShapeError(tag, '', 'is not in the document');
  checkAlternatives(tag, '', structure);
  const layout = new StructureLayout(document);
  const places = layout.fields(structure, true);
  if (after !== '' && !places.some((place) => place.after === after))
    throw new StructureShapeError(
      tag,
      after,
      'no field stands behind it; wants one whose length is not fixed',
    );
  const part = places.filter((place) => place.after === after && place.field.type.kind !== 'open');
  for (const place of part) checkShape(tag, place, layout);
  const numbers = part.filter(({ order, count }) => order !== null && count !== null);
  const leaf = ({ field, path }: PlacedField) =>
    camelName(field.name === '' ? bitNames(field) : path.slice(path.lastIndexOf('.') + 1));
  const names = numbers.map(leaf);
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  const map: Record<string, ReturnType<typeof ro> | ReturnType<typeof rw> | ReturnType<typeof rc>> = {};
  for (const [i, place] of numbers.entries()) {
    const name = twice.has(names[i]!) ? camelName(place.path) : names[i]!;
    if (Object.hasOwn(map, name))
      throw new StructureShapeError(tag, name, 'is there twice; wants names of their own');
    const said = ACCESSES.find(([, pattern]) => pattern.test(place.field.comment))?.[0] ?? access;
    const { width } = numberTypes[(place.field.type as { name: NumberTypeName }).name];
    map[name] = makers[said](place.offset, width, '', { count: place.count! });
  }
  return registers(map);
}

const bitNames = ({ type }: Field) =>
  type.kind === 'bits' ? type.bits.map(({ name }) => name).join('_') : '';

/** Refuses what has its fields in more than one way, or more than once. */
function checkShape(tag: string, { path, field, count }: PlacedField, layout: StructureLayout): void {
  const { type } = field;
  const group =
    type.kind === 'group' ? type.group : type.kind === 'reference' ? layout.group(type.tag) : undefined;
  checkAlternatives(tag, path, group);
  if (group !== undefined && count !== 1 && count !== null)
    throw new StructureShapeError(
      tag,
      path,
      'is an array of structures; a register map has arrays of numbers',
    );
}

function checkAlternatives(tag: string, path: string, group: Group | undefined): void {
  if (group?.form === 'union' && group.fields.length > 1)
    throw new StructureShapeError(tag, path, 'is a union of several fields; a register map has one of them');
}

/** The number type of a width and an order. */
function typeOf(width: number, order: ByteOrder): NumberTypeName | undefined {
  const found = Object.entries(numberTypes).find(
    ([name, type]) =>
      name !== 'char' && type.width === width && (width === 1 || type.order === order) && !('signed' in type),
  );
  return found?.[0] as NumberTypeName | undefined;
}

/**
 * The structure of a register map, or of any table of offsets, widths and counts: fields in their order, holes as bytes named
 * `hole_` and their offset. What a register does beside being read stands in its comment.
 * @throws StructureShapeError where fields overlap, or have a width that no type has
 */
export function structureOf(
  tag: string,
  fields: Readonly<Record<string, TableField & { readonly access?: Access }>>,
  order: ByteOrder = 'little',
): Structure {
  const found: Field[] = [];
  let end = 0;
  for (const [name, { offset, width, count, access = 'ro' }] of inAscent(fields)) {
    const type = typeOf(width, order);
    if (type === undefined)
      throw new StructureShapeError(tag, name, `has ${width} bytes; wants 1, 2, 4 or 8`);
    if (offset < end)
      throw new StructureShapeError(
        tag,
        name,
        `begins at ${offset}, before ${end}, where the field before it ends`,
      );
    if (offset > end) found.push(fieldOf(`hole_${end}`, 'u8', offset - end, ''));
    const comment = ACCESSES.find(([each]) => each === access)![2];
    found.push(fieldOf(textName(name), type, count, comment));
    end = offset + width * count;
  }
  return { form: 'struct', tag, fields: found, tail: '', comment: '', file: '', line: 0 };
}

const inAscent = <F extends TableField>(fields: Readonly<Record<string, F>>) =>
  Object.entries(fields).sort((a, b) => a[1].offset - b[1].offset);

const fieldOf = (name: string, type: NumberTypeName, count: number, comment: string): Field => ({
  name,
  type: { kind: 'number', name: type },
  counts: count === 1 ? [] : [{ length: count, text: '' }],
  comment,
  line: 0,
});

/** Layout tables as a document of structures, named as the tables are, with the specification's name in the comment. */
export function structuresOfTables(tables: readonly LayoutTable[]): StructureDocument {
  const structures = tables.map(({ name, fields, order, text, without }) => ({
    ...structureOf(textName(name), fields, order),
    comment: text.length === 0 ? without : text.map(({ structure }) => structure).join(', '),
  }));
  return { constants: [], enumerations: [], structures };
}
