import {
  type AddressSpace,
  type DmaDomain,
  type Finding,
  type FunctionAddress,
  type Scheduler,
  VirtiolabError,
} from '../core/index.ts';

/** What a bus is: the root complex's, a link with one device, the inside of a switch, or a conventional one behind a bridge. */
export type BusKind = 'root' | 'link' | 'switch' | 'conventional';

/** The bridge above a bus, as whoever stands on that bus depends on it. */
export interface Upstream {
  /** It passes DMA and messages of those behind it on. */
  readonly busMaster: boolean;
  readonly leadsTo: BusKind;
}

/** What a machine gives to the function in one of its slots. */
export interface Slot {
  /** Where software finds it: behind a bridge, by the bus number that the bridge has at the time. */
  readonly address: FunctionAddress;
  /** The same in words that stay true whatever numbers software gives to buses: `00:02.0/00.0` behind a bridge. */
  readonly path: string;
  /** Null on a root bus. */
  readonly upstream: Upstream | null;
  readonly io: AddressSpace;
  readonly memory: AddressSpace;
  readonly dma: DmaDomain;
  readonly scheduler: Scheduler;
  report(finding: Finding): void;
  /** The line that the pin reaches, which board firmware fills in: it alone knows the wiring. Null where it does not. */
  readonly interruptLine: number | null;
  /** Level of the interrupt pin. */
  setLine(asserted: boolean): void;
  sendMessage(addressLow: number, addressHigh: number, data: number): void;
  /**
   * Somebody else keeps the MSI-X table that counts, as the one who attaches to a device in another process does: what the
   * function's own says of masks and messages is nothing to go by, and it sends vectors by their numbers.
   */
  readonly tableElsewhere: boolean;
  sendVector(vector: number): void;
}

/** A function that is used before it sits in a slot, or put into a second one. */
export class SlotError extends VirtiolabError {}
