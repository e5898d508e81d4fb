import {
  type AddressSpace,
  type DmaDomain,
  type Finding,
  type FunctionAddress,
  type Scheduler,
  VirtiolabError,
} from '../core/index.ts';
import type { PciFunction } from './function.ts';
import type { FunctionDirectory } from './pci-bus.ts';

/** What a bus is: the root complex's, a link with one device, the inside of a switch, or a conventional one behind a bridge. */
export type BusKind = 'root' | 'link' | 'switch' | 'conventional';

/** The bridge above a bus, as whoever stands on that bus depends on it. */
export interface Upstream {
  /** It passes DMA and messages of those behind it on. */
  readonly busMaster: boolean;
  readonly leadsTo: BusKind;
}

/** What a board does for a function that has others beside it: virtual functions, which it makes and takes back itself. */
export interface Neighbourhood {
  /** A slot so many places further on, on the function's bus or those whose numbers follow; without an interrupt pin. */
  slotAt(offset: number, dma: DmaDomain): Slot;
  /**
   * Lets a directory answer for places where nobody was plugged: it is asked by how many places further on than the function.
   * @returns a function that ends it.
   */
  addDirectory(directory: FunctionDirectory): () => void;
  /** Software has it, and relies on its being the same for as long as it is there. */
  isWatched(fn: PciFunction): boolean;
  /** It is about to be taken away: memory writes on their way to it arrive. */
  arrive(fn: PciFunction): void;
  /** It was taken away. */
  left(fn: PciFunction): void;
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
  /** The machine stands still: nothing that a function begins by itself may reach memory. */
  readonly halted: boolean;
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
  readonly neighbourhood: Neighbourhood;
}

/** A function that is used before it sits in a slot, or put into a second one. */
export class SlotError extends VirtiolabError {}
