import type { ByteOrder } from './model.ts';

/** Where the text has a table of ours. */
export interface InText {
  /** Name of the structure. */
  readonly structure: string;
  /** The table begins behind this field, whose length is not fixed. */
  readonly after?: string;
  /** The table begins at this field. */
  readonly begins?: string;
  /** Paths in the text of fields whose names do not follow from ours. */
  readonly names?: Readonly<Record<string, string>>;
  /** Fields of the text that the table leaves out, by path, and why. */
  readonly omits?: Readonly<Record<string, string>>;
  /** Fields of the table that are not as in the text, and why. */
  readonly differs?: Readonly<Record<string, string>>;
}

/** What is compared of a table's field; a register map has it. */
export interface TableField {
  readonly offset: number;
  readonly width: number;
  readonly count: number;
}

/** One of our layout tables: its exported name, and where the text has it, or why it does not. */
export interface LayoutTable {
  readonly name: string;
  readonly fields: Readonly<Record<string, TableField>>;
  /** Byte order of its numbers. */
  readonly order: ByteOrder;
  /** Its structures in the text; the first gives it its name when it is written. */
  readonly text: readonly InText[];
  /** Why the text has none. */
  readonly without: string;
}

/** A table, and its structures in the text. */
export const table = (
  name: string,
  fields: LayoutTable['fields'],
  ...text: readonly (string | InText)[]
): LayoutTable => ({
  name,
  fields,
  order: 'little',
  text: text.map((each) => (typeof each === 'string' ? { structure: each } : each)),
  without: '',
});

/** A table that is of no structure in the text, and why. */
export const without = (name: string, fields: LayoutTable['fields'], reason: string): LayoutTable => ({
  name,
  fields,
  order: 'little',
  text: [],
  without: reason,
});
