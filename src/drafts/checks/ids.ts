import {
  deviceTypes,
  LEGACY_REVISION,
  MODERN_DEVICE_ID_BASE,
  MODERN_ID_RANGE,
  TRANSITIONAL_ID_RANGE,
  VIRTIO_VENDOR_ID,
} from '../../virtio/layout/index.ts';
import type { DraftDocument } from '../document/document.ts';
import { type DraftChecks, duplicates, hex, type Say } from './check.ts';

/**
 * What stands under virtio's vendor id beside the ids that the specification gives: the vendor's own register of ids, which
 * QEMU's documentation publishes.
 */
const vendorRanges = [
  { first: 0x1080, last: 0x10ef, means: 'kept for virtio devices to come' },
  {
    first: 0x10f0,
    last: 0x10ff,
    means: 'for experiments, which need no registration: other devices live there',
  },
  { first: 0x1100, last: 0x1100, means: 'the subsystem id of emulated devices' },
  { first: 0x1110, last: 0x1110, means: 'the id of ivshmem' },
] as const;
const EXPERIMENTAL = vendorRanges[1];

type Row = { readonly type: string; readonly id: number; readonly path: string };

const within = (id: number, { first, last }: { readonly first: number; readonly last: number }) =>
  id >= first && id <= last;
export const isTransitionalId = (id: number): boolean => within(id, TRANSITIONAL_ID_RANGE);

/** Ids under virtio's own vendor. */
const rows = ({ ids }: DraftDocument): Row[] =>
  ids === undefined || ids.vendor !== VIRTIO_VENDOR_ID
    ? []
    : ids.devices.map(({ type, id }, i) => ({ type, id, path: `ids.devices[${i}].id` }));

/** Whose id it is by the specification. */
function owner(id: number): string | null {
  const transitional = deviceTypes.find(({ transitionalId }) => transitionalId === id);
  if (transitional !== undefined) return transitional.name;
  const modern = deviceTypes.find(({ typeNumber }) => MODERN_DEVICE_ID_BASE + typeNumber === id);
  return modern?.name ?? null;
}

/** Rows in runs of neighbouring ids: what is to be said of seven ids in a row is said once. */
function sayRuns(found: readonly Row[], say: Say, message: (ids: string) => string): void {
  const sorted = [...found].sort((a, b) => a.id - b.id);
  for (let i = 0; i < sorted.length; ) {
    let last = i;
    while (last + 1 < sorted.length && sorted[last + 1]!.id <= sorted[last]!.id + 1) last++;
    const [from, to] = [sorted[i]!, sorted[last]!];
    say(from.path, message(from.id === to.id ? hex(from.id) : `${hex(from.id)} to ${hex(to.id)}`));
    i = last + 1;
  }
}

const isAssigned = (id: number) => isTransitionalId(id) || within(id, MODERN_ID_RANGE);

export const idChecks: DraftChecks = {
  'vendor-id': {
    level: 'error',
    clause: 'PCI-ID-02',
    about: "a virtio function has virtio's vendor id",
    run({ document: { ids } }, say) {
      if (ids !== undefined && ids.vendor !== VIRTIO_VENDOR_ID)
        say('ids.vendor', `vendor ${hex(ids.vendor, 4)}; virtio's is ${hex(VIRTIO_VENDOR_ID)}`);
    },
  },
  'id-duplicate': {
    level: 'error',
    clause: 'PCI-ID-03',
    about: 'two device types have one id: a driver takes the one for the other',
    run({ document: { ids } }, say) {
      const first = new Map<number, string>();
      for (const [i, { type, id }] of (ids?.devices ?? []).entries()) {
        const before = first.get(id) ?? type;
        first.set(id, before);
        if (before !== type)
          say(`ids.devices[${i}].id`, `${hex(id, 4)} is the id of ${before}, and of ${type}`);
      }
    },
  },
  'type-duplicate': {
    level: 'error',
    clause: null,
    about: 'a device type has two ids',
    run({ document: { ids } }, say) {
      for (const [{ type }, i] of duplicates(ids?.devices ?? [], (each) => each.type))
        say(`ids.devices[${i}].type`, `${type} has an id before this one`);
    },
  },
  'type-unknown': {
    level: 'warning',
    clause: 'PCI-ID-03',
    about: 'a device type is none that is known here',
    run({ document: { ids } }, say) {
      for (const [i, { type }] of (ids?.devices ?? []).entries())
        if (!deviceTypes.some(({ name }) => name === type))
          say(
            `ids.devices[${i}].type`,
            `${type} is none of ${deviceTypes.map(({ name }) => name).join(', ')}: nothing is checked that depends on the type`,
          );
    },
  },
  'id-impossible': {
    level: 'error',
    clause: 'PCI 3.0, section 6.2.1',
    about: 'an id by which no function is found',
    run({ document: { ids } }, say) {
      for (const [i, { type, id }] of (ids?.devices ?? []).entries())
        if (id === 0xffff) say(`ids.devices[${i}].id`, `${type} at 0xffff: that is what an empty slot reads`);
    },
  },
  'id-assigned': {
    level: 'error',
    clause: 'PCI-ID-03 PCI-ID-08 PCI-ID-09',
    about: "an id is another device type's, transitional or modern: its driver would take the function",
    run({ document }, say) {
      const shown = new Set(rows(document).map(({ type, id }) => `${type} ${id}`));
      for (const { type, id, path } of rows(document)) {
        const of = owner(id);
        // Where its owner has it here, too, two types of the draft have one id, and that is said.
        if (of !== null && of !== type && !shown.has(`${of} ${id}`))
          say(
            path,
            `${hex(id)} for ${type} is ${isTransitionalId(id) ? 'the transitional' : 'the modern'} id of ${of}`,
          );
      }
    },
  },
  'id-modern': {
    level: 'error',
    clause: 'PCI-ID-03 PCI-ID-05 PCI-ID-08',
    about:
      "a function of the draft has its type's modern id: a driver cannot tell it from one without the draft",
    run({ document }, say) {
      // Software that makes the draft's registers up has a modern function under it.
      if ((document.blocks ?? []).some(({ space }) => space === 'emulated')) return;
      for (const { type, id, path } of rows(document))
        if (within(id, MODERN_ID_RANGE) && owner(id) === type)
          say(path, `${hex(id)} is the id of every modern ${type} function: drivers bind to it already`);
    },
  },
  'id-unassigned': {
    level: 'warning',
    clause: 'PCI-ID-03',
    about: 'an id is nobody’s by 1.4, in a range that belongs to somebody: it has to be assigned',
    run({ document }, say) {
      const found = rows(document).filter(({ id }) => owner(id) === null && id !== 0xffff);
      const open = found.filter(({ id }) => isAssigned(id));
      sayRuns(
        open,
        say,
        (ids) => `${ids} lies in the range of virtio's ids, and is not assigned to the type`,
      );
      const rest = found.filter(
        ({ id }) => !isAssigned(id) && !vendorRanges.some((range) => within(id, range)),
      );
      sayRuns(rest, say, (ids) => `${ids} lies outside of what 1.4 gives to virtio, 0x1000 to 0x107f`);
      const kept = found.filter(({ id }) => within(id, vendorRanges[0]));
      sayRuns(kept, say, (ids) => `${ids} is ${vendorRanges[0].means}, and has to be assigned`);
    },
  },
  'id-experimental': {
    level: 'warning',
    clause: 'PCI-ID-03',
    about:
      'an id is one for experiments, where others experiment too: a published draft needs ids of its own',
    run({ document }, say) {
      const found = rows(document).filter(({ id }) => within(id, EXPERIMENTAL));
      sayRuns(
        found,
        say,
        (ids) => `${ids} is ${EXPERIMENTAL.means}; 1.4 allows 0x1040 + type and the transitional ids alone`,
      );
    },
  },
  'id-elsewhere': {
    level: 'error',
    clause: 'PCI-ID-03',
    about: 'an id means something else under the same vendor',
    run({ document }, say) {
      for (const { type, id, path } of rows(document)) {
        const range = vendorRanges.slice(2).find((each) => within(id, each));
        if (range !== undefined) say(path, `${hex(id)} for ${type} is ${range.means}`);
      }
    },
  },
  'ids-open': {
    level: 'question',
    clause: 'PCI-ID-03',
    about: 'no device type has an id',
    run({ document: { ids } }, say) {
      if (ids !== undefined && ids.devices.length === 0)
        say('ids.devices', 'which id has which device type?');
    },
  },
  'revision-transitional': {
    level: 'error',
    clause: 'LEG-ID-01',
    about: 'a function of transitional id has a revision other than 0',
    run({ document }, say) {
      const revision = document.ids?.revision;
      if (
        revision !== undefined &&
        revision !== LEGACY_REVISION &&
        rows(document).some(({ id }) => isTransitionalId(id))
      )
        say('ids.revision', `revision ${revision}; legacy drivers take ${LEGACY_REVISION} alone`);
    },
  },
  'revision-open': {
    level: 'question',
    clause: 'LEG-ID-01 PCI-ID-06',
    about: 'the revision is not said, by which drivers know what they have',
    run({ document: { ids } }, say) {
      if (ids !== undefined && ids.revision === undefined)
        say(
          'ids',
          'which revision do its functions have: 0 as transitional ones, or 1 and more as modern ones?',
        );
    },
  },
};
