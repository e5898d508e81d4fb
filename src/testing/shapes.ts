import type { Arbitrary } from 'fast-check';
import type { BarIndex } from '../pci/layout/index.ts';
import {
  type FunctionKind,
  type FunctionShape,
  functionKinds,
  type StructureName,
  type StructurePlace,
} from '../virtio/layout/index.ts';
import { fc } from './fast-check.ts';
import { formatShape } from './format-shape.ts';
import { printed } from './printed.ts';

export interface ShapeOptions {
  readonly kind: FunctionKind;
  /** The function is PCI Express, or has power management: less room is left for capabilities. */
  readonly crowded?: boolean;
  /** NOTIFICATION_DATA is offered, which asks more of notify structures (PCI-NOT-06). */
  readonly notificationData?: boolean;
}

/** A BAR that no conventional part of a function without shared memory stands in. */
const SPARE: BarIndex = 3;
/** Notify structures are kept to this, so that machines have room for them. */
const MOST_NOTIFY_BYTES = 2 ** 20;
/** A table of 256 vectors lies below its pending bits here. */
const TABLE_BYTES = 0x1000;

const structureBytes = { common: 16, isr: 16, device: 16, notify: 20 } as const;
const WINDOW_BYTES = 20;
/** Room for capabilities, without MSI-X, and with what else may come before it. */
const ROOM = 256 - 0x40 - 12;
const CROWDED_ROOM = ROOM - 60 - 8;

const align4 = (bytes: number) => (bytes + 3) & ~3;

type Capabilities = NonNullable<FunctionShape['capabilities']>;
type Places = Readonly<Record<StructureName, readonly StructurePlace[]>>;

/** Bytes that the capabilities of the structures take. */
function bytesOf(places: Places, { padding = 0, gap = 0, others = [] }: Capabilities): number {
  let bytes = align4(WINDOW_BYTES + padding);
  for (const name of Object.keys(structureBytes) as StructureName[])
    bytes += places[name].length * (align4(structureBytes[name] + padding) + gap);
  for (const other of others) bytes += align4(2 + other.bytes.length) + gap;
  return bytes + 2 * gap;
}

/** Vendor data of somebody, and capabilities of ids that nobody knows. */
const others = fc.array(
  fc.oneof(
    fc.record({ id: fc.constant(0x09), bytes: fc.constant([8, 9, 0x34, 0x12, 1, 2]) }),
    fc.record({ id: fc.constantFrom(0xf0, 0xfe), bytes: fc.constantFrom([], [1, 2], [3, 4, 5, 6]) }),
  ),
  { maxLength: 2 },
);

const capabilityShapes: Arbitrary<Capabilities> = fc.record({
  padding: fc.constantFrom(0, 0, 4, 8, 3),
  gap: fc.constantFrom(0, 0, 4, 8),
  others,
});

/** Offsets and multiplier whose product stays below a limit. */
const notifies = (least: number): Arbitrary<NonNullable<FunctionShape['notify']>> =>
  fc.constantFrom(0, least, 4, 8, 64, 4096).chain((multiplier) => {
    const most = multiplier === 0 ? 0xffff : Math.min(0xffff, MOST_NOTIFY_BYTES / multiplier - 1);
    const offset = fc.oneof(fc.constant(0), fc.nat(3), fc.nat(most));
    return fc.record({ multiplier: fc.constant(multiplier), offsets: fc.array(offset, { maxLength: 4 }) });
  });

/** One structure's places: one to three, each a different one. */
function placesOf(exact: StructurePlace): Arbitrary<readonly StructurePlace[]> {
  const every: readonly StructurePlace[] = ['memory', 'io', exact];
  const more = fc.oneof(fc.constant<StructurePlace[]>([]), fc.shuffledSubarray<StructurePlace>([...every]));
  // The first shrinks to the conventional place, and the others to none.
  return fc
    .tuple(fc.constantFrom(...every), more)
    .map(([first, others]) => [first, ...others.filter((place) => place !== first)]);
}

/** Table and pending bits together or apart: in a BAR of their own, behind one another, or in front of the structures. */
const msixPlaces: Arbitrary<FunctionShape['msix']> = fc.constantFrom(
  undefined,
  { table: { bar: 1, offset: 0x800 }, pendingBits: { bar: 1, offset: 0 } },
  { table: { bar: SPARE, offset: 0x4008 }, pendingBits: { bar: SPARE, offset: 0x4008 + TABLE_BYTES } },
  { table: { bar: 4, offset: 0 }, pendingBits: { bar: 4, offset: TABLE_BYTES } },
  { table: { bar: 4, offset: 0x2000 }, pendingBits: { bar: 1, offset: 8 } },
);

/**
 * Shapes that a function of a kind may have by the specification: structures in any BAR, in memory and I/O space, one or several
 * times; notify places shared, sparse or far apart; MSI-X anywhere; capabilities with padding, gaps and those of others in between;
 * resets that take time.
 */
export function shapes({
  kind,
  crowded = false,
  notificationData = false,
}: ShapeOptions): Arbitrary<FunctionShape> {
  const resetReads = fc.constantFrom(0, 0, 1, 5);
  const { modern } = functionKinds[kind];
  const exact: StructurePlace = { bar: SPARE };
  const drawn = fc.record({
    common: placesOf(exact),
    isr: placesOf({ bar: SPARE, length: 1 }),
    device: placesOf(exact),
    notify: placesOf(exact),
    notify_: notifies(notificationData ? 4 : 2),
    msix: msixPlaces,
    capabilities: capabilityShapes,
    resetReads,
    prefetchable: fc.boolean(),
    wide: fc.boolean(),
  });
  const shape: Arbitrary<FunctionShape> = drawn.map(
    ({ common, isr, device, notify, notify_, msix, capabilities, prefetchable, wide, ...rest }) => {
      const modernBar = { kind: wide ? 'memory64' : 'memory32', prefetchable } as const;
      if (!modern) {
        const place = msix?.table.bar === 4 || msix?.pendingBits.bar === 4 ? { bars: { 4: modernBar } } : {};
        return { ...rest, ...place, ...(msix === undefined ? {} : { msix }) };
      }
      const all: Places = { common, isr, device, notify };
      const room = crowded ? CROWDED_ROOM : ROOM;
      const first: Places = {
        common: common.slice(0, 1),
        isr: isr.slice(0, 1),
        device: device.slice(0, 1),
        notify: notify.slice(0, 1),
      };
      const places = bytesOf(all, {}) <= room ? all : first;
      const fitting = bytesOf(places, capabilities) <= room ? { capabilities } : {};
      return {
        ...rest,
        ...fitting,
        bars: { 4: modernBar },
        structures: places,
        notify: notify_,
        ...(msix === undefined ? {} : { msix }),
      };
    },
  );
  return shape.map((each) => printed({ ...each }, formatShape));
}
