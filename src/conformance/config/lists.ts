import { lengthOf } from '../../core/index.ts';
import { draftOf, LEAST_VENDOR_BYTES } from '../../mmr/layout/index.ts';
import {
  BAR_INDICATOR_MASK,
  CONVENTIONAL_BYTES,
  capabilityId,
  EXTENDED_BYTES,
  EXTENDED_START,
  extendedCapabilityId,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  powerManagement,
  type0Header,
  unpackVendorHeader,
  vendorSpecificExtended,
} from '../../pci/layout/index.ts';
import { structureCapability } from '../../virtio/layout/index.ts';
import type { ConfigCase } from './case.ts';

const hex = (value: number) => value.toString(16).padStart(2, '0');

/** Pending bits come in pieces of so many vectors, and so many bytes (PCI Local Bus 3.0, section 6.8.2). */
const PENDING_VECTORS = 64;
const PENDING_BYTES = 8;

/** Both lists, and what of them is not virtio's: that the function obeys PCI (PCI-BUS-01). */
export function judgeLists(it: ConfigCase): void {
  const kinds = [
    ['capabilities', it.capabilities, type0Header.capabilitiesPointer.offset],
    ['extended capabilities', it.extended, EXTENDED_START],
  ] as const;
  for (const [what, { found, end }, start] of kinds) {
    const last = found.at(-1)?.offset ?? start;
    if (end === 'loop')
      it.report('PCI-BUS-01', last, `the list of ${what} comes back to where it was, after ${found.length}`);
    if (end === 'outside')
      it.report(
        'PCI-BUS-01',
        last,
        `the list of ${what} leads to where none can stand, after ${found.length}`,
      );
  }
  if (it.capabilities.end === 'unknown') it.leave('the list of capabilities');
  if (it.extended.end === 'unknown') it.leave('the list of extended capabilities');
  judgeOverlap(it);
  for (const { id, offset } of it.capabilities.found) if (id === capabilityId.msix) judgeMsix(it, offset);
  for (const { id, offset } of it.extended.found)
    if (id === extendedCapabilityId.vendorSpecific) judgeVendorSpecific(it, offset);
}

/** Bytes that a capability takes, where it says so or has always the same; null where nobody knows. */
function bytesOf(it: ConfigCase, id: number, offset: number): number | null {
  if (id === capabilityId.msix) return lengthOf(msixCapability);
  if (id === capabilityId.powerManagement) return lengthOf(powerManagement);
  return id === capabilityId.vendorSpecific ? it.get(structureCapability.capabilityLength, offset) : null;
}

function judgeOverlap(it: ConfigCase): void {
  const ascending = [...it.capabilities.found].sort((a, b) => a.offset - b.offset);
  for (const [i, { id, offset }] of ascending.entries()) {
    const end = offset + (bytesOf(it, id, offset) ?? 0);
    const next = ascending[i + 1]?.offset ?? CONVENTIONAL_BYTES;
    if (end <= next) continue;
    const into =
      next === CONVENTIONAL_BYTES
        ? 'goes beyond the space of the list'
        : `reaches into the one at ${hex(next)}`;
    // Of a vendor-specific one it is the length that is wrong.
    it.report(
      id === capabilityId.vendorSpecific ? 'PCI-CAP-15' : 'PCI-BUS-01',
      offset,
      `the capability ${into}`,
    );
  }
}

function judgeMsix(it: ConfigCase, at: number): void {
  const control = it.get(msixCapability.messageControl, at);
  const [table, pending] = [it.get(msixCapability.table, at), it.get(msixCapability.pendingBits, at)];
  if (control === null || table === null || pending === null) {
    it.leave('MSI-X');
    return;
  }
  const vectors = (control & messageControl.tableSize) + 1;
  if (vectors < 2) it.report('PCI-MSIX-01', at, 'MSI-X has one vector, where two at least are wanted');
  const place = (value: number) => ({
    bar: value & BAR_INDICATOR_MASK,
    start: (value & ~BAR_INDICATOR_MASK) >>> 0,
  });
  const [first, second] = [place(table), place(pending)];
  for (const [what, { bar }] of [
    ['table', first],
    ['pending bits', second],
  ] as const)
    judgeBar(it, at, `MSI-X has its ${what} in`, bar);
  const ends = [
    first.start + MSIX_ENTRY_BYTES * vectors,
    second.start + PENDING_BYTES * Math.ceil(vectors / PENDING_VECTORS),
  ] as const;
  if (first.bar === second.bar && first.start < ends[1] && second.start < ends[0])
    it.report(
      'PCI-BUS-01',
      at,
      `MSI-X has its table and its pending bits in the same bytes of BAR${first.bar}`,
    );
}

/** A number that cannot be a BAR's. What cannot be told from a BAR without an address is not accused. */
export function judgeBar(it: ConfigCase, at: number, what: string, bar: number): void {
  if (bar >= type0Header.bar.count)
    it.report('PCI-BUS-01', at, `${what} BAR${bar}, and there is no such BAR`);
  else if (it.bars.some(({ index, kind }) => kind === 'memory64' && index + 1 === bar))
    it.report('PCI-BUS-01', at, `${what} BAR${bar}, which is the upper half of BAR${bar - 1}`);
}

function judgeVendorSpecific(it: ConfigCase, at: number): void {
  const header = it.get(vendorSpecificExtended.vendorHeader, at);
  if (header === null) return;
  const { length } = unpackVendorHeader(header);
  if (length >= LEAST_VENDOR_BYTES && at + length <= EXTENDED_BYTES) return;
  const draft = it.image.ask((read) => draftOf((offset) => read(at + offset, 4)));
  const why = draft === null ? '' : `, as the draft ${draft.name} has it, which other software misreads`;
  it.report('PCI-BUS-01', at, `a vendor-specific extended capability says that it has ${length} bytes${why}`);
}
