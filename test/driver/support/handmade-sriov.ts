import { DmaDomain, type FunctionAddress } from '../../../src/core/index.ts';
import type { VirtualRouting } from '../../../src/driver/index.ts';
import type { FunctionDirectory, Machine, PciFunction, Place } from '../../../src/pci/index.ts';
import {
  extendedCapabilityId,
  SRIOV_VERSION,
  sriovCapability,
  type sriovControl,
} from '../../../src/pci/layout/index.ts';
import { bareFunction } from '../../pci/support.ts';

/** Offsets in the SR-IOV capability, and its control bits, as the specification numbers them. */
export const sriovAt = {
  control: 0x08,
  initialVfs: 0x0c,
  totalVfs: 0x0e,
  numVfs: 0x10,
  offset: 0x14,
  stride: 0x16,
  deviceId: 0x1a,
  pages: 0x1c,
  page: 0x20,
  bar: 0x24,
} as const;
export const VF_ENABLE: (typeof sriovControl)['enable'] = 1;
export const VF_MSE: (typeof sriovControl)['memorySpace'] = 8;
export const VF_ARI: (typeof sriovControl)['alternativeRoutingHierarchy'] = 16;

/** A VF BAR: the bits that software can write, of each of its registers, and the flags that it reads. */
export interface HandmadeBar {
  readonly index: number;
  readonly flags: number;
  readonly low: number;
  readonly high?: number;
}

/** A memory BAR of so many bytes, below 4 GiB at most. */
export const memory32 = (index: number, bytes: number): HandmadeBar => ({
  index,
  flags: 0,
  low: -bytes >>> 0,
});
export const memory64 = (index: number, bytes: number, prefetchable = true): HandmadeBar => ({
  index,
  flags: prefetchable ? 0xc : 0x4,
  low: -bytes >>> 0,
  high: 0xffffffff,
});

export interface HandmadeOptions {
  readonly total?: number;
  readonly initial?: number;
  /** Where virtual functions are, by NumVFs and whether the ARI bit is set; by default right behind the physical function. */
  readonly routing?: (count: number, ari: boolean) => VirtualRouting;
  readonly bars?: readonly HandmadeBar[];
  readonly supportedPages?: number;
  readonly page?: number;
  readonly vendorId?: number;
  readonly deviceId?: number;
  /** What NumVFs keeps of what is written; by default all. */
  readonly keeps?: (count: number) => number;
  /** Control bits that software can set; by default those of the table. */
  readonly controls?: number;
  /** A virtual function, by its number from 1 on; undefined for one that never answers. */
  readonly make?: (index: number) => PciFunction | undefined;
}

/** Configuration space of a virtual function: no ids, no BARs, bus mastering and nothing else to be switched. */
export function plainVirtual(
  fn: PciFunction = bareFunction({ express: true, interruptPin: 0 }),
): PciFunction {
  fn.config.wire(0, 4, 0xffffffff);
  fn.config.setMasks(0x04, 2, 0x0004);
  for (let index = 0; index < 6; index++) {
    fn.config.setMasks(0x10 + 4 * index, 4, 0);
    fn.config.wire(0x10 + 4 * index, 4, 0);
  }
  return fn;
}

/**
 * A physical function made by hand, whose registers say and do whatever the test wants. Its virtual functions have
 * configuration space, and nothing of its BARs is decoded: what the device side of this project does is not asked.
 */
export class HandmadePhysical {
  readonly fn: PciFunction;
  readonly at: number;
  readonly made = new Map<number, PciFunction>();
  readonly #options: HandmadeOptions;

  constructor(options: HandmadeOptions = {}) {
    this.#options = options;
    const {
      total = 8,
      initial = total,
      bars = [memory64(0, 0x4000)],
      supportedPages = 0x553,
      page = 1,
    } = options;
    this.fn = bareFunction({
      express: true,
      ...(options.vendorId === undefined ? {} : { vendorId: options.vendorId }),
    });
    const { config, extendedCapabilities } = this.fn;
    const at = extendedCapabilities.add(extendedCapabilityId.singleRootIov, SRIOV_VERSION, sriovCapability, {
      initialVfs: initial,
      totalVfs: total,
      vfDeviceId: options.deviceId ?? 0x1041,
      supportedPageSizes: supportedPages,
      systemPageSize: page,
    });
    this.at = at;
    if (options.controls !== undefined) config.setMasks(at + sriovAt.control, 2, options.controls);
    for (const { index, flags, low, high } of bars) {
      const register = at + sriovAt.bar + 4 * index;
      config.set(register, 4, flags);
      config.setMasks(register, 4, low);
      if (high !== undefined) config.setMasks(register + 4, 4, high);
    }
    this.#follow();
    config.onWrite(at + sriovAt.control, sriovAt.stride - sriovAt.control, () => this.#follow());
  }

  get #control(): number {
    return this.fn.config.get(this.at + sriovAt.control, 2);
  }

  #follow(): void {
    const { config } = this.fn;
    const { routing = () => ({ offset: 1, stride: 1 }), keeps = (count: number) => count } = this.#options;
    const count = keeps(config.get(this.at + sriovAt.numVfs, 2));
    config.set(this.at + sriovAt.numVfs, 2, count);
    const { offset, stride } = routing(count, (this.#control & VF_ARI) !== 0);
    config.set(this.at + sriovAt.offset, 2, offset);
    config.set(this.at + sriovAt.stride, 2, stride);
    if ((this.#control & VF_ENABLE) === 0) this.made.clear();
  }

  /** Puts it into a machine, with a directory of its virtual functions. */
  plug(machine: Machine, place: Place): this {
    machine.plug(this.fn, place);
    const own = this.fn.slot.address & 0xff;
    machine.addDirectory(place, (slotAt): FunctionDirectory => {
      const at = (place: number) => {
        const { config } = this.fn;
        const [offset, stride, count] = [sriovAt.offset, sriovAt.stride, sriovAt.numVfs].map((each) =>
          config.get(this.at + each, 2),
        ) as [number, number, number];
        if ((this.#control & VF_ENABLE) === 0 || stride === 0) return undefined;
        const index = (place - own - offset) / stride + 1;
        if (!Number.isInteger(index) || index < 1 || index > count) return undefined;
        let fn = this.made.get(index);
        if (fn === undefined) {
          fn = this.#options.make === undefined ? plainVirtual() : this.#options.make(index);
          if (fn === undefined) return undefined;
          fn.plug(slotAt(place, new DmaDomain(machine.ram)));
          this.made.set(index, fn);
        }
        return fn;
      };
      return { at, made: this.made.values() };
    });
    return this;
  }

  get address(): FunctionAddress {
    return this.fn.slot.address;
  }

  get(register: keyof typeof sriovAt, width: 1 | 2 | 4 = 2): number {
    return this.fn.config.get(this.at + sriovAt[register], width);
  }

  /** Address in a VF BAR of 64 bits. */
  bar(index: number): number {
    const register = this.at + sriovAt.bar + 4 * index;
    const low = this.fn.config.get(register, 4);
    const high = (low & 0x6) === 4 ? this.fn.config.get(register + 4, 4) : 0;
    return high * 2 ** 32 + ((low & ~0xf) >>> 0);
  }
}
