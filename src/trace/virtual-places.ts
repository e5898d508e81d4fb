import {
  FOUR_GIB,
  type FunctionAddress,
  formatFunctionAddress,
  type Register,
  type Width,
} from '../core/index.ts';
import { barPlaceAt, type ConfigReader, VIRTUAL_DECODED, walkExtended } from '../driver/index.ts';
import type { Draft } from '../mmr/layout/index.ts';
import {
  barBits,
  extendedCapabilityId,
  SRIOV_PAGE_BYTES,
  sriovCapability,
  type0Header,
} from '../pci/layout/index.ts';
import { type Structure, structuresOf } from './bar-structures.ts';
import type { ConfigBus } from './config-tables.ts';
import type { AccessPlace } from './places.ts';

/** Virtual functions that all have the same, each so many bytes after the one before. */
export interface VirtualRun {
  readonly count: number;
  readonly everyBytes: number;
  /** The name of the place that one has, 1 for the first. */
  targetOf(index: number): string;
}

/**
 * Bytes of a BAR of each virtual function, which no register tells unless it is written.
 * @param register where it stands in the configuration space of the physical function. @returns undefined where nobody knows
 */
export type VirtualSizes = (physical: FunctionAddress, register: number) => number | undefined;

/** Command and status of a place where nobody is. */
const NOBODY = 0xffffffff;

/** What stands in the BARs of a function's virtual functions, as the first of them says, while they are there and decoded. */
export function* virtualPlaces(
  bus: ConfigBus,
  physical: FunctionAddress,
  draft: Draft,
  sizes: VirtualSizes,
): Generator<AccessPlace> {
  const read: ConfigReader = (offset, width) => bus.configRead(physical, offset, width);
  const at = [...walkExtended(read)].find(({ id }) => id === extendedCapabilityId.singleRootIov)?.offset;
  if (at === undefined) return;
  const get = ({ offset, width }: Register) => read(at + offset, width as Width);
  const [count, offset, stride] = [
    get(sriovCapability.numVfs),
    get(sriovCapability.firstVfOffset),
    get(sriovCapability.vfStride),
  ];
  if ((get(sriovCapability.control) & VIRTUAL_DECODED) !== VIRTUAL_DECODED || count === 0 || offset === 0)
    return;
  const first = (physical + offset) >>> 0;
  const readFirst: ConfigReader = (where, width) => bus.configRead(first, where, width);
  if (readFirst(type0Header.command.offset, 4) === NOBODY) return;
  const ids = { vendorId: read(type0Header.vendorId.offset, 2), deviceId: get(sriovCapability.vfDeviceId) };
  const structures = [...structuresOf(readFirst, draft, ids)].filter(({ length }) => length > 0);
  const pages = get(sriovCapability.systemPageSize);
  const page = SRIOV_PAGE_BYTES * (pages & -pages || 1);
  for (const { bar, name, offset: inBar, length } of structures) {
    const register = at + sriovCapability.bar.offset + 4 * bar;
    if (bar >= sriovCapability.bar.count) continue;
    const { space, address } = barPlaceAt(read, register);
    if (space === 'io' || address === 0) continue;
    const everyBytes = Math.max(page, sizes(physical, register) ?? leastBytes(structures, bar));
    const targetOf = (index: number) =>
      `${formatFunctionAddress(first + (index - 1) * stride)} VF${index} BAR${bar} ${name}`;
    const run = { count, everyBytes, targetOf };
    yield { target: targetOf(1), space, start: address + inBar, length, run };
  }
}

/** The least that a BAR can have with what stands in it. */
function leastBytes(structures: readonly Structure[], bar: number): number {
  const ends = structures.filter((each) => each.bar === bar).map(({ offset, length }) => offset + length);
  return 2 ** Math.ceil(Math.log2(Math.max(...ends)));
}

const keyOf = (fn: FunctionAddress, register: number) => fn * 0x1000 + register;

/** Listens to software that measures BARs: all ones are written, and what is read says how long one is. */
export class MeasuredBars {
  readonly #masks = new Map<number, number>();
  /** The register that holds all ones at the moment. */
  #measured = -1;

  wrote(fn: FunctionAddress, register: number, value: number): void {
    this.#measured = value === NOBODY ? keyOf(fn, register) : -1;
  }

  read(fn: FunctionAddress, register: number, value: number): void {
    if (keyOf(fn, register) === this.#measured) this.#masks.set(this.#measured, value);
  }

  /** Bytes of a memory BAR, as software measured them last. */
  readonly bytes: VirtualSizes = (fn, register) => {
    const low = this.#masks.get(keyOf(fn, register));
    if (low === undefined) return undefined;
    const address = (low & barBits.memoryAddressMask) >>> 0;
    if ((low & barBits.typeMask) !== barBits.memory64) return FOUR_GIB - address;
    const high = this.#masks.get(keyOf(fn, register + 4));
    return high === undefined ? undefined : (FOUR_GIB - high) * FOUR_GIB - address;
  };
}
