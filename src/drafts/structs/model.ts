/** Structures as specification authors declare them: `le16 x;`, packed, in the order of the text. */

/** Byte order of a number: fixed, the guest's own (`u16`), or none where it has one byte. */
export type ByteOrder = 'little' | 'big' | 'native' | 'byte';

/** A type that has numbers: width in bytes, order, and whether it has a sign. */
export interface NumberType {
  readonly width: 1 | 2 | 4 | 8;
  readonly order: ByteOrder;
  readonly signed?: true;
}

/** The types of numbers by their names in a text. */
export const numberTypes = {
  u8: { width: 1, order: 'byte' },
  char: { width: 1, order: 'byte' },
  s8: { width: 1, order: 'byte', signed: true },
  le16: { width: 2, order: 'little' },
  le32: { width: 4, order: 'little' },
  le64: { width: 8, order: 'little' },
  be16: { width: 2, order: 'big' },
  be32: { width: 4, order: 'big' },
  be64: { width: 8, order: 'big' },
  u16: { width: 2, order: 'native' },
  u32: { width: 4, order: 'native' },
  u64: { width: 8, order: 'native' },
  s16: { width: 2, order: 'native', signed: true },
  s32: { width: 4, order: 'native', signed: true },
  s64: { width: 8, order: 'native', signed: true },
} as const satisfies Readonly<Record<string, NumberType>>;
export type NumberTypeName = keyof typeof numberTypes;

/** Other spellings of them: of C, of Linux, of texts. They are read, and written by the names above. */
export const numberTypeSpellings: Readonly<Record<string, NumberTypeName>> = {
  le8: 'u8',
  be8: 'u8',
  byte: 'u8',
  ...Object.fromEntries(
    [8, 16, 32, 64].flatMap((bits) => [
      [`uint${bits}_t`, `u${bits}`],
      [`int${bits}_t`, `s${bits}`],
      [`__u${bits}`, `u${bits}`],
      [`__s${bits}`, `s${bits}`],
      ...(bits === 8
        ? []
        : [
            [`__le${bits}`, `le${bits}`],
            [`__be${bits}`, `be${bits}`],
            [`__virtio${bits}`, `u${bits}`],
            [`virtio${bits}`, `u${bits}`],
          ]),
    ]),
  ),
};

/**
 * A length in brackets: `length` elements, or null where it is not fixed. `text` is what stands in the brackets, unless that
 * is a plain number: the name of a constant, an expression, the author's words; empty with a null length for `[]`.
 */
export interface Count {
  readonly length: number | null;
  readonly text: string;
}

/** Some bits of a number, counted from the least significant one. */
export interface BitField {
  readonly name: string;
  readonly low: number;
  readonly width: number;
  readonly comment: string;
}

/** `struct { ... }` or `union { ... }`; `tag` is empty where it has none, `tail` is the comment after the last field. */
export interface Group {
  readonly form: 'struct' | 'union';
  readonly tag: string;
  readonly fields: readonly Field[];
  readonly tail: string;
}

/**
 * What a field is: a number; a number whose bits have names (`le16 { a : 15; b : 1; } x;`); a structure that is declared
 * elsewhere; one that is declared in place; or fields that the text leaves open (`...`).
 */
export type FieldType =
  | { readonly kind: 'number'; readonly name: NumberTypeName }
  | { readonly kind: 'bits'; readonly name: NumberTypeName; readonly bits: readonly BitField[] }
  | { readonly kind: 'reference'; readonly form: 'struct' | 'union'; readonly tag: string }
  | { readonly kind: 'group'; readonly group: Group }
  | { readonly kind: 'open' };

/** A field. `name` is empty for an anonymous member; `counts` has one entry for each pair of brackets. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly counts: readonly Count[];
  /** The comments before it and after it, in one line. */
  readonly comment: string;
  /** Line in the text it was read from, from 1; 0 where it was not read from one. */
  readonly line: number;
}

/** A structure or union with a name of its own. */
export interface Structure extends Group {
  readonly comment: string;
  /** The name that was given to the text, and the line in it, from 1. */
  readonly file: string;
  readonly line: number;
}

/** `#define NAME text`. `parameters` are those of a macro, with their parentheses; `value` is null where it has none. */
export interface Constant {
  readonly name: string;
  readonly parameters: string;
  readonly text: string;
  readonly value: number | null;
  readonly comment: string;
  readonly line: number;
}

/** A name in an enumeration. `text` is empty where its value is one more than the name's before. */
export interface EnumerationMember {
  readonly name: string;
  readonly text: string;
  readonly value: number | null;
  readonly comment: string;
}

/** `enum NAME { ... }`; `name` is empty where it has none. */
export interface Enumeration {
  readonly name: string;
  readonly members: readonly EnumerationMember[];
  readonly comment: string;
  readonly line: number;
}

/** What a text declares. */
export interface StructureDocument {
  readonly constants: readonly Constant[];
  readonly enumerations: readonly Enumeration[];
  readonly structures: readonly Structure[];
}

/** The type of a field as C has it, without lengths: `le16`, `struct virtio_pci_cap`, `union`. */
export function typeText(type: FieldType): string {
  switch (type.kind) {
    case 'number':
    case 'bits':
      return type.name;
    case 'reference':
      return `${type.form} ${type.tag}`;
    case 'group':
      return type.group.tag === '' ? type.group.form : `${type.group.form} ${type.group.tag}`;
    case 'open':
      return '...';
  }
}

/** A length as it stands in its brackets. */
export const countText = ({ length, text }: Count): string =>
  text !== '' || length === null ? text : `${length}`;
