import { VirtiolabError } from '../../core/index.ts';
import { type PlacedField, StructureLayout } from './layout.ts';
import type { ByteOrder, StructureDocument } from './model.ts';

/** What a text says of a field: where it stands, and how wide it is. */
export interface FieldFacts {
  readonly path: string;
  /** Bytes from the start of the structure, or from the end of the field `after`. */
  readonly offset: number;
  readonly after: string;
  /** Bytes of one element, and elements; null where they are not fixed. */
  readonly width: number | null;
  readonly count: number | null;
  /** Byte order of a number; null for a structure, whose fields follow. */
  readonly order: ByteOrder | null;
}

/** What a text says of a structure; `bytes` is null where its size is not fixed. */
export interface StructureFacts {
  readonly form: 'struct' | 'union';
  readonly name: string;
  readonly bytes: number | null;
  readonly fields: readonly FieldFacts[];
}

/** Bits without a name of their own have those of the bits. */
function pathOf({ path, field }: PlacedField): string {
  if (field.name !== '' || field.type.kind !== 'bits') return path;
  return field.type.bits.map(({ name }) => (path === '' ? name : `${path}.${name}`)).join('|');
}

/** The facts of a document's structures, those of structures in them included. */
export function factsOf(document: StructureDocument): StructureFacts[] {
  const layout = new StructureLayout(document);
  return document.structures.map((structure) => ({
    form: structure.form,
    name: structure.tag,
    bytes: layout.sizeOf(structure),
    fields: layout
      .fields(structure, true)
      .filter(({ field }) => field.name !== '' || field.type.kind === 'bits')
      .map((place) => {
        const { offset, after, width, count, order } = place;
        return { path: pathOf(place), offset, after, width, count, order };
      }),
  }));
}

/** A line of a record that is none: its number, from 1, and what would be right. */
export class FactsError extends VirtiolabError {
  readonly line: number;
  readonly found: string;

  constructor(line: number, found: string, wanted: string) {
    super(`line ${line}: found ${JSON.stringify(found)}, wants ${wanted}`);
    this.line = line;
    this.found = found;
  }
}

const ORDERS: Readonly<Record<string, ByteOrder | null>> = {
  le: 'little',
  be: 'big',
  native: 'native',
  byte: 'byte',
  fields: null,
};
const orderText = (order: ByteOrder | null) => Object.entries(ORDERS).find(([, each]) => each === order)![0];
const known = (value: number | null) => (value === null ? '?' : `${value}`);

/**
 * Facts as lines: `struct NAME BYTES`, and for each field `PATH OFFSET WIDTH COUNT ORDER`, where `OFFSET` is `PATH+OFFSET` behind
 * a field of no fixed length, and `?` stands for what is not fixed.
 */
export function factsText(facts: readonly StructureFacts[]): string {
  const lines = facts.flatMap(({ form, name, bytes, fields }) => [
    `${form} ${name} ${known(bytes)}`,
    ...fields.map(({ path, offset, after, width, count, order }) =>
      [
        '',
        path,
        after === '' ? offset : `${after}+${offset}`,
        known(width),
        known(count),
        orderText(order),
      ].join(' '),
    ),
  ]);
  return `${lines.join('\n')}\n`;
}

const STRUCTURE = /^(struct|union) (\w+) (\d+|\?)$/;
const FIELD = /^ (\S+) (?:(\S+)\+)?(\d+) (\d+|\?) (\d+|\?) (\w+)$/;
const numberOrNull = (text: string) => (text === '?' ? null : Number(text));

/** Reads what `factsText` writes; lines that begin with `#` say something to readers. @throws FactsError */
export function readFacts(text: string): StructureFacts[] {
  const facts: (StructureFacts & { fields: FieldFacts[] })[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const structure = STRUCTURE.exec(line);
    if (structure !== null) {
      const [, form, name, bytes] = structure;
      facts.push({ form: form as 'struct', name: name!, bytes: numberOrNull(bytes!), fields: [] });
      continue;
    }
    const [, path, after = '', offset, width, count, order] = FIELD.exec(line) ?? [];
    const last = facts.at(-1);
    if (path === undefined || last === undefined || !Object.hasOwn(ORDERS, order!))
      throw new FactsError(
        i + 1,
        line,
        'struct NAME BYTES, or a field of one: PATH OFFSET WIDTH COUNT ORDER',
      );
    last.fields.push({
      path,
      offset: Number(offset),
      after,
      width: numberOrNull(width!),
      count: numberOrNull(count!),
      order: ORDERS[order!] ?? null,
    });
  }
  return facts;
}
