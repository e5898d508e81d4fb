import { StructureLayout } from './layout.ts';
import type { BitField, Constant, Count, Enumeration, Group, Structure, StructureDocument } from './model.ts';
import { typeText } from './model.ts';

/** A field in JSON. What is empty is left out; `lengths` has a number, or its text and what that is. */
export interface JsonField {
  readonly name: string;
  readonly type: string;
  /** Bytes from the start of the structure, or from the end of the field at the path `after`. */
  readonly offset: number;
  readonly after?: string;
  /** Bytes of one element; null where they are not fixed. */
  readonly width: number | null;
  readonly lengths?: readonly (number | { readonly text: string; readonly length: number | null })[];
  readonly bits?: readonly BitField[];
  readonly fields?: readonly JsonField[];
  readonly tail?: string;
  readonly comment?: string;
  readonly line?: number;
}

/** A structure in JSON. `bytes` is null where its size is not fixed. */
export interface JsonStructure {
  readonly form: 'struct' | 'union';
  readonly name: string;
  readonly bytes: number | null;
  readonly fields: readonly JsonField[];
  readonly tail?: string;
  readonly comment?: string;
  readonly file?: string;
  readonly line?: number;
}

/** The document that `structuresToJson` makes and `structuresFromJson` reads. */
export interface StructuresJson {
  readonly format: 'virtiolab structures';
  readonly version: 1;
  readonly constants: readonly Constant[];
  readonly enumerations: readonly Enumeration[];
  readonly structures: readonly JsonStructure[];
}

export const STRUCTURES_FORMAT = 'virtiolab structures';
export const STRUCTURES_VERSION = 1;

const lengthOf = ({ length, text }: Count) => (text === '' && length !== null ? length : { text, length });
const given = (text: string) => (text === '' ? undefined : text);
const lineGiven = (line: number) => (line === 0 ? undefined : line);

/** Structures as JSON: every field with its offset, width and lengths. */
export function structuresToJson(document: StructureDocument): StructuresJson {
  const layout = new StructureLayout(document);
  const structure = ({
    form,
    tag,
    fields,
    tail,
    comment,
    file,
    line,
    ...rest
  }: Structure): JsonStructure => ({
    form,
    name: tag,
    bytes: layout.sizeOf({ form, tag, fields, tail }),
    fields: placed({ form, tag, fields, tail }, layout),
    ...withoutEmpty({ tail: given(tail), comment: given(comment), file: given(file), line: lineGiven(line) }),
    ...rest,
  });
  return {
    format: STRUCTURES_FORMAT,
    version: STRUCTURES_VERSION,
    constants: document.constants,
    enumerations: document.enumerations,
    structures: document.structures.map(structure),
  };
}

/** The fields of a structure, those of structures in it within them: its layout as a tree. */
function placed(group: Group, layout: StructureLayout): JsonField[] {
  const places = layout.fields(group);
  let next = 0;
  const level = (fields: Group['fields']): JsonField[] =>
    fields.map((field) => {
      const { offset, after, width } = places[next++]!;
      const { name, type, counts, comment, line } = field;
      const inner = type.kind === 'group' ? type.group : null;
      return {
        name,
        type: typeText(type),
        offset,
        width,
        ...withoutEmpty({
          after: given(after),
          lengths: counts.length === 0 ? undefined : counts.map(lengthOf),
          bits: type.kind === 'bits' ? type.bits : undefined,
          fields: inner === null ? undefined : level(inner.fields),
          tail: inner === null ? undefined : given(inner.tail),
          comment: given(comment),
          line: lineGiven(line),
        }),
      };
    });
  return level(group.fields);
}

/** An object without what is undefined. */
function withoutEmpty<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
