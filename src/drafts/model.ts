import { type ReadFromC, readFromC } from './c-structures.ts';
import type { DraftCapability, DraftDocument, DraftField, DraftStructure } from './document/document.ts';

/** A field of a structure, at its place. */
export interface PlacedField {
  readonly field: DraftField;
  readonly path: string;
  readonly offset: number;
  /** Bytes of one element. */
  readonly width: number;
  /** Bytes of all elements; 0 for an array without a fixed length. */
  readonly bytes: number;
}

/** A structure with its fields in ascending order. */
export interface PlacedStructure {
  readonly structure: DraftStructure;
  readonly path: string;
  readonly fields: readonly PlacedField[];
  /** First byte after the last field. */
  readonly end: number;
  /** Bytes: what the draft says, else `end`. */
  readonly length: number;
}

/** A capability with its fields in ascending order; `end` and `length` as of a structure. */
export interface PlacedCapability {
  readonly capability: DraftCapability;
  readonly path: string;
  readonly fields: readonly PlacedField[];
  readonly end: number;
  readonly length: number;
}

/** A draft whose structures are laid out: what checks and instances read. */
export interface DraftModel {
  readonly document: DraftDocument;
  readonly structures: ReadonlyMap<string, PlacedStructure>;
  readonly capabilities: readonly PlacedCapability[];
  /** Structures that contain themselves, as the names on the way. */
  readonly cycles: readonly (readonly string[])[];
  /** What could not be read of structures as C text. */
  readonly unread: ReadFromC['problems'];
}

/** Fields at their places; one that says no offset stands behind the field before. `lengthOf` tells that of a structure. */
function placeFields(
  fields: readonly DraftField[],
  path: string,
  lengthOf: (name: string) => number = () => 0,
): PlacedField[] {
  let next = 0;
  const placed = fields.map((field, i) => {
    const width = field.structure === undefined ? (field.width ?? 1) : lengthOf(field.structure);
    const offset = field.offset ?? next;
    const bytes = width * (field.count ?? 1);
    next = offset + bytes;
    return { field, path: `${path}.fields[${i}]`, offset, width, bytes };
  });
  return placed.sort((a, b) => a.offset - b.offset);
}

const endOf = (fields: readonly PlacedField[]): number =>
  fields.reduce((end, { offset, bytes }) => Math.max(end, offset + bytes), 0);

interface Named {
  readonly structure: DraftStructure;
  readonly path: string;
}

const partsOf = ({ structure }: Named): string[] =>
  (structure.fields ?? []).flatMap((field) => field.structure ?? []);

/** Names in an order in which each comes after those that it is made of; cycles are cut, and told. No recursion: names may go deep. */
function inOrder(named: ReadonlyMap<string, Named>): { order: string[]; cycles: string[][] } {
  const order: string[] = [];
  const cycles: string[][] = [];
  const state = new Map<string, 'open' | 'done'>();
  for (const root of named.keys()) {
    const way: { name: string; parts: string[] }[] = [];
    const enter = (name: string) => {
      state.set(name, 'open');
      way.push({ name, parts: partsOf(named.get(name)!) });
    };
    if (!state.has(root)) enter(root);
    while (way.length > 0) {
      const top = way.at(-1)!;
      const part = top.parts.pop();
      if (part === undefined) {
        way.pop();
        state.set(top.name, 'done');
        order.push(top.name);
      } else if (!named.has(part)) continue;
      else if (state.get(part) === 'open') {
        const names = way.map(({ name }) => name);
        cycles.push([...names.slice(names.indexOf(part)), part]);
      } else if (!state.has(part)) enter(part);
    }
  }
  return { order, cycles };
}

/** Lays out the structures of a draft. Of two of a name the first counts. */
export function modelOf(document: DraftDocument): DraftModel {
  const named = new Map<string, Named>();
  for (const [i, structure] of (document.structures ?? []).entries())
    if (!named.has(structure.name)) named.set(structure.name, { structure, path: `structures[${i}]` });
  const fromC = readFromC([...named.values()].filter(({ structure }) => structure.c !== undefined));
  const { order, cycles } = inOrder(named);
  const structures = new Map<string, PlacedStructure>();
  for (const name of order) {
    const { structure, path } = named.get(name)!;
    const fields = placeFields(
      structure.fields ?? fromC.fields.get(path) ?? [],
      path,
      (part) => structures.get(part)?.length ?? 0,
    );
    const end = endOf(fields);
    structures.set(name, { structure, path, fields, end, length: structure.length ?? end });
  }
  const capabilities = (document.capabilities ?? []).map((capability, i) => {
    const path = `capabilities[${i}]`;
    const fields = placeFields(capability.fields, path);
    const end = endOf(fields);
    return { capability, path, fields, end, length: capability.length ?? end };
  });
  return { document, structures, capabilities, cycles, unread: fromC.problems };
}
