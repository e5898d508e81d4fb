import { type Bus, type FunctionAddress, formatFunctionAddress, functionAddress } from '../core/index.ts';
import { MULTI_FUNCTION, type0Header, type1Header } from '../pci/layout/index.ts';
import { LinkPort, needsForwarding } from './alternative-routing.ts';
import { FunctionConfig } from './function-config.ts';
import type { VirtualRouting } from './sriov.ts';

/** A bridge, by the numbers that software gave to its buses. */
interface Bridge {
  readonly address: FunctionAddress;
  readonly secondary: number;
  readonly subordinate: number;
}

const [DEVICES, FUNCTIONS] = [32, 8];
const MOST_BUS = 255;
const BUS_PLACES = DEVICES * FUNCTIONS;

/** The bridges of a bus, segment << 8 | bus, that lead somewhere; touches nothing but headers. */
function bridgesOf(bus: Bus, number: number): Bridge[] {
  const found: Bridge[] = [];
  for (let device = 0; device < DEVICES; device++)
    for (let fn = 0; fn < FUNCTIONS; fn++) {
      const config = new FunctionConfig(bus, functionAddress(number & 0xff, device, fn, number >>> 8));
      if (config.present && config.isBridge) {
        const secondary = config.read(type1Header.secondaryBusNumber);
        if (secondary > (number & 0xff))
          found.push({
            address: config.address,
            secondary,
            subordinate: config.read(type1Header.subordinateBusNumber),
          });
      }
      if (fn === 0 && (!config.present || (config.read(type0Header.headerType) & MULTI_FUNCTION) === 0))
        break;
    }
  return found;
}

/** The bridges from a root bus to a bus, segment << 8 | bus, and those that stand on that one. */
function wayTo(
  bus: Bus,
  number: number,
): { readonly above: readonly Bridge[]; readonly beside: readonly Bridge[] } {
  const above: Bridge[] = [];
  const segment = number & ~0xff;
  for (let at = 0; ; ) {
    const bridges = bridgesOf(bus, segment | at);
    if (at === (number & 0xff)) return { above, beside: bridges };
    const next = leadingTo(bridges, number & 0xff);
    // A bus that no bridge leads to is a root bus of its own.
    if (next === undefined) return { above: [], beside: [] };
    above.push(next);
    at = next.secondary;
  }
}

const leadingTo = (bridges: readonly Bridge[], number: number) =>
  bridges.find(({ secondary, subordinate }) => secondary <= number && number <= subordinate);

/** The last routing id that virtual functions have on the bus of their physical function; null where none is there. */
function lastBeside(
  physical: FunctionAddress,
  { offset, stride }: VirtualRouting,
  count: number,
): number | null {
  const room = BUS_PLACES - 1 - (physical % BUS_PLACES) - offset;
  if (room < 0) return null;
  return physical + offset + stride * Math.min(count - 1, stride === 0 ? 0 : Math.floor(room / stride));
}

/**
 * Why some of the addresses that the virtual functions of a function have, on its bus or following ones, are none that accesses reach by way
 * of its bus; null where all are.
 */
export function whyOutOfReach(
  bus: Bus,
  physical: FunctionAddress,
  routing: VirtualRouting,
  count: number,
): string | null {
  const last = physical + routing.offset + (count - 1) * routing.stride;
  const [own, wanted] = [(physical >>> 8) & 0xff, (last >>> 8) & 0xff];
  const beside = lastBeside(physical, routing, count);
  const looks = beside !== null && needsForwarding(beside);
  if (wanted === own && !looks) return null;
  const way = wayTo(bus, physical >>> 8);
  const above = way.above.at(-1);
  if (looks && above !== undefined && LinkPort.find(bus, above.address)?.forwards === false)
    return `port ${formatFunctionAddress(above.address)} forwards no accesses to ${formatFunctionAddress(beside)}, whose device number is not 0`;
  if (wanted === own) return null;
  const taken = leadingTo(way.beside, wanted);
  if (taken !== undefined)
    return `bus ${wanted} is behind a bridge that leads to ${taken.secondary}..${taken.subordinate}`;
  const end = Math.min(MOST_BUS, ...way.above.map(({ subordinate }) => subordinate));
  return wanted > end ? `bus ${wanted} is beyond ${end}, the last that the bridge above leads to` : null;
}
