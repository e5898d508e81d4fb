import { lengthOf, VirtiolabError } from '../../core/index.ts';
import {
  type BarIndex,
  type BarKind,
  checkVectors,
  MAX_IO_BYTES,
  msixPendingBytes,
  msixTableBytes,
} from '../../pci/index.ts';
import {
  type BarShape,
  checkShape,
  commonConfig,
  type ExactPlace,
  type FunctionShape,
  LEGACY_BAR,
  LEGACY_CONFIG_OFFSET_MSIX,
  NOTIFICATION_DATA_BYTES,
  ShapeError,
  type StructureName,
  structureNames,
} from '../layout/index.ts';
import { BarPlan, type PlannedBar, type Stand } from './bar-plan.ts';
import { NOTIFY_MULTIPLIER } from './notify.ts';
import { checkSharedMemory, type SharedMemoryRegion } from './shared-memory.ts';

/**
 * BARs as the field's software expects them: legacy block, MSI-X, modern structures; in the gap shared memory, or the modern
 * structures that stand in I/O space.
 */
export const conventionalBars = {
  legacy: LEGACY_BAR,
  msix: 1,
  sharedMemory: 2,
  modernIo: 2,
  modern: 4,
} as const;

/** A legacy block that is longer than any I/O BAR. A memory BAR holds it: an MMR function, or a modern-only one, does. */
export class LegacyBlockSizeError extends VirtiolabError {
  readonly lengthBytes: number;

  constructor(lengthBytes: number) {
    super(
      `a legacy block of ${lengthBytes} bytes: an I/O BAR holds ${MAX_IO_BYTES}, device configuration in it ` +
        `${MAX_IO_BYTES - LEGACY_CONFIG_OFFSET_MSIX}`,
    );
    this.lengthBytes = lengthBytes;
  }
}

/** A structure's place, and of a notify structure its unit of queue_notify_off. */
export interface StructureStand extends Stand {
  readonly name: StructureName;
  readonly multiplier: number | null;
}

/** Where everything of a function stands. */
export interface FunctionLayout {
  readonly bars: readonly PlannedBar[];
  readonly legacy: Stand | null;
  /** Where legacy drivers kick a member of a group by an address (ADL-13). */
  readonly legacyNotify: Stand | null;
  /** Where they kick the members of the group that the function owns. */
  readonly doorbells: Stand | null;
  readonly msix: { readonly vectors: number; readonly table: Stand; readonly pendingBits: Stand } | null;
  /** In the order of their capabilities. */
  readonly structures: readonly StructureStand[];
  /** One for each region. */
  readonly sharedMemory: readonly Stand[];
}

/** The legacy block as it wants to stand. */
export interface LegacyPlace {
  readonly bar: BarIndex;
  readonly kind: BarKind;
  readonly prefetchable?: boolean;
  /** Bytes of its BAR, at the least. */
  readonly leastBytes: number;
  /** Bytes of the block. */
  readonly bytes: number;
  /** It takes all of the BAR. */
  readonly whole: boolean;
  /** In its BAR; `behind` for behind the structures, at a multiple of `alignment`. */
  readonly offset: number | 'behind';
  readonly alignment?: number;
}

/** What a function has to have room for. */
export interface LayoutNeeds {
  readonly queues: number;
  readonly configBytes: number;
  readonly vectors: number;
  readonly legacy: LegacyPlace | null;
  readonly modern: boolean;
  /** Modern structures in memory stand in a prefetchable BAR. */
  readonly prefetchable?: boolean;
  readonly notificationData: boolean;
  /** Its legacy interface is reached by commands, and its queues are kicked at an address. */
  readonly legacyCommands: boolean;
  /** Bytes for the addresses at which members of its group are kicked; 0 for none. */
  readonly doorbellBytes: number;
  readonly sharedMemory: readonly SharedMemoryRegion[];
  readonly shape: FunctionShape;
}

/** Structures and shared memory regions begin in memory at such multiples, so that each can be mapped alone. */
const PAGE_BYTES = 0x1000;
/** Ports are few: a structure takes what its registers take, and one kick register serves all queues (multiplier 0). */
const PORT_BYTES = 4;
/** Half of the BAR that MSI-X has to itself, at the least. */
const MSIX_HALF = 2048;
const MSIX_ALIGNMENT = 8;
/** One queue notify register. */
const NOTIFY_BYTES = 2;
/** Longer notify structures are refused: no host has room for them. */
const MOST_NOTIFY_BYTES = 2 ** 30;

/** What the offset of a structure in its BAR is a multiple of (PCI-COM-01, PCI-DEV-02, PCI-NOT-02). */
const alignments = { common: 4, isr: 1, device: 4, notify: 2 } as const;

const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit;

/** Lays a function out. @throws ShapeError, StructurePlaceError, BarError, VectorCountError, LegacyBlockSizeError */
export function layOut(needs: LayoutNeeds): FunctionLayout {
  const { shape, legacy, modern, sharedMemory } = needs;
  checkShape(shape, needs.notificationData);
  checkSharedMemory(sharedMemory);
  const plan = new BarPlan(shape.bars ?? {});
  const msix = layMsix(plan, needs);
  const first = legacy === null || legacy.offset === 'behind' ? null : layLegacy(plan, legacy);
  const structures = modern ? layStructures(plan, needs) : [];
  const block = legacy !== null && legacy.offset === 'behind' ? layLegacy(plan, legacy) : first;
  const regions = sharedMemory.map(({ id, bytes }) => {
    const bar = conventionalBars.sharedMemory;
    const { kind } = plan.open(bar, { kind: 'memory64', prefetchable: true, lengthBytes: PAGE_BYTES });
    if (kind === 'io') throw new ShapeError(`bars[${bar}].kind`, kind, 'a memory BAR: it has shared memory');
    return plan.put(`shared-memory-${id}`, bar, bytes.length, PAGE_BYTES);
  });
  const legacyNotify = needs.legacyCommands ? layDoorbells(plan, needs, 'legacy-notify', NOTIFY_BYTES) : null;
  const doorbells =
    needs.doorbellBytes > 0 ? layDoorbells(plan, needs, 'member-doorbells', needs.doorbellBytes) : null;
  const stands = { legacy: block, msix, structures, sharedMemory: regions, legacyNotify, doorbells };
  return { bars: plan.finish(), ...stands };
}

/** Pages of their own in the BAR of the modern structures, so that a guest can be given one and nothing else. */
function layDoorbells(plan: BarPlan, needs: LayoutNeeds, name: string, bytes: number): Stand {
  const { modern: bar } = conventionalBars;
  if (plan.open(bar, usualBar(needs, bar)).kind === 'io')
    throw new ShapeError(`bars[${bar}].kind`, 'io', 'a memory BAR: notification addresses stand there');
  return plan.put(name, bar, roundUp(bytes, PAGE_BYTES), PAGE_BYTES);
}

/** What a BAR is that somebody chose to stand in. */
const usualBar = ({ modern, prefetchable = true }: LayoutNeeds, bar: BarIndex): BarShape =>
  modern && bar === conventionalBars.modern ? { kind: 'memory64', prefetchable } : { kind: 'memory32' };

function layMsix(plan: BarPlan, needs: LayoutNeeds): FunctionLayout['msix'] {
  const { vectors, shape } = needs;
  if (vectors === 0) return null;
  checkVectors(vectors);
  const [tableBytes, pendingBytes] = [msixTableBytes(vectors), msixPendingBytes(vectors)];
  const half = Math.max(MSIX_HALF, 2 ** Math.ceil(Math.log2(tableBytes)));
  const { msix: bar } = conventionalBars;
  const places = shape.msix ?? { table: { bar, offset: 0 }, pendingBits: { bar, offset: half } };
  const lengthBytes = shape.msix === undefined ? 2 * half : 0;
  for (const [name, place] of Object.entries(places)) {
    if (!Number.isInteger(place.offset) || place.offset < 0 || place.offset % MSIX_ALIGNMENT !== 0)
      throw new ShapeError(`msix.${name}.offset`, place.offset, `a multiple of ${MSIX_ALIGNMENT}`);
    if (plan.open(place.bar, { ...usualBar(needs, place.bar), lengthBytes }).kind === 'io')
      throw new ShapeError(`msix.${name}.bar`, place.bar, 'a memory BAR');
  }
  const { table, pendingBits } = places;
  return {
    vectors,
    table: plan.put('msix-table', table.bar, tableBytes, MSIX_ALIGNMENT, table.offset),
    pendingBits: plan.put('msix-pba', pendingBits.bar, pendingBytes, MSIX_ALIGNMENT, pendingBits.offset),
  };
}

function layLegacy(plan: BarPlan, legacy: LegacyPlace): Stand {
  const { bar, kind, prefetchable = false, leastBytes, bytes, whole, offset, alignment = 1 } = legacy;
  if (kind === 'io' && bytes > MAX_IO_BYTES) throw new LegacyBlockSizeError(bytes);
  const opened = plan.open(bar, { kind, prefetchable, lengthBytes: leastBytes });
  if ((opened.kind === 'io') !== (kind === 'io'))
    throw new ShapeError(`bars[${bar}].kind`, opened.kind, `${kind}, where the legacy block stands`);
  const length = whole ? (opened.lengthBytes ?? leastBytes) : bytes;
  return plan.put('legacy', bar, length, alignment, offset === 'behind' ? undefined : offset);
}

function layStructures(plan: BarPlan, needs: LayoutNeeds): StructureStand[] {
  const { shape, legacy } = needs;
  const placesOf = (name: StructureName) => shape.structures?.[name] ?? ['memory'];
  const ioBar = legacy === null ? LEGACY_BAR : conventionalBars.modernIo;
  if (structureNames.some((name) => placesOf(name).includes('io'))) plan.open(ioBar, { kind: 'io' });
  return structureNames.flatMap((name) =>
    placesOf(name).map((place, i): StructureStand => {
      const exact: ExactPlace =
        place === 'memory' ? { bar: conventionalBars.modern } : place === 'io' ? { bar: ioBar } : place;
      return layStructure(plan, needs, name, exact, `structures.${name}[${i}]`);
    }),
  );
}

/** One place of a structure. @param option says which, to whoever asked for an impossible one. */
function layStructure(
  plan: BarPlan,
  needs: LayoutNeeds,
  name: StructureName,
  { bar, offset, length, multiplier }: ExactPlace,
  option: string,
): StructureStand {
  const io = plan.open(bar, usualBar(needs, bar)).kind === 'io';
  const unit =
    name !== 'notify'
      ? null
      : (multiplier ?? (io ? 0 : (needs.shape.notify?.multiplier ?? NOTIFY_MULTIPLIER)));
  const least = leastBytes(name, needs, unit);
  if (least > MOST_NOTIFY_BYTES)
    throw new ShapeError(
      option,
      `${least} bytes`,
      `${MOST_NOTIFY_BYTES} bytes at most: smaller offsets or multiplier`,
    );
  const alignment = name === 'notify' && needs.notificationData ? NOTIFICATION_DATA_BYTES : alignments[name];
  if (offset !== undefined && (!Number.isInteger(offset) || offset < 0 || offset % alignment !== 0))
    throw new ShapeError(`${option}.offset`, offset, `a multiple of ${alignment}`);
  if (length !== undefined && (!Number.isInteger(length) || length < least || length >= 2 ** 32))
    throw new ShapeError(`${option}.length`, length, `${least} bytes at least`);
  const paged = !io && offset === undefined;
  const bytes = length ?? (paged ? Math.max(PAGE_BYTES, least) : roundUp(least, PORT_BYTES));
  const stand = plan.put(name, bar, bytes, paged ? PAGE_BYTES : PORT_BYTES, offset);
  return { ...stand, name, multiplier: unit };
}

/** Bytes of a structure that there have to be: its registers, and a place of each queue (PCI-NOT-05, PCI-NOT-09). */
function leastBytes(name: StructureName, needs: LayoutNeeds, multiplier: number | null): number {
  if (name === 'common') return lengthOf(commonConfig);
  if (name === 'isr') return 1;
  if (name === 'device') return Math.max(1, needs.configBytes);
  const offsets = needs.shape.notify?.offsets ?? [];
  // Queues beyond the list are at their own number.
  const most = Math.max(
    0,
    ...offsets.slice(0, needs.queues),
    offsets.length < needs.queues ? needs.queues - 1 : 0,
  );
  return most * multiplier! + NOTIFICATION_DATA_BYTES;
}

/** queue_notify_off of each queue; null where it is a queue's own number, as it mostly is. */
export function notifyOffsets(queues: number, { notify }: FunctionShape): readonly number[] | null {
  const offsets = Array.from({ length: queues }, (_, queue) => notify?.offsets?.[queue] ?? queue);
  return offsets.every((offset, queue) => offset === queue) ? null : offsets;
}
