import type { Bus, FunctionAddress } from '../core/index.ts';
import { type0Header } from '../pci/layout/index.ts';
import { type BarPlace, type FoundBar, FunctionConfig } from './function-config.ts';
import { DriverSriov } from './sriov.ts';

/**
 * What a virtual function does not tell of itself, and the physical one that owns it does: its ids, and where its BARs are.
 * `bars` are those of the first virtual function.
 */
export interface VirtualOwner {
  readonly physical: FunctionAddress;
  /** Where the SR-IOV capability of the owner stands. */
  readonly capability: number;
  /** Of the virtual function: 1 for the first. */
  readonly index: number;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly bars: readonly FoundBar[];
}

/**
 * Configuration space of a virtual function (PCI Express 5.0, section 9.3.4). It has no ids, no BARs, and no bit that would
 * let it decode anything: all that is read from its owner, at the time of the call.
 */
export class VirtualFunctionConfig extends FunctionConfig {
  readonly owner: VirtualOwner;
  readonly #sriov: DriverSriov;

  constructor(bus: Bus, address: FunctionAddress, owner: VirtualOwner) {
    super(bus, address);
    this.owner = owner;
    this.#sriov = new DriverSriov(new FunctionConfig(bus, owner.physical), owner.capability);
  }

  override get vendorId(): number {
    return this.owner.vendorId;
  }

  override get deviceId(): number {
    return this.owner.deviceId;
  }

  /** Its owner has it, and it answers. */
  override get present(): boolean {
    const { enabled, numVfs, config } = this.#sriov;
    return config.present && enabled && this.owner.index <= numVfs && this.answers;
  }

  override decodes(space: BarPlace['space']): boolean {
    return space === 'memory' && this.#sriov.config.present && this.#sriov.decodes;
  }

  override barPlace(index: number): BarPlace {
    const bar = this.owner.bars.find((each) => each.index === index);
    const first = bar === undefined ? 0 : this.#sriov.barAddress(index);
    return { space: 'memory', address: first === 0 ? 0 : first + (this.owner.index - 1) * bar!.size };
  }

  /** Where they are now; their sizes are known. */
  override measureBars(last: number = type0Header.bar.count - 1): FoundBar[] {
    return this.owner.bars
      .filter(({ index }) => index <= last)
      .map((bar) => ({ ...bar, address: this.barPlace(bar.index).address }));
  }
}
