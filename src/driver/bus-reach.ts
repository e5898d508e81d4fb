import { type Bus, type FunctionAddress, functionAddress } from '../core/index.ts';
import { MULTI_FUNCTION, type0Header, type1Header } from '../pci/layout/index.ts';
import { FunctionConfig } from './function-config.ts';

/** A bridge, by the numbers that software gave to its buses. */
interface Bridge {
  readonly secondary: number;
  readonly subordinate: number;
}

const [DEVICES, FUNCTIONS] = [32, 8];
const MOST_BUS = 255;

/** The bridges of a bus, segment << 8 | bus, that lead somewhere; touches nothing but headers. */
function bridgesOf(bus: Bus, number: number): Bridge[] {
  const found: Bridge[] = [];
  for (let device = 0; device < DEVICES; device++)
    for (let fn = 0; fn < FUNCTIONS; fn++) {
      const config = new FunctionConfig(bus, functionAddress(number & 0xff, device, fn, number >>> 8));
      if (config.present && config.isBridge) {
        const secondary = config.read(type1Header.secondaryBusNumber);
        if (secondary > (number & 0xff))
          found.push({ secondary, subordinate: config.read(type1Header.subordinateBusNumber) });
      }
      if (fn === 0 && (!config.present || (config.read(type0Header.headerType) & MULTI_FUNCTION) === 0))
        break;
    }
  return found;
}

/**
 * Why an address that virtual functions of a function lead to, on the bus of that function or a following one, is none that
 * accesses reach by way of its bus; null where it is one.
 */
export function whyOutOfReach(bus: Bus, physical: FunctionAddress, virtual: FunctionAddress): string | null {
  const [own, wanted] = [(physical >>> 8) & 0xff, (virtual >>> 8) & 0xff];
  if (wanted === own) return null;
  const segment = (physical >>> 16) << 8;
  let last = MOST_BUS;
  for (let at = 0; ; ) {
    const bridges = bridgesOf(bus, segment | at);
    const leadsTo = (number: number) =>
      bridges.find(({ secondary, subordinate }) => secondary <= number && number <= subordinate);
    const next = leadsTo(at === own ? wanted : own);
    if (at === own && next !== undefined)
      return `bus ${wanted} is behind a bridge that leads to ${next.secondary}..${next.subordinate}`;
    // A bus that no bridge leads to is a root bus of its own.
    if (at === own || next === undefined) break;
    at = next.secondary;
    last = Math.min(last, next.subordinate);
  }
  return wanted > last ? `bus ${wanted} is beyond ${last}, the last that the bridge above leads to` : null;
}
