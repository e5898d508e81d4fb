import type { DraftField, DraftStructure } from './document/document.ts';
import { type PlacedField, readStructures, StructureLayout } from './structs/index.ts';

/** C text of a structure that says no fields. `path` is its place in the document. */
export interface StructureInC {
  readonly structure: DraftStructure;
  readonly path: string;
}

/** What was made of the C texts of a document. */
export interface ReadFromC {
  /** Fields by the path of their structure. */
  readonly fields: ReadonlyMap<string, readonly DraftField[]>;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/** Fields that are there for others to come. */
const FREE = /^(?:reserved|padding|unused|pad)\d*$/i;

const orders = { little: 'little', big: 'big', native: 'guest' } as const;

/** A field of a C structure as a row of a document: what is itself a structure, or a union, as its bytes. */
function fieldOf({ path: name, field, offset, after, width, count, order }: PlacedField): DraftField {
  const number = field.type.kind === 'number' || field.type.kind === 'bits';
  const place = after === '' ? { offset } : {};
  const shape =
    width === null || count === null
      ? { width: number && width !== null ? (width as 1 | 2 | 4 | 8) : (1 as const), count: 0 }
      : number
        ? { width: width as 1 | 2 | 4 | 8, ...(count === 1 ? {} : { count }) }
        : { width: 1 as const, count: width * count };
  return {
    name: name === '' ? 'anonymous' : name,
    ...place,
    ...shape,
    ...(FREE.test(name) ? { reserved: true } : {}),
    ...(order === null || order === 'byte' ? {} : { order: orders[order] }),
  };
}

/** Reads the C texts of a document, which may use each other's structures. */
export function readFromC(structures: readonly StructureInC[]): ReadFromC {
  if (structures.length === 0) return { fields: new Map(), problems: [] };
  const texts = structures.map(({ structure, path }) => ({ file: path, text: structure.c ?? '' }));
  const read = readStructures(texts);
  const layout = new StructureLayout(read);
  const problems = read.problems
    .filter(({ level }) => level === 'error')
    .map(({ file, line, found, wanted }) => ({
      path: `${file}.c`,
      message: `line ${line}: ${found}; ${wanted}`,
    }));
  const fields = new Map<string, readonly DraftField[]>();
  for (const { structure, path } of structures) {
    const own = read.structures.filter(({ file }) => file === path);
    const group = own.find(({ tag }) => tag === structure.name) ?? own.at(-1);
    if (group === undefined)
      problems.push({ path: `${path}.c`, message: `it declares no structure for ${structure.name}` });
    else
      fields.set(
        path,
        layout
          .fields(group)
          .filter(({ depth }) => depth === 0)
          .map(fieldOf),
      );
  }
  return { fields, problems };
}
