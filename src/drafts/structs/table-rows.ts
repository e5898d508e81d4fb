import { type PlacedField, StructureLayout } from './layout.ts';
import { countText, type Structure, type StructureDocument, typeText } from './model.ts';

/** A structure as rows that people read. */
export interface StructureTable {
  readonly title: string;
  readonly comment: string;
  readonly rows: readonly StructureRow[];
}

/** A field, or some bits of one, in words. */
export interface StructureRow {
  /** Bytes from the start, or `data + 4` behind what has no fixed length; of bits, their numbers. */
  readonly place: string;
  readonly bytes: string;
  readonly type: string;
  readonly name: string;
  readonly comment: string;
  /** Structures in place that it stands in. */
  readonly depth: number;
}

/** What is said of a size. */
export const bytesText = (bytes: number | null): string =>
  bytes === null ? 'variable' : bytes === 1 ? '1 byte' : `${bytes} bytes`;

/** The structures of a document as rows. */
export function structureTables(document: StructureDocument): StructureTable[] {
  const layout = new StructureLayout(document);
  return document.structures.map((structure: Structure) => ({
    title: `${structure.form} ${structure.tag} (${bytesText(layout.sizeOf(structure))})`,
    comment: [structure.comment, structure.tail].filter((text) => text !== '').join(' '),
    rows: layout.fields(structure).flatMap(rowsOf),
  }));
}

function rowsOf({ field, depth, offset, after, width, count }: PlacedField): StructureRow[] {
  const { type, name, counts, comment } = field;
  const row: StructureRow = {
    place: after === '' ? `${offset}` : `${after} + ${offset}`,
    bytes: width === null || count === null ? 'variable' : `${width * count}`,
    type: typeText(type),
    name: `${name}${counts.map((each) => `[${countText(each)}]`).join('')}`,
    comment,
    depth,
  };
  if (type.kind !== 'bits') return [row];
  return [
    row,
    ...type.bits.map((bit) => ({
      place: bit.width === 1 ? `bit ${bit.low}` : `bits ${bit.low}..${bit.low + bit.width - 1}`,
      bytes: '',
      type: '',
      name: bit.name,
      comment: bit.comment,
      depth: depth + 1,
    })),
  ];
}
