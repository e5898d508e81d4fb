import { OptionError } from '../../core/index.ts';
import type { BarIndex, BarKind } from '../../pci/layout/index.ts';

/** The structures of virtio 1.x that have a place in a BAR, in the order of their capabilities. */
export const structureNames = ['common', 'isr', 'device', 'notify'] as const;
export type StructureName = (typeof structureNames)[number];

/** A place in a BAR; `offset` in bytes from its start. */
export interface BarPlace {
  readonly bar: BarIndex;
  readonly offset: number;
}

/** A place of a structure that is said in numbers. */
export interface ExactPlace {
  readonly bar: BarIndex;
  /** In bytes from the BAR's start; by default behind what stands there already. */
  readonly offset?: number;
  /** Bytes that its capability names: its registers' at least, more if one likes (PCI-CAP-05, PCI-CAP-12). */
  readonly length?: number;
  /** Of a notify structure: unit of queue_notify_off (PCI-NOT-03). */
  readonly multiplier?: number;
}

/** Where a structure stands: in the conventional memory BAR, in the I/O BAR beside it, or anywhere. */
export type StructurePlace = 'memory' | 'io' | ExactPlace;

/**
 * Where each structure of the modern window stands, the preferred place first (PCI-CAP-03, PCI-CAP-17); in memory where
 * nothing is said. `{ notify: ['io', 'memory'] }` offers both places for kicks, and ports before memory.
 */
export type StructurePlaces = { readonly [N in StructureName]?: readonly StructurePlace[] };

/** What a BAR is. `lengthBytes` is a power of two; by default what stands in it decides. */
export interface BarShape {
  readonly kind: BarKind;
  readonly prefetchable?: boolean;
  readonly lengthBytes?: number;
}

/** A capability that is none of virtio's structures: its id, and what stands behind id and pointer, read only. */
export interface OtherCapability {
  readonly id: number;
  readonly bytes: readonly number[];
}

export interface CapabilityShape {
  /** Bytes behind the fields of each structure's capability, which its length counts (PCI-CAP-01, PCI-CAP-09, PCI-CAP-16). */
  readonly padding?: number;
  /** Bytes between a capability and the next that belong to none, a multiple of 4. */
  readonly gap?: number;
  /**
   * Capabilities among those of the structures: the first stands before the first of these, and so on. One of virtio's own id (9)
   * whose second byte is no type of a structure is what a driver passes over (PCI-CAP-07) and a device must not have (PCI-CAP-02).
   */
  readonly others?: readonly OtherCapability[];
}

/**
 * How a function is laid out where it is unlike most. All of it is legal unless something else is said, and drivers have to
 * cope with it.
 */
export interface FunctionShape {
  /** What BARs are; the others are as the conventional ones. */
  readonly bars?: { readonly [I in BarIndex]?: BarShape };
  readonly structures?: StructurePlaces;
  readonly notify?: {
    /** Bytes from one queue's place to the next in memory: 0, where all share one, or an even power of two (PCI-NOT-03). */
    readonly multiplier?: number;
    /** queue_notify_off by queue: 16 bits each, in any order, several the same; by default a queue's own number (PCI-NOT-05). */
    readonly offsets?: readonly number[];
  };
  /** Where table and pending bits of MSI-X stand: multiples of 8 in memory BARs (PCI Local Bus 3.0, section 6.8.2). */
  readonly msix?: { readonly table: BarPlace; readonly pendingBits: BarPlace };
  readonly capabilities?: CapabilityShape;
  /** 0 for a function that interrupts by messages alone, else INTA# to INTD#; by default INTA#. */
  readonly interruptPin?: 0 | 1 | 2 | 3 | 4;
  /**
   * Reads of device_status after a reset that show what it was before, until it is 0 (BF-RST-01): a driver has to wait
   * (BF-RST-03). By default none: a reset is done at once.
   */
  readonly resetReads?: number;
}

/** A shape that no function can have. */
export class ShapeError extends OptionError {
  constructor(option: string, value: unknown, wanted: string) {
    super(`shape.${option}`, value, wanted);
  }
}

/** A structure that there is not, or that stands nowhere, twice in one place, or in a place that there is not. */
export class StructurePlaceError extends OptionError {
  constructor(name: string, places: unknown) {
    super(
      `place of structure ${name}`,
      JSON.stringify(places),
      '"memory", "io" or { bar, offset, length }, at least one, each once',
    );
  }
}

const isWhole = (value: number, most: number) => Number.isInteger(value) && value >= 0 && value <= most;

const MOST_READS = 0xffff;
const MOST_OFFSET = 0xffff;
/** Room that configuration space has for capabilities, about. */
const MOST_PADDING = 128;

/** PCI-NOT-03; with notification data PCI-NOT-06. */
function checkMultiplier(option: string, value: number, notificationData: boolean): void {
  const least = notificationData ? 4 : 2;
  const power = Number.isInteger(Math.log2(value)) && value >= least && value <= 2 ** 31;
  if (value !== 0 && !power)
    throw new ShapeError(
      option,
      value,
      `0 or a power of two of ${least} at least${notificationData ? ', as NOTIFICATION_DATA is offered' : ''}`,
    );
}

const optionNames = [
  'bars',
  'structures',
  'notify',
  'msix',
  'capabilities',
  'interruptPin',
  'resetReads',
] as const satisfies readonly (keyof FunctionShape)[];

/** A list: whoever reads a shape from a file may find anything there. */
function listed<T>(option: string, list: readonly T[] | undefined): readonly T[] {
  if (!Array.isArray(list)) throw new ShapeError(option, list, 'a list');
  return list;
}

/** Everything that can be said of a shape by itself. @throws ShapeError, StructurePlaceError */
export function checkShape(shape: FunctionShape, notificationData: boolean): void {
  const { notify, capabilities, resetReads = 0, msix } = shape;
  for (const [name, value] of Object.entries(shape))
    if (!(optionNames as readonly string[]).includes(name))
      throw new ShapeError(name, value, `none but ${optionNames.join(', ')}`);
  if (!isWhole(resetReads, MOST_READS))
    throw new ShapeError('resetReads', resetReads, `a whole number of 0..${MOST_READS}`);
  if (notify?.multiplier !== undefined)
    checkMultiplier('notify.multiplier', notify.multiplier, notificationData);
  for (const [queue, offset] of listed('notify.offsets', notify?.offsets ?? []).entries())
    if (!isWhole(offset, MOST_OFFSET))
      throw new ShapeError(`notify.offsets[${queue}]`, offset, 'a whole number of 16 bits');
  for (const [name, places] of Object.entries(shape.structures ?? {})) {
    checkPlaces(name, places);
    for (const [i, place] of places.entries())
      if (typeof place === 'object' && place.multiplier !== undefined) {
        if (name !== 'notify')
          throw new ShapeError(`structures.${name}[${i}].multiplier`, place.multiplier, 'a notify structure');
        checkMultiplier(`structures.notify[${i}].multiplier`, place.multiplier, notificationData);
      }
  }
  if (msix !== undefined)
    for (const table of ['table', 'pendingBits'] as const)
      if (msix?.[table] === undefined)
        throw new ShapeError(`msix.${table}`, msix?.[table], '{ bar, offset }');
  for (const index of Object.keys(shape.bars ?? {}))
    if (!isWhole(Number(index), 5)) throw new ShapeError('bars', index, 'a BAR of 0..5');
  checkCapabilities(capabilities ?? {});
}

/** @throws StructurePlaceError */
function checkPlaces(name: string, places: readonly StructurePlace[]): void {
  const known = (place: StructurePlace) =>
    place === 'memory' || place === 'io' || (typeof place === 'object' && place !== null);
  if (!Array.isArray(places)) throw new StructurePlaceError(name, places);
  const words = places.filter((place) => typeof place === 'string');
  if (
    !(structureNames as readonly string[]).includes(name) ||
    places.length === 0 ||
    !places.every(known) ||
    new Set(words).size !== words.length
  )
    throw new StructurePlaceError(name, places);
}

function checkCapabilities({ padding = 0, gap = 0, others = [] }: CapabilityShape): void {
  if (!isWhole(padding, MOST_PADDING))
    throw new ShapeError('capabilities.padding', padding, `a whole number of 0..${MOST_PADDING}`);
  if (!isWhole(gap, MOST_PADDING) || gap % 4 !== 0)
    throw new ShapeError('capabilities.gap', gap, `a multiple of 4 of 0..${MOST_PADDING}`);
  for (const [i, other] of listed('capabilities.others', others).entries()) {
    const { id = -1, bytes: unknown } = other ?? {};
    const bytes = listed(`capabilities.others[${i}].bytes`, unknown);
    if (!isWhole(id, 0xff)) throw new ShapeError(`capabilities.others[${i}].id`, id, 'an id of 8 bits');
    const wrong = bytes.find((byte) => !isWhole(byte, 0xff));
    if (wrong !== undefined) throw new ShapeError(`capabilities.others[${i}].bytes`, wrong, 'bytes');
  }
}
