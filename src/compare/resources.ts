import { lengthOf } from '../core/index.ts';
import { msixPendingBytes, msixTableBytes } from '../pci/index.ts';
import { commonConfig, type VirtioFunction } from '../virtio/index.ts';

/** What one function takes of a machine, and of the hardware that it is made of, in bytes. */
export interface Resources {
  /** Addresses, as its BARs take them; of a virtual function each is a whole number of pages. */
  readonly barBytes: number;
  /** Ports. A virtual function has none: PCI Express knows no I/O BARs of theirs. */
  readonly portBytes: number;
  /** Registers behind its BARs that somebody has to keep, or to answer for. */
  readonly registerBytes: number;
  /** Configuration space that is not hardwired to zero. */
  readonly configBytes: number;
}

/** The least system page size (PCI Express 5.0, section 9.3.3.12). */
const PAGE_BYTES = 4096;
const NOTIFY_BYTES = 2;
const ISR_BYTES = 1;

/** Bytes of registers in each region, by its name; what is not here takes nothing. */
function registersIn(fn: VirtioFunction, region: string): number {
  const { device, pci } = fn;
  const vectors = pci.msix?.vectors ?? 0;
  const sizes: Readonly<Record<string, number>> = {
    legacy: fn.legacyBytes,
    common: lengthOf(commonConfig),
    isr: ISR_BYTES,
    device: device.config.length,
    notify: NOTIFY_BYTES * device.queueCount,
    'legacy-notify': NOTIFY_BYTES,
    'msix-table': msixTableBytes(vectors),
    'msix-pba': msixPendingBytes(vectors),
  };
  return sizes[region] ?? 0;
}

/** What a function takes, as a virtual function of its kind would. */
export function resourcesOf(fn: VirtioFunction): Resources {
  const { bars, config } = fn.pci;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const memory = bars.filter(({ kind }) => kind !== 'io');
  return {
    barBytes: sum(memory.map(({ lengthBytes }) => Math.max(PAGE_BYTES, lengthBytes))),
    portBytes: sum(bars.filter(({ kind }) => kind === 'io').map(({ lengthBytes }) => lengthBytes)),
    registerBytes: sum(bars.flatMap(({ regions }) => regions.map(({ name }) => registersIn(fn, name)))),
    configBytes: config.inUse(),
  };
}
