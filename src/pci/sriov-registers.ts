import { expectAt, lengthOf } from '../core/index.ts';
import type { PciFunction } from './function.ts';
import {
  alternativeRoutingCapability,
  extendedCapabilityId,
  SRIOV_PAGE_BYTES,
  SRIOV_VERSION,
  sriovCapability,
  sriovControl,
} from './layout/index.ts';
import { FUNCTIONS } from './places.ts';
import { VirtualBar } from './virtual-bar.ts';
import type { VirtualFunction } from './virtual-function.ts';
import type { CheckedOptions } from './virtual-options.ts';

const { control, numVfs, systemPageSize } = sriovCapability;

/** What breaks a rule of PCI Express, on which the specification's PCI transport stands. */
const CLAUSE = 'CONF-03';

/** The low bit of a page size register; pages of 4 KiB where it has none. */
const lowestPage = (register: number) => SRIOV_PAGE_BYTES * ((register & -register) >>> 0 || 1);

/** The SR-IOV capability as registers: what software wrote, and where that has the virtual functions' BARs (PCI Express 5.0, section 9.3.3). */
export class SriovRegisters {
  /** Where the capability begins, and how long it is. */
  readonly at: number;
  readonly length = lengthOf(sriovCapability);
  readonly #function: PciFunction;
  readonly #bars: readonly VirtualBar[];
  readonly #total: number;
  /** In force: they cannot change while the functions are there. */
  #numVfs = 0;
  #pages: number = systemPageSize.reset;

  /** @throws CapabilitySpaceError */
  constructor(fn: PciFunction, options: CheckedOptions) {
    this.#function = fn;
    this.#total = options.total;
    const { config, extendedCapabilities } = fn;
    this.at = extendedCapabilities.add(extendedCapabilityId.singleRootIov, SRIOV_VERSION, sriovCapability, {
      initialVfs: options.initial,
      totalVfs: options.total,
      firstVfOffset: options.offset,
      vfStride: options.stride,
      vfDeviceId: options.deviceId,
      supportedPageSizes: options.pageSizes,
    });
    config.setMasks(this.at + systemPageSize.offset, 4, options.pageSizes);
    this.#bars = options.bars.map((bar) => new VirtualBar(config, this.at, bar));
    const { alternativeRoutingId } = extendedCapabilityId;
    if (options.alternativeRouting)
      extendedCapabilities.add(alternativeRoutingId, 1, alternativeRoutingCapability, {});
  }

  #get({ offset, width }: { readonly offset: number; readonly width: number }): number {
    return this.#function.config.get(this.at + offset, width === 4 ? 4 : 2);
  }

  /** NumVFs in force. */
  get numVfs(): number {
    return this.#numVfs;
  }

  /** A bit of control. */
  control(bit: number): boolean {
    return (this.#get(control) & bit) !== 0;
  }

  /** Its function has a place: it depends on nobody. */
  plugged(): void {
    const { slot, config } = this.#function;
    config.wire(this.at + sriovCapability.functionDependencyLink.offset, 1, slot.address % FUNCTIONS);
  }

  #report(message: string, what: string, value: number): void {
    this.#function.report('driver', CLAUSE, message, { what, value });
  }

  /** Software wrote into the capability. @param enabled the functions were there before. */
  follow(enabled: boolean): void {
    if (enabled) this.#keep();
    else {
      this.#numVfs = this.#get(numVfs);
      this.#followPages();
    }
    for (const { whileDecoded, address: value, options } of this.#bars)
      if (whileDecoded !== null)
        this.#report(`VF BAR${options.index} was ${whileDecoded} while it is decoded`, 'address', value);
  }

  /** What must not be written while VF Enable is set is as it was (sections 9.3.3.7, 9.3.3.13). */
  #keep(): void {
    const { config } = this.#function;
    const [count, pages] = [this.#get(numVfs), this.#get(systemPageSize)];
    if (count !== this.#numVfs) {
      config.set(this.at + numVfs.offset, 2, this.#numVfs);
      this.#report('NumVFs was written while VF Enable is set', 'number of functions', count);
    }
    if (pages !== this.#pages) {
      config.set(this.at + systemPageSize.offset, 4, this.#pages);
      this.#report('System Page Size was written while VF Enable is set', 'page size bits', pages);
    }
    for (const bar of this.#bars) bar.pages(lowestPage(this.#pages));
  }

  #followPages(): void {
    const pages = this.#get(systemPageSize);
    if (pages !== this.#pages && Math.log2(pages) % 1 !== 0)
      this.#report('System Page Size is set to no size, or to several', 'page size bits', pages);
    this.#pages = pages;
    for (const bar of this.#bars) bar.pages(lowestPage(pages));
  }

  /** VF Enable was set. */
  judgeCount(): void {
    if (this.#numVfs > this.#total)
      this.#report(
        `VF Enable was set with NumVFs beyond TotalVFs ${this.#total}`,
        'number of functions',
        this.#numVfs,
      );
  }

  /** @returns whether any BAR is decoded elsewhere than before, or no longer. */
  decode(count: number, at: (index: number) => VirtualFunction): boolean {
    let changed = false;
    for (const bar of this.#bars) if (bar.decode(this.#function, count, at)) changed = true;
    return changed;
  }

  /** Takes the BARs out of memory. */
  release(): void {
    for (const bar of this.#bars) bar.release();
  }

  /** After a load, or a reset. */
  restore(): void {
    this.#numVfs = this.#get(numVfs);
    this.#pages = this.#get(systemPageSize);
    for (const bar of this.#bars) bar.pages(lowestPage(this.#pages));
  }

  numVfsIn(config: Uint8Array): number {
    const at = this.at + numVfs.offset;
    return config[at]! | (config[at + 1]! << 8);
  }

  enabledIn(config: Uint8Array): boolean {
    return (config[this.at + control.offset]! & sriovControl.enable) !== 0;
  }

  /** @throws StateMismatchError for a configuration space in which a BAR has an address that its pieces cannot have. */
  check(config: Uint8Array, path: string): void {
    const at = this.at + systemPageSize.offset;
    const pages = [3, 2, 1, 0].reduce((value, i) => value * 256 + config[at + i]!, 0);
    for (const bar of this.#bars)
      expectAt(path)(
        bar.isAligned(config, lowestPage(pages)),
        '',
        bar.options.index,
        `an address of VF BAR${bar.options.index} that is a multiple of its size`,
      );
  }
}
