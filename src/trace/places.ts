import { type FunctionAddress, formatFunctionAddress, functionAddress } from '../core/index.ts';
import type { ConfigReader } from '../driver/index.ts';
import { type Draft, draft2023 } from '../mmr/layout/index.ts';
import { barBits, command, type0Header, type1Header } from '../pci/layout/index.ts';
import { structuresOf } from './bar-structures.ts';
import type { ConfigBus } from './config-tables.ts';
import { headerOf, isBridge } from './config-tables.ts';
import { type VirtualRun, type VirtualSizes, virtualPlaces } from './virtual-places.ts';

/** What configuration space says of a stretch of addresses. */
export interface AccessPlace {
  /** As the decoder reads it: `00:04.0 BAR4 common`. */
  readonly target: string;
  readonly space: 'io' | 'memory';
  /** First address, and length in bytes. */
  readonly start: number;
  readonly length: number;
  /** It stands for the same of every virtual function that a physical one has: all else is the first one's. */
  readonly run?: VirtualRun;
}

/** What accesses to a function's configuration space name as their target. */
export const configTarget = (fn: FunctionAddress) => `${formatFunctionAddress(fn)} configuration`;

const NO_FUNCTION = 0xffff;
const DEVICES = 32;

interface DecodedBar {
  readonly space: 'io' | 'memory';
  readonly address: number;
}

/** The BARs that have an address and are decoded, by number. */
function barsOf(read: ConfigReader, count: number): Map<number, DecodedBar> {
  const bars = new Map<number, DecodedBar>();
  const enabled = read(type0Header.command.offset, 2);
  for (let index = 0; index < count; index++) {
    const at = type0Header.bar.offset + 4 * index;
    const low = read(at, 4);
    const io = (low & barBits.io) !== 0;
    const wide = !io && (low & barBits.typeMask) === barBits.memory64;
    const base = (low & (io ? barBits.ioAddressMask : barBits.memoryAddressMask)) >>> 0;
    const address = wide ? read(at + 4, 4) * 2 ** 32 + base : base;
    if (address !== 0 && (enabled & (io ? command.io : command.memory)) !== 0)
      bars.set(index, { space: io ? 'io' : 'memory', address });
    if (wide) index++;
  }
  return bars;
}

/** The functions of a bus that answer, and those of the buses that its bridges lead to. */
function* functionsOf(bus: ConfigBus, number = 0): Generator<FunctionAddress> {
  for (let device = 0; device < DEVICES; device++)
    for (let fn = 0; fn < 8; fn++) {
      const address = functionAddress(number, device, fn);
      if (bus.configRead(address, type0Header.vendorId.offset, 2) !== NO_FUNCTION) {
        yield address;
        const behind = isBridge(bus, address)
          ? bus.configRead(address, type1Header.secondaryBusNumber.offset, 1)
          : 0;
        // What leads back upwards would lead in a circle.
        if (behind > number) yield* functionsOf(bus, behind);
      } else if (fn === 0) break;
    }
}

/**
 * What stands at a bus's addresses now, read from configuration space as software reads it, and without a write: a BAR
 * that nobody decodes, or that has no address, has no place. Of virtual functions, each is taken to have what the first has.
 * @param functions where they are; by default all of bus 0 and behind its bridges, virtual ones with their owners.
 * @param draft by which MMR functions were made. @param sizes of the BARs of virtual functions, where they are known.
 */
export function placesOf(
  bus: ConfigBus,
  functions: Iterable<FunctionAddress> = functionsOf(bus),
  draft: Draft = draft2023,
  sizes: VirtualSizes = () => undefined,
): AccessPlace[] {
  const places: AccessPlace[] = [];
  for (const fn of functions) {
    const read: ConfigReader = (offset, width) => bus.configRead(fn, offset, width);
    const bars = barsOf(read, headerOf(bus, fn).bar.count);
    const [vendorId, deviceId] = [read(type0Header.vendorId.offset, 2), read(type0Header.deviceId.offset, 2)];
    for (const { name, bar, offset, length } of structuresOf(read, draft, { vendorId, deviceId })) {
      const found = bars.get(bar);
      if (found === undefined || length === 0) continue;
      const target = `${formatFunctionAddress(fn)} BAR${bar} ${name}`;
      places.push({ target, space: found.space, start: found.address + offset, length });
    }
    places.push(...virtualPlaces(bus, fn, draft, sizes));
  }
  return places;
}

/** The place of an address, and how far into it; the first that holds it counts. */
export function placeAt(
  places: readonly AccessPlace[],
  space: 'io' | 'memory',
  address: number,
): { readonly target: string; readonly offset: number } {
  for (const { space: its, target, start, length, run } of places) {
    if (its !== space || address < start) continue;
    const nth =
      run === undefined ? 0 : Math.min(run.count - 1, Math.floor((address - start) / run.everyBytes));
    const offset = address - start - nth * (run?.everyBytes ?? 0);
    if (offset < length) return { target: run?.targetOf(nth + 1) ?? target, offset };
  }
  return { target: '', offset: 0 };
}
