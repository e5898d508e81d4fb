import { capabilityId, extendedCapabilityId } from '../../pci/layout/index.ts';
import { structureType } from '../../virtio/layout/index.ts';
import type { DraftModel, PlacedCapability, PlacedField } from '../model.ts';
import { type DraftChecks, hex, overlaps, plainName, type Say } from './check.ts';

/** How the two lists of configuration space differ. */
const lists = {
  ordinary: {
    first: 0x40,
    last: 0xff,
    mostLength: 0xff,
    mostId: 0xff,
    vendorSpecific: capabilityId.vendorSpecific,
    /** Id and next pointer. */
    header: [1, 1],
    section: 'PCI 3.0, section 6.7',
  },
  extended: {
    first: 0x100,
    last: 0xfff,
    mostLength: 0xfff,
    mostId: 0xffff,
    vendorSpecific: extendedCapabilityId.vendorSpecific,
    /** Id, version and next pointer together. */
    header: [4],
    section: 'PCI Express 5.0, section 7.6.3',
  },
} as const;

const each =
  (visit: (row: PlacedCapability, say: Say) => void) =>
  ({ capabilities }: DraftModel, say: Say) => {
    for (const row of capabilities) visit(row, say);
  };

/** True where a field begins at `offset` and fields end at `offset + bytes`, without one that crosses an end. */
const standsAt = (fields: readonly PlacedField[], offset: number, bytes: number): boolean => {
  const touching = fields.filter(
    (field) => field.offset < offset + bytes && field.offset + field.bytes > offset,
  );
  const inside = touching.every(
    (field) => field.offset >= offset && field.offset + field.bytes <= offset + bytes,
  );
  return inside && touching.reduce((sum, field) => sum + field.bytes, 0) === bytes;
};

/** The dword that PCI Express gives to id, revision and length; the id alone has two bytes. */
export function hasVendorHeader(fields: readonly PlacedField[]): boolean {
  const first = fields.find(({ offset, bytes }) => offset + bytes > 4);
  return standsAt(fields, 4, 4) && (first?.bytes ?? 0) >= 2;
}

const cfgTypeName = (value: number): string | undefined =>
  Object.entries(structureType).find(([, number]) => number === value)?.[0];

/** What says where a structure stands. */
const placeNames = ['bar', 'offset', 'length'] as const;
const named = (fields: readonly PlacedField[], name: string) =>
  fields.find(({ field }) => plainName(field.name) === name);

/** Bytes that a field has: an array of bytes is one number, too. */
const holds = ({ bytes }: PlacedField) => 2 ** (8 * Math.min(bytes, 6)) - 1;

export const capabilityChecks: DraftChecks = {
  'capability-header': {
    level: 'error',
    clause: 'PCI 3.0, section 6.7; PCI Express 5.0, section 7.6.3',
    about:
      'a capability does not begin as every capability does: id and next pointer, a byte each; extended: one dword',
    run: each(({ capability, path, fields }, say) => {
      const bytes = lists[capability.list].header.reduce<number>((sum, width) => sum + width, 0);
      if (!standsAt(fields, 0, bytes))
        say(
          path,
          `the first ${bytes} bytes of ${capability.name} are no header (${lists[capability.list].section})`,
        );
    }),
  },
  'capability-vendor-header': {
    level: 'error',
    clause: 'PCI Express 5.0, section 7.9.5',
    about:
      'a vendor-specific extended capability has no vendor-specific header at 4: id, revision and length in one dword. Software that knows it misreads what stands there',
    run: each(({ capability, path, fields }, say) => {
      const { list, id, name } = capability;
      if (list !== 'extended' || id !== extendedCapabilityId.vendorSpecific || hasVendorHeader(fields))
        return;
      const first = fields.find(({ offset, bytes }) => offset + bytes > 4);
      say(
        path,
        `${name} has ${first?.field.name ?? 'nothing'} at 4, where software reads id, revision and length`,
      );
    }),
  },
  'capability-id': {
    level: 'error',
    clause: 'PCI Code and ID Assignment',
    about:
      'a virtio capability has an id that is not the vendor-specific one, or an id does not fit its list',
    run: each(({ capability: { list, id, name, cfgType, points }, path }, say) => {
      const { mostId, vendorSpecific } = lists[list];
      const designated = list === 'extended' && id === extendedCapabilityId.designatedVendorSpecific;
      if (id > mostId) say(`${path}.id`, `${name} has id ${hex(id)}; an ordinary capability's is a byte`);
      else if (id !== vendorSpecific && !designated && (cfgType ?? points) !== undefined)
        say(
          `${path}.id`,
          `${name} has id ${hex(id)}, which is PCI's to assign; a vendor's own have ${hex(vendorSpecific)}`,
        );
    }),
  },
  'capability-version': {
    level: 'error',
    clause: 'PCI Express 5.0, section 7.6.3',
    about: 'an extended capability has a version of 1 to 15, an ordinary one has none',
    run: each(({ capability: { list, version, name }, path }, say) => {
      if (list === 'ordinary' && version !== undefined)
        say(`${path}.version`, `${name} is an ordinary capability, which has no version`);
      if (list === 'extended' && version !== undefined && (version < 1 || version > 15))
        say(`${path}.version`, `${name} has version ${version}; wants 1..15, and 1 for a first one`);
    }),
  },
  'capability-version-open': {
    level: 'question',
    clause: 'PCI Express 5.0, section 7.6.3',
    about: 'an extended capability says no version',
    run: each(({ capability: { list, version, name }, path }, say) => {
      if (list === 'extended' && version === undefined) say(path, `which version has ${name}?`);
    }),
  },
  'capability-dword': {
    level: 'error',
    clause: 'PCI-VND-04 PCI-CAP-15',
    about: 'capabilities are made of whole dwords',
    run: each(({ capability: { name }, path, length }, say) => {
      if (length % 4 !== 0) say(path, `${name} takes ${length} bytes; wants a multiple of 4`);
    }),
  },
  'capability-length': {
    level: 'error',
    clause: 'PCI-CAP-15',
    about: 'a capability is longer than it says, or than its list can hold',
    run: each(({ capability: { name, list }, path, end, length }, say) => {
      if (end > length) say(`${path}.length`, `${name} says ${length} bytes, and its fields take ${end}`);
      const { mostLength } = lists[list];
      if (length > mostLength) say(path, `${name} takes ${length} bytes; a length field holds ${mostLength}`);
    }),
  },
  'capability-place': {
    level: 'error',
    clause: 'PCI 3.0, section 6.7; PCI Express 5.0, section 7.6',
    about: 'a capability stands where its list does not reach, or on no dword',
    run: each(({ capability: { name, list, place }, path, length }, say) => {
      if (place === undefined) return;
      const { first, last } = lists[list];
      if (place % 4 !== 0) say(`${path}.place`, `${name} at ${hex(place)}; wants a multiple of 4`);
      else if (place < first || place + length - 1 > last)
        say(
          `${path}.place`,
          `${name} takes ${hex(place)} to ${hex(place + length - 1)}; its list has ${hex(first)} to ${hex(last)}`,
        );
    }),
  },
  'capability-overlap': {
    level: 'error',
    clause: null,
    about: 'two capabilities share bytes of configuration space',
    run({ capabilities }, say) {
      const spans = capabilities.flatMap(({ capability: { name, place }, path, length }) =>
        place === undefined ? [] : [{ name, path, start: place, end: place + length }],
      );
      for (const [first, second] of overlaps(spans))
        say(
          `${second.path}.place`,
          `${second.name} at ${hex(second.start)} begins inside ${first.name}, which ends at ${hex(first.end)}`,
        );
    },
  },
  'capability-next': {
    level: 'error',
    clause: 'PCI 3.0, section 6.7; PCI Express 5.0, section 7.6.3',
    about: 'a next pointer leads to no capability of the list, or back',
    run: ({ capabilities }, say) => sayNext(capabilities, say),
  },
  'cfg-type-assigned': {
    level: 'error',
    clause: 'PCI-CAP-02',
    about: 'a cfg_type means another structure in 1.4',
    run: each(({ capability: { name, cfgType }, path }, say) => {
      const means = cfgType === undefined ? undefined : cfgTypeName(cfgType);
      if (means !== undefined)
        say(`${path}.cfgType`, `${name} has cfg_type ${cfgType}, which 1.4 gives to the ${means} structure`);
    }),
  },
  'cfg-type-range': {
    level: 'error',
    clause: 'PCI-CAP-02',
    about: 'a cfg_type is 0, or does not fit its byte',
    run: each(({ capability: { name, cfgType }, path }, say) => {
      if (cfgType === 0 || (cfgType ?? 0) > 0xff)
        say(`${path}.cfgType`, `${name} has cfg_type ${cfgType}; wants 1..255`);
    }),
  },
  'cfg-type-unassigned': {
    level: 'warning',
    clause: 'PCI-CAP-02 PCI-CAP-07',
    about: 'a cfg_type is reserved in 1.4, and drivers pass over it: it has to be assigned',
    run: each(({ capability: { name, cfgType }, path }, say) => {
      if (cfgType !== undefined && cfgType > 0 && cfgType <= 0xff && cfgTypeName(cfgType) === undefined)
        say(
          `${path}.cfgType`,
          `${name} has cfg_type ${cfgType}; 1.4 assigns ${Object.values(structureType).join(', ')}`,
        );
    }),
  },
  'cfg-type-twice': {
    level: 'warning',
    clause: 'PCI-CAP-03 PCI-CAP-08 PCI-CAP-17',
    about:
      'two capabilities of one cfg_type lead to different blocks: a driver takes the first that it can use, and never sees the other',
    run({ capabilities }, say) {
      const first = new Map<string, PlacedCapability>();
      for (const row of capabilities) {
        const { cfgType, list, points } = row.capability;
        if (cfgType === undefined) continue;
        const key = `${list} ${cfgType}`;
        const before = first.get(key);
        if (before === undefined) first.set(key, row);
        else if (before.capability.points !== points)
          say(
            `${row.path}.cfgType`,
            `${row.capability.name} has the cfg_type of ${before.capability.name}, ${cfgType}`,
          );
      }
    },
  },
  'capability-locates': {
    level: 'error',
    clause: 'PCI-CAP-10',
    about: 'a capability that leads to a block has to have fields bar, offset and length',
    run: each(({ capability: { name, points }, path, fields }, say) => {
      if (points === undefined) return;
      const missing = placeNames.filter((each) => named(fields, each) === undefined);
      if (missing.length > 0) say(path, `${name} leads to ${points}, and has no ${missing.join(', no ')}`);
    }),
  },
  'capability-too-narrow': {
    level: 'error',
    clause: null,
    about: 'a field of a capability cannot hold where its block stands, or how long it is',
    run({ document, capabilities }, say) {
      for (const { capability, fields } of capabilities) {
        const block = document.blocks?.find(({ name }) => name === capability.points);
        for (const name of placeNames) {
          const field = named(fields, name);
          const value = block?.[name];
          if (field !== undefined && value !== undefined && value > holds(field))
            say(
              field.path,
              `${field.field.name} of ${field.bytes} bytes cannot hold ${hex(value)}, the ${name} of ${block!.name}`,
            );
        }
      }
    },
  },
};

/** Next pointers, where the draft fixes them: each leads to another capability of its list, none back. */
function sayNext(rows: readonly PlacedCapability[], say: Say): void {
  for (const list of ['ordinary', 'extended'] as const) {
    const own = rows.filter(({ capability }) => capability.list === list);
    const at = new Map(
      own.flatMap((row) => (row.capability.place === undefined ? [] : [[row.capability.place, row]])),
    );
    const done = new Set<PlacedCapability>();
    for (const row of own) {
      const way = new Set<PlacedCapability>();
      for (let now: PlacedCapability | undefined = row; now !== undefined && !done.has(now); ) {
        way.add(now);
        const next: number | undefined = now.capability.next;
        if (next === undefined || next === 0) break;
        const to = at.get(next);
        if (to === undefined)
          say(`${now.path}.next`, `${now.capability.name} goes on at ${hex(next)}, where nothing stands`);
        else if (way.has(to)) {
          say(
            `${now.path}.next`,
            `${now.capability.name} leads back to ${to.capability.name}: software walks in a circle`,
          );
          break;
        }
        now = to;
      }
      for (const each of way) done.add(each);
    }
  }
}
