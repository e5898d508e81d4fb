import type { Bus, FunctionAddress, Register } from '../core/index.ts';
import {
  extendedCapabilityId,
  SRIOV_PAGE_BYTES,
  sriovCapability,
  sriovControl,
} from '../pci/layout/index.ts';
import { barPlaceAt, type FoundBar, FunctionConfig } from './function-config.ts';

const { bar, firstVfOffset, numVfs, supportedPageSizes, systemPageSize } = sriovCapability;

/** Where virtual functions are, in routing ids: the first after the physical one, and each after the one before. */
export interface VirtualRouting {
  readonly offset: number;
  readonly stride: number;
}

/** Control bits that together let software reach virtual functions. */
export const VIRTUAL_DECODED = sriovControl.enable | sriovControl.memorySpace;

/** Bytes that a BAR of a virtual function can have. */
const LARGEST_BAR = 2 ** 52;

const isPowerOfTwo = (value: number) => Number.isInteger(Math.log2(value));

/**
 * The SR-IOV capability of a physical function, in the hands of the software that has that function (PCI Express 5.0, section
 * 9.3.3). Everything is read when it is asked for: offset and stride change with NumVFs, places with what firmware writes.
 */
export class DriverSriov {
  readonly config: FunctionConfig;
  /** Where the capability stands, in bytes. */
  readonly at: number;

  constructor(config: FunctionConfig, at: number) {
    this.config = config;
    this.at = at;
  }

  /** @returns null where the function has no such capability. */
  static find(bus: Bus, physical: FunctionAddress): DriverSriov | null {
    const config = new FunctionConfig(bus, physical);
    const at = config.findExtended(extendedCapabilityId.singleRootIov);
    return at === 0 ? null : new DriverSriov(config, at);
  }

  #read(register: Register): number {
    return this.config.read(register, this.at);
  }

  /** Virtual functions at most, as the function was built. */
  get totalVfs(): number {
    return this.#read(sriovCapability.totalVfs);
  }

  /** Those that may be enabled: as many as there are at most, unless some are somebody else's. */
  get availableVfs(): number {
    return Math.min(this.#read(sriovCapability.initialVfs), this.totalVfs);
  }

  /** Device id of each virtual function; the vendor is that of the physical one. */
  get vfDeviceId(): number {
    return this.#read(sriovCapability.vfDeviceId);
  }

  get control(): number {
    return this.#read(sriovCapability.control);
  }

  /** VF Enable is set: there are virtual functions. */
  get enabled(): boolean {
    return (this.control & sriovControl.enable) !== 0;
  }

  /** There are some, and their BARs are decoded. */
  get decodes(): boolean {
    return (this.control & VIRTUAL_DECODED) === VIRTUAL_DECODED;
  }

  /** Sets and clears bits of the control register. */
  setControl(set: number, clear = 0): void {
    this.config.write(sriovCapability.control, (this.#read(sriovCapability.control) | set) & ~clear, this.at);
  }

  /** Virtual functions that are enabled, or will be; to be set while none is. */
  get numVfs(): number {
    return this.#read(numVfs);
  }

  set numVfs(count: number) {
    this.config.write(numVfs, count, this.at);
  }

  /** Where they are at the present NumVFs. */
  get routing(): VirtualRouting {
    // Both in one access: whoever looks for the largest asks for every NumVFs.
    const both = this.config.readAt(this.at + firstVfOffset.offset, 4);
    return { offset: both & 0xffff, stride: both >>> 16 };
  }

  /** Bytes of the pages to multiples of which BARs of virtual functions are rounded up. */
  get pageBytes(): number {
    const bits = this.#read(systemPageSize);
    return bits === 0 ? SRIOV_PAGE_BYTES : SRIOV_PAGE_BYTES * (bits & -bits);
  }

  /**
   * Leaves the page size as it is where the function supports it, and else takes the smallest that it does support. Nothing
   * is changed while there are virtual functions.
   */
  settlePageSize(): void {
    const supported = this.#read(supportedPageSizes);
    const now = this.#read(systemPageSize);
    const settled = isPowerOfTwo(now) && (now & supported) !== 0;
    if (!settled && supported !== 0 && !this.enabled)
      this.config.write(systemPageSize, (supported & -supported) >>> 0, this.at);
  }

  /**
   * Measures the BARs, while they are not decoded: `size` is that of one virtual function in whole pages, `address` that of
   * the first one's. A BAR in I/O space, or of a size that cannot be, is none.
   */
  measureBars(): FoundBar[] {
    const { memorySpace } = sriovControl;
    const decoded = (this.control & memorySpace) !== 0;
    if (decoded) this.setControl(0, memorySpace);
    const found = this.config.measureAt(this.at + bar.offset, bar.count);
    if (decoded) this.setControl(memorySpace);
    const { pageBytes } = this;
    return found
      .filter(({ kind, size }) => kind !== 'io' && isPowerOfTwo(size) && size <= LARGEST_BAR)
      .map((each) => ({ ...each, size: Math.max(each.size, pageBytes) }));
  }

  /** Where a BAR of the first virtual function is now; 0 for nowhere. */
  barAddress(index: number): number {
    const { space, address } = barPlaceAt(this.config.readAt, this.at + bar.offset + 4 * index);
    return space === 'io' ? 0 : address;
  }

  /** Writes an address into a BAR, while it is not decoded. */
  placeBar(found: FoundBar, address: number): void {
    this.config.placeBar(found, address, this.at + bar.offset);
  }

  /**
   * The farthest that a virtual function can be from its physical one, in routing ids: the largest of every NumVFs, of the
   * present one alone while they are enabled. Those that a NumVFs leads nowhere do not count.
   */
  farthest(): number {
    const now = this.numVfs;
    if (this.enabled) return farthestOf(this.routing, now);
    let farthest = 0;
    for (let count = this.totalVfs; count > 0; count--) {
      this.numVfs = count;
      farthest = Math.max(farthest, farthestOf(this.routing, count));
    }
    this.numVfs = now;
    return farthest;
  }
}

/** How far the last of `count` virtual functions is; 0 where there is none, or they have no places of their own. */
export const farthestOf = ({ offset, stride }: VirtualRouting, count: number): number =>
  count === 0 || offset === 0 || (count > 1 && stride === 0) ? 0 : offset + (count - 1) * stride;
