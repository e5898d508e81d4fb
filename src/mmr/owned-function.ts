import { type DmaDomain, VirtiolabError } from '../core/index.ts';
import { type DmaMemory, type DrivenOwner, driveOwner, type FoundFunction } from '../driver/index.ts';
import type { Machine } from '../pci/index.ts';
import {
  Administration,
  type AdministrationOptions,
  type DeviceBehaviour,
  type DeviceType,
  EntropyDevice,
  type VirtioFunction,
  type VirtioVirtualFunctions,
  VirtualMembers,
  virtioFunction,
  virtualFunctions,
} from '../virtio/index.ts';
import type { AdminMember } from './access/admin.ts';
import type { MmrFunctionOptions } from './mmr-function.ts';
import { mmrVirtualFunctions } from './mmr-virtual-functions.ts';

/** A virtual function is asked for that its owner's driver has not enabled, or it is enabled a second time. */
export class OwnedFunctionError extends VirtiolabError {}

/** How the virtual function is built, and its owner's administration where it has one. */
export interface OwnedFunctionOptions extends Omit<MmrFunctionOptions, 'administration'> {
  readonly administration?: Omit<AdministrationOptions, 'members' | 'legacy'>;
}

/** A virtual function once its owner's driver has enabled it. */
export interface EnabledFunction {
  readonly fn: VirtioFunction;
  readonly found: FoundFunction;
  readonly owner: DrivenOwner;
  /** By whose commands its legacy registers are reached; null where they are in a BAR. */
  readonly member: AdminMember | null;
}

/** The one virtual function of an owner, around a device. What is plugged into a host is the owner. */
export class OwnedFunction {
  readonly type: DeviceType;
  readonly owner: VirtioFunction;
  readonly #virtual: VirtioVirtualFunctions;
  readonly #bigEndian: boolean;
  #enabled: EnabledFunction | null = null;

  /** @param add gives the owner its virtual functions. */
  constructor(
    behaviour: DeviceBehaviour,
    owner: VirtioFunction,
    add: (
      owner: VirtioFunction,
      places: { total: 1; once: true; make: () => DeviceBehaviour },
    ) => VirtioVirtualFunctions,
    bigEndian: boolean,
  ) {
    this.type = behaviour.type;
    this.owner = owner;
    this.#virtual = add(owner, { total: 1, once: true, make: () => behaviour });
    this.#bigEndian = bigEndian;
  }

  get pci() {
    return this.owner.pci;
  }

  /** Null before its owner's driver has enabled it. */
  get enabled(): EnabledFunction | null {
    return this.#enabled;
  }

  /** The virtual function itself. @throws OwnedFunctionError while there is none. */
  get fn(): VirtioFunction {
    if (this.#enabled === null)
      throw new OwnedFunctionError(`the virtual function of ${this.pci.name} is not enabled yet`);
    return this.#enabled.fn;
  }

  /**
   * Has the driver of its owner enable it. The owner is plugged into the host, whose firmware has run; the driver's state is saved and
   * loaded with the owner's from now on.
   * @param domain what its DMA reaches. @param memory of the host, for the owner's driver.
   * @throws OwnedFunctionError for a second time; as {@link driveOwner}
   */
  enable(host: Machine, domain: DmaDomain, memory: DmaMemory): EnabledFunction {
    const { pci } = this;
    if (this.#enabled !== null)
      throw new OwnedFunctionError(`the virtual function of ${pci.name} is enabled already`);
    this.#virtual.pci.assign(1, domain);
    const owner = driveOwner(host, pci.slot.address, 1, memory);
    const { admin, found } = owner;
    if (admin !== null) pci.parts.set('driver', admin);
    const fn = this.#virtual.keep(1)!;
    const member = admin && {
      ...{ driver: admin, owner: found, memberId: 1, bigEndian: this.#bigEndian },
      configBytes: fn.device.config.length,
    };
    this.#enabled = { fn, found: owner.functions.find(1)!, owner, member };
    return this.#enabled;
  }
}

/** The owner's own device: it is left alone. */
const ownDevice = () => new EntropyDevice();

const isBigEndian = ({ guestEndian }: OwnedFunctionOptions) => guestEndian === 'big';

/** An MMR function that is a virtual one. @throws as {@link mmrVirtualFunctions} */
export function ownedMmrFunction(
  behaviour: DeviceBehaviour,
  { administration: _, ...options }: OwnedFunctionOptions = {},
): OwnedFunction {
  const owner = virtioFunction(ownDevice(), { kind: 'modern', express: true });
  const add = (fn: VirtioFunction, places: { total: 1; once: true; make: () => DeviceBehaviour }) =>
    mmrVirtualFunctions(fn, { ...options, ...places });
  return new OwnedFunction(behaviour, owner, add, isBigEndian(options));
}

/** A modern function that is a virtual one, and whose legacy registers its owner's commands reach. @throws as {@link virtualFunctions} */
export function ownedMember(
  behaviour: DeviceBehaviour,
  { administration: options = {}, ...built }: OwnedFunctionOptions = {},
): OwnedFunction {
  const members = new VirtualMembers();
  const administration = new Administration({ ...options, members, legacy: {} });
  const owner = virtioFunction(ownDevice(), { kind: 'modern', express: true, administration });
  const add = (fn: VirtioFunction, places: { total: 1; once: true; make: () => DeviceBehaviour }) =>
    virtualFunctions(fn, { ...built, ...places, members, legacyCommands: true });
  return new OwnedFunction(behaviour, owner, add, isBigEndian(built));
}
