import {
  type DraftDocument,
  type DraftField,
  documentOfDraft,
  type ReadStructures,
  readStructures,
  StructureLayout,
} from 'virtiolab/drafts';
import { legacyHeader } from 'virtiolab/layout';
import { draft2023 } from 'virtiolab/mmr';

type Group = ReadStructures['structures'][number];

/** Names without case and without what joins their words. */
const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '');
const registers = new Set(Object.keys(legacyHeader).map(plain));

/** Fields of a structure whose names are among those. */
const known = ({ fields }: Group, names: ReadonlySet<string>) =>
  fields.filter(({ name }) => names.has(plain(name))).length;

/** The structure that has the most of some names, and at least so many; undefined for none. */
function most(structures: readonly Group[], names: ReadonlySet<string>, least: number): Group | undefined {
  const [best] = structures.toSorted((a, b) => known(b, names) - known(a, names));
  return best === undefined || known(best, names) < least ? undefined : best;
}

const PLACES: ReadonlySet<string> = new Set(['bar', 'offset', 'length']);

/** Fields of a structure as rows of a document; null where one is no number, or has no place. */
function rowsOf(layout: StructureLayout, group: Group): DraftField[] | null {
  const rows: DraftField[] = [];
  for (const { path: name, offset, width, count, after, depth } of layout.fields(group)) {
    if (depth > 0) continue;
    if (after !== '' || width === null || count === null || ![1, 2, 4, 8].includes(width)) return null;
    rows.push({ name, offset, width: width as 1 | 2 | 4 | 8, ...(count === 1 ? {} : { count }) });
  }
  return rows;
}

/**
 * A draft to begin with, as a document: that of the MMR draft, where the structure with most of the legacy header's names is its
 * block, and one that says bar, offset and length its capability.
 */
export function draftOf(text: string): string {
  const read = readStructures(text);
  const layout = new StructureLayout(read);
  const document = documentOfDraft(draft2023, 'A draft made of structures in C');
  const block = most(read.structures, registers, 1);
  const capability = most(read.structures, PLACES, PLACES.size);
  const rows = capability === undefined ? null : rowsOf(layout, capability);
  const made: DraftDocument = {
    ...document,
    name: 'my-draft',
    capabilities: document.capabilities!.map(({ length, fields, ...rest }) =>
      rows === null
        ? { ...rest, fields, ...(length === undefined ? {} : { length }) }
        : { ...rest, name: capability!.tag, fields: rows },
    ),
    ...(block === undefined
      ? {}
      : {
          structures: [{ name: block.tag, c: text }],
          blocks: document.blocks!.map((each) => ({ ...each, structure: block.tag })),
        }),
  };
  return JSON.stringify(made, null, 2);
}
