import { lengthOf, type Register } from '../../core/index.ts';
import { legacyHeaderWithVectors } from '../../virtio/layout/index.ts';
import type { DraftBlock } from '../document/document.ts';
import type { DraftModel, PlacedField, PlacedStructure } from '../model.ts';
import { type DraftChecks, hex, overlaps, plainName, type Say } from './check.ts';
import { isTransitionalId } from './ids.ts';

const LAST_BAR = 5;
/** An I/O BAR is no longer (PCI 3.0, section 6.2.5.1). */
const MOST_IO_BYTES = 256;
const PAGE_BYTES = 4096;

interface Row {
  readonly block: DraftBlock;
  readonly path: string;
  readonly structure: PlacedStructure | undefined;
}

const rowsOf = ({ document, structures }: DraftModel): Row[] =>
  (document.blocks ?? []).map((block, i) => ({
    block,
    path: `blocks[${i}]`,
    structure: structures.get(block.structure),
  }));

const each = (visit: (row: Row, say: Say, model: DraftModel) => void) => (model: DraftModel, say: Say) => {
  for (const row of rowsOf(model)) visit(row, say, model);
};

/** The block that stands for the legacy header, and its registers. */
export const legacyRow = (model: DraftModel): Row | undefined =>
  rowsOf(model).find(({ block }) => block.legacy === true);

export const lengthOfBlock = ({ block, structure }: Row): number => block.length ?? structure?.length ?? 0;

/** The register of a structure by its name in the specification, however the draft joins words. */
export const registerOf = (fields: readonly PlacedField[], name: string): PlacedField | undefined =>
  fields.find(({ field }) => plainName(field.means ?? field.name) === plainName(name));

/** What is different about a register of the legacy header. */
function differenceOf(register: Register, placed: PlacedField): string | null {
  if (placed.offset !== register.offset)
    return `stands at ${hex(placed.offset)}; legacy drivers use ${hex(register.offset)}`;
  if (placed.bytes !== register.width)
    return `has ${placed.bytes} bytes; legacy drivers access ${register.width}`;
  const { access = register.access } = placed.field;
  return access === register.access ? null : `is ${access}; in the legacy header it is ${register.access}`;
}

export const blockChecks: DraftChecks = {
  'block-bar': {
    level: 'error',
    clause: 'PCI-CAP-04 PCI-CAP-10',
    about: 'a block stands in a BAR above 5, and drivers pass over it',
    run: each(({ block: { name, bar = 0 }, path }, say) => {
      if (bar > LAST_BAR) say(`${path}.bar`, `${name} stands in BAR ${bar}; wants 0..${LAST_BAR}`);
    }),
  },
  'block-alignment': {
    level: 'error',
    clause: null,
    about: 'a block does not keep its own alignment, or that is no power of two',
    run: each(({ block: { name, offset, alignment }, path }, say) => {
      if (alignment === undefined) return;
      if (alignment === 0 || !Number.isInteger(Math.log2(alignment)))
        say(`${path}.alignment`, `${name} has an alignment of ${alignment}; wants a power of two`);
      else if (offset !== undefined && offset % alignment !== 0)
        say(`${path}.offset`, `${name} at ${hex(offset)}; wants a multiple of ${alignment}`);
    }),
  },
  'block-unmappable': {
    level: 'warning',
    clause: 'PCI-CAP-06',
    about: 'a block in memory may begin within a page: nobody can be given it alone',
    run: each(({ block: { name, alignment, space }, path }, say) => {
      if (space === 'memory' && alignment !== undefined && alignment > 0 && alignment < PAGE_BYTES)
        say(`${path}.alignment`, `${name} is aligned to ${alignment} bytes; a page has ${PAGE_BYTES}`);
    }),
  },
  'block-length': {
    level: 'error',
    clause: null,
    about: 'a block is shorter than its registers',
    run: each(({ block: { name, length, legacy }, path, structure }, say) => {
      if (legacy !== true && length !== undefined && structure !== undefined && length < structure.length)
        say(
          `${path}.length`,
          `${name} has ${length} bytes, and ${structure.structure.name} takes ${structure.length}`,
        );
    }),
  },
  'block-overlap': {
    level: 'error',
    clause: null,
    about: 'two blocks share bytes of a BAR',
    run(model, say) {
      const spans = new Map<string, { name: string; path: string; start: number; end: number }[]>();
      for (const row of rowsOf(model)) {
        const { name, bar, offset, space } = row.block;
        if (bar === undefined || offset === undefined) continue;
        const key = `${space} ${bar}`;
        const list = spans.get(key) ?? [];
        list.push({ name, path: row.path, start: offset, end: offset + lengthOfBlock(row) });
        spans.set(key, list);
      }
      for (const list of spans.values())
        for (const [first, second] of overlaps(list))
          say(
            `${second.path}.offset`,
            `${second.name} at ${hex(second.start)} begins inside ${first.name}, which ends at ${hex(first.end)}`,
          );
    },
  },
  'bar-two-kinds': {
    level: 'error',
    clause: 'PCI 3.0, section 6.2.5.1',
    about: 'a BAR is of memory and of I/O',
    run(model, say) {
      const kinds = new Map<number, DraftBlock>();
      for (const { block, path } of rowsOf(model)) {
        if (block.bar === undefined) continue;
        const before = kinds.get(block.bar) ?? block;
        kinds.set(block.bar, before);
        if (before.space !== block.space)
          say(
            `${path}.bar`,
            `BAR ${block.bar} is of ${before.space} for ${before.name}, and of ${block.space} for ${block.name}`,
          );
      }
    },
  },
  'io-length': {
    level: 'error',
    clause: 'PCI 3.0, section 6.2.5.1',
    about: 'an I/O BAR is longer than 256 bytes',
    run: each((row, say) => {
      const end = (row.block.offset ?? 0) + lengthOfBlock(row);
      if (row.block.space === 'io' && end > MOST_IO_BYTES)
        say(row.path, `${row.block.name} ends at ${hex(end)}; an I/O BAR has ${MOST_IO_BYTES} bytes at most`);
    }),
  },
  'legacy-emulated': {
    level: 'warning',
    clause: 'LEG-ID-03',
    about:
      'legacy registers are made up over a 1.x function: its rings and its requests are those of 1.x, and a legacy driver has others',
    run: each(({ block: { name, space, legacy }, path }, say) => {
      if (space === 'emulated' && legacy === true)
        say(`${path}.space`, `${name} is made up: who mends the requests and rings that differ?`);
    }),
  },
  'vf-io': {
    level: 'error',
    clause: 'PCI Express 5.0, section 9.3.3.14',
    about: 'a virtual function has no I/O BARs',
    run: each(({ block: { name, space }, path }, say, { document }) => {
      if (space === 'io' && document.virtualFunctions === true)
        say(`${path}.space`, `${name} stands in I/O space, and the draft is for virtual functions too`);
    }),
  },
  'prefetchable-read': {
    level: 'error',
    clause: 'PCI 3.0, section 6.2.5.1',
    about:
      'a register that reading changes stands in a prefetchable BAR: a bridge may read it, and nobody asked',
    run: each(({ block: { name, prefetchable }, path, structure }, say) => {
      const field = structure?.fields.find((each) => each.field.access === 'rc');
      if (prefetchable === true && field !== undefined)
        say(`${path}.prefetchable`, `${name} is prefetchable, and reading ${field.field.name} clears it`);
    }),
  },
  'block-unlocated': {
    level: 'question',
    clause: 'PCI-CAP-08',
    about: 'neither a place nor a capability says where a block is',
    run: each(({ block: { name, bar, offset, space }, path }, say, { document }) => {
      const led = (document.capabilities ?? []).some(({ points }) => points === name);
      if (!led && space !== 'emulated' && (bar === undefined || offset === undefined))
        say(path, `how does a driver find ${name}?`);
    }),
  },
  'legacy-register': {
    level: 'error',
    clause: 'LEG-LAY-06 LEG-LAY-07',
    about:
      "a register of the legacy header is elsewhere than legacy drivers have it, or different: what passes a guest's accesses on cannot do so unchanged",
    run(model, say) {
      const row = legacyRow(model);
      if (row?.structure === undefined) return;
      for (const [name, register] of Object.entries(legacyHeaderWithVectors)) {
        const placed = registerOf(row.structure.fields, name);
        const difference = placed === undefined ? 'is missing' : differenceOf(register, placed);
        if (difference !== null)
          say(placed?.path ?? row.structure.path, `${placed?.field.name ?? name} ${difference}`);
      }
    },
  },
  'legacy-length': {
    level: 'error',
    clause: 'LEG-LAY-07 LEG-LAY-09',
    about: 'a legacy block has no room for the header with its vector registers',
    run(model, say) {
      const row = legacyRow(model);
      const least = Math.max(lengthOf(legacyHeaderWithVectors), row?.structure?.length ?? 0);
      if (row?.block.length !== undefined && row.block.length < least)
        say(
          `${row.path}.length`,
          `${row.block.name} has ${row.block.length} bytes; the header with vector registers takes ${least}`,
        );
    },
  },
  'legacy-in-memory': {
    level: 'error',
    clause: 'LEG-DET-01 LEG-LAY-01',
    about:
      'a function of transitional id has its legacy block in memory: its drivers look for an I/O BAR0, and firmware and others find none',
    run(model, say) {
      const row = legacyRow(model);
      const transitional = (model.document.ids?.devices ?? []).filter(({ id }) => isTransitionalId(id));
      if (row?.block.space === 'memory' && transitional.length > 0)
        say(
          `${row.path}.space`,
          `${row.block.name} stands in memory, and ${hex(transitional[0]!.id)} promises I/O`,
        );
    },
  },
};
