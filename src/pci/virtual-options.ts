import { OptionError } from '../core/index.ts';
import { BarError, checkBar, checkRegistersFree } from './bar-contents.ts';
import type { PciFunction } from './function.ts';
import { type BarIndex, type BarKind, SRIOV_PAGE_BYTES, sriovCapability } from './layout/index.ts';
import type { VirtualFunction } from './virtual-function.ts';

/** A BAR that every virtual function has. `lengthBytes` is a power of two; each takes a system page at the least. */
export interface VirtualBarOptions {
  readonly index: BarIndex;
  readonly kind: Exclude<BarKind, 'io'>;
  readonly lengthBytes: number;
  readonly prefetchable?: boolean;
}

export interface VirtualFunctionsOptions {
  /** TotalVFs, 1..65535. */
  readonly total: number;
  /** InitialVFs: by default all, which is what a function without migration says. */
  readonly initial?: number;
  /** Routing ids from the physical function to the first, and from one to the next; by default 1. */
  readonly offset?: number;
  readonly stride?: number;
  /** What drivers take a virtual function for: its own device id reads 0xffff. */
  readonly deviceId: number;
  /** Supported page sizes: bit n for 4096 * 2**n bytes; by default those that every function has to support. */
  readonly pageSizes?: number;
  readonly bars?: readonly VirtualBarOptions[];
  /** The capability for alternative routing ids; by default it is there. */
  readonly alternativeRouting?: boolean;
  /**
   * So many exist as objects at a time, by default 64: of others that were touched and are asleep their state is kept only
   * ({@link FunctionDevice.asleep}).
   */
  readonly live?: number;
  /** Each can be made once only, as around a device that somebody else has: a state without those that are there is refused. */
  readonly once?: boolean;
  /**
   * Makes function 1..total as it is after power-on. It is called when software first touches the function, again where it comes
   * back after its state alone was kept, and to look at a saved state: what it makes for a number has to be alike each
   * time, with the same back ends.
   */
  make(index: number): VirtualFunction;
}

/** Virtual functions that cannot be. */
export class VirtualFunctionsError extends OptionError {}

const MOST = 0xffff;
const DEFAULT_LIVE = 64;

export type CheckedOptions = Required<VirtualFunctionsOptions>;

/** @throws VirtualFunctionsError, BarError */
export function checkVirtualOptions(fn: PciFunction, options: VirtualFunctionsOptions): CheckedOptions {
  const { total, deviceId, bars = [], alternativeRouting = true, live = DEFAULT_LIVE, make } = options;
  const { once = false } = options;
  const { initial = total, offset = 1, stride = 1 } = options;
  const { pageSizes = sriovCapability.supportedPageSizes.reset } = options;
  const whole = (option: string, value: number, least: number, most: number) => {
    if (!Number.isInteger(value) || value < least || value > most)
      throw new VirtualFunctionsError(option, value, `a whole number of ${least}..${most}`);
  };
  if (fn.virtualFunctions !== null)
    throw new VirtualFunctionsError('virtual functions', fn.name, 'a function that has none yet');
  if (fn.plugged) throw new VirtualFunctionsError('function', fn.name, 'one that is not plugged in yet');
  whole('total', total, 1, MOST);
  whole('initial', initial, 0, total);
  whole('offset', offset, 1, MOST);
  whole('stride', stride, 0, MOST);
  whole('deviceId', deviceId, 0, MOST);
  whole('live', live, 1, MOST);
  if (stride === 0 && total > 1)
    throw new VirtualFunctionsError(
      'stride',
      stride,
      `1 at the least: ${total} functions have one place else`,
    );
  if (offset + (total - 1) * stride > MOST)
    throw new VirtualFunctionsError(
      'total',
      total,
      `at most ${Math.floor((MOST - offset) / stride) + 1} functions, which is where routing ids end`,
    );
  if (!Number.isInteger(pageSizes) || pageSizes < 0 || pageSizes > 0xffffffff || pageSizes % 2 === 0)
    throw new VirtualFunctionsError('pageSizes', pageSizes, '32 bits with bit 0, pages of 4 KiB, among them');
  for (const [i, bar] of bars.entries()) {
    checkBar({ ...bar, regions: [] });
    if ((bar.kind as BarKind) === 'io')
      throw new BarError(bar.index, 'virtual functions have memory BARs only');
    checkRegistersFree(bars.slice(0, i), bar);
    const all = Math.max(bar.lengthBytes, SRIOV_PAGE_BYTES) * total;
    const room = bar.kind === 'memory32' ? 2 ** 32 : 2 ** 52;
    if (all >= room)
      throw new BarError(
        bar.index,
        `${total} of ${bar.lengthBytes} bytes: no address space has room for them`,
      );
  }
  return { total, initial, offset, stride, deviceId, pageSizes, bars, alternativeRouting, live, once, make };
}
