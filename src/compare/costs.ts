import { OptionError } from '../core/index.ts';
import { type CountName, type Counts, countNames } from './counts.ts';

interface Cost {
  /** Nanoseconds that one of it takes. */
  readonly ns: number;
  /** Where the number is from; what is assumed says so. */
  readonly source: string;
}

const PCIE_BENCH =
  'Neugebauer et al., "Understanding PCIe performance for end host networking", SIGCOMM 2018: a read of 64 bytes over PCIe 3.0 takes about half a microsecond';
const ASSUMED = 'assumed: measure it where you are, and say so in a table of your own';

/**
 * What things take, one after the other, where nothing else says so. It is a model: nothing overlaps in it, and nothing waits.
 */
export const defaultCosts: Readonly<Record<CountName, Cost>> = {
  portExits: { ns: 2000, source: `an exit that a process handles; ${ASSUMED}` },
  memoryExits: { ns: 2500, source: `the same, with an instruction to be decoded; ${ASSUMED}` },
  configExits: { ns: 2000, source: `as portExits; ${ASSUMED}` },
  memoryReads: { ns: 550, source: PCIE_BENCH },
  postedWrites: { ns: 60, source: `the processor does not wait for it; ${ASSUMED}` },
  portAccesses: { ns: 1000, source: `non-posted, and serialises the processor; ${ASSUMED}` },
  configAccesses: { ns: 1000, source: `as portAccesses; ${ASSUMED}` },
  adminCommands: {
    ns: 5000,
    source: `what the owner's firmware takes beside the transfers, which are counted; ${ASSUMED}`,
  },
  dmaReads: { ns: 550, source: PCIE_BENCH },
  dmaReadBytes: {
    ns: 0.15,
    source: '6.6 GB/s: eight lanes of PCIe 3.0 less the heads of packets of 256 bytes',
  },
  dmaWrites: { ns: 60, source: `posted; ${ASSUMED}` },
  dmaWrittenBytes: { ns: 0.15, source: 'as dmaReadBytes' },
  interrupts: { ns: 1000, source: `to the handler's first instruction; ${ASSUMED}` },
  guestInterrupts: { ns: 1500, source: `injected by a process; ${ASSUMED}` },
};

/** Nanoseconds for each thing that is counted. */
export type CostTable = Readonly<Record<CountName, number>>;

/** A table of costs that cannot be read. */
export class CostError extends OptionError {}

const names = Object.keys(countNames) as CountName[];

/**
 * A table of costs: the default one, with other numbers for what `own` names: `{ "portExits": 1200 }`, in nanoseconds.
 * @throws CostError
 */
export function costTable(own: unknown = {}): CostTable {
  if (typeof own !== 'object' || own === null || Array.isArray(own))
    throw new CostError('costs', own, 'an object of nanoseconds by name');
  for (const [name, ns] of Object.entries(own)) {
    if (!names.includes(name as CountName))
      throw new CostError(`costs.${name}`, ns, `none but ${names.join(', ')}`);
    if (typeof ns !== 'number' || !Number.isFinite(ns) || ns < 0)
      throw new CostError(`costs.${name}`, ns, 'nanoseconds, at least 0');
  }
  const table = own as Partial<CostTable>;
  return Object.fromEntries(names.map((name) => [name, table[name] ?? defaultCosts[name].ns])) as CostTable;
}

/** Nanoseconds that counted things take by a table. */
export const modelledNs = (counts: Counts, costs: CostTable): number =>
  names.reduce((sum, name) => sum + counts[name] * costs[name], 0);
