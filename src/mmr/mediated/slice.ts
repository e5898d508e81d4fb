import type { DmaDomain, GuestMemory } from '../../core/index.ts';
import type { PciFunction, Place } from '../../pci/index.ts';
import type { KernelPort } from './kernel-port.ts';
import type { PasidContext } from './pasids.ts';
import type { SliceFunction, SlicePort } from './slice-function.ts';
import type { DeviceMessage } from './software/dev-msi.ts';

/** A type of slices that a parent offers. */
export interface SliceType {
  /** Its folder's name: letters, digits, `-`, `_` and `.`. */
  readonly name: string;
  /** What its file `name` says, in ASCII. */
  readonly title: string;
  readonly description: string;
  /** Queues of the parent that a slice takes, and slots: one for each event of its function. */
  readonly queues: number;
  /** Makes what the guest sees. It is called when the slice is first looked at. */
  make(uuid: string): SliceFunction;
}

/** Where slices are plugged in: a guest's machine, or the host's own. */
export interface SliceHost {
  readonly ram: GuestMemory;
  /** Puts a function into a slot, or throws and changes nothing. @returns a function that takes it out, where `unplug` does not. */
  plug(fn: PciFunction, place: Place, dma: DmaDomain): unknown;
  unplug?(fn: PciFunction): unknown;
  /** Time passes. */
  pause?(): void;
}

export interface SliceAttachOptions {
  /** What the slice may reach; by default all RAM of where it is plugged in. A guest's, where it is presented to one from the host. */
  readonly domain?: DmaDomain;
  /** Its messages go to the guest past the host's handlers. */
  readonly posted?: boolean;
}

/** Interrupts of one slice, by the way in which they came. */
export interface SliceCounts {
  /** By a handler of the host's. */
  delivered: number;
  /** Past it. */
  posted: number;
}

/** A slice in a slot of some machine, with what it has of its parent. */
export interface AttachedSlice {
  readonly host: SliceHost;
  readonly place: Place;
  readonly domain: DmaDomain;
  /** Queues of the parent by event. */
  readonly queues: readonly number[];
  readonly messages: readonly DeviceMessage[];
  readonly context: PasidContext;
  readonly posted: boolean;
  /** What the emulation talks to, and the parent's driver behind it. */
  readonly port: SlicePort;
  readonly kernel: KernelPort;
  readonly takeOut: () => void;
}

/** A mediated device: a share of a parent that a guest takes for a PCI function of its own. */
export class Slice {
  readonly uuid: string;
  readonly type: SliceType;
  readonly counts: SliceCounts = { delivered: 0, posted: 0 };
  attached: AttachedSlice | null = null;
  #made: SliceFunction | null = null;

  constructor(uuid: string, type: SliceType) {
    this.uuid = uuid;
    this.type = type;
  }

  /** What the guest sees, made now if nobody has looked before. */
  get fn(): SliceFunction {
    this.#made ??= this.type.make(this.uuid);
    return this.#made;
  }

  /** Somebody has looked at it. */
  get made(): boolean {
    return this.#made !== null;
  }
}
