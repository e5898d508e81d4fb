import { DmaDomain, type GuestMemory, VirtiolabError } from '../core/index.ts';
import { type EnabledVirtualFunctions, FunctionGoneError, resetFunction } from '../driver/index.ts';
import type { PciFunction, Place } from '../pci/index.ts';
import { refusePresented } from './access/held-function.ts';
import { ForeignDomainError } from './two-machines.ts';
import { type PresentedFunction, type PresentOptions, presentLegacy } from './virtual-function.ts';

/** A guest, as far as functions are given to it: an in-process machine is one, and so is the board of a v86 machine. */
export interface GuestMachine {
  readonly ram: GuestMemory;
  /** Puts a function into a slot, or throws and changes nothing. @returns a function that takes it out, where `unplug` does not. */
  plug(fn: PciFunction, place: Place): unknown;
  unplug?(fn: PciFunction): unknown;
}

/** Says what memory each virtual function reaches: what programs an IOMMU. */
export interface DmaRemapping {
  /** @param domain null for none that a guest has. */
  assign(index: number, domain: DmaDomain | null): void;
}

export interface AttachOptions extends PresentOptions {
  /** What the function may reach of the guest's RAM; by default all. It ends with the attachment. */
  readonly domain?: DmaDomain;
}

/** A virtual function in the hands of a guest. */
export interface Attachment {
  readonly index: number;
  readonly guest: GuestMachine;
  readonly place: Place;
  readonly domain: DmaDomain;
  readonly presented: PresentedFunction;
}

/** A virtual function that a guest has already, or that none has. */
export class AttachmentError extends VirtiolabError {
  readonly index: number;

  constructor(index: number, why: string) {
    super(`virtual function ${index}: ${why}`);
    this.index = index;
  }
}

interface Held extends Attachment {
  readonly takeOut: () => void;
}

/**
 * Gives the virtual functions of one physical function to guests, each as a legacy function of its own, and takes them back.
 * What a guest did with its function is gone when that is taken back: the next one finds it as after power-on.
 */
export class Hypervisor {
  readonly functions: EnabledVirtualFunctions;
  readonly #remapping: DmaRemapping;
  readonly #options: PresentOptions;
  readonly #held = new Map<number, Held>();

  /** @param options how functions are presented where nothing else is said. */
  constructor(functions: EnabledVirtualFunctions, remapping: DmaRemapping, options: PresentOptions = {}) {
    this.functions = functions;
    this.#remapping = remapping;
    this.#options = options;
  }

  /** Who has which function, in the order of their numbers. */
  list(): Attachment[] {
    return [...this.#held.values()].sort((a, b) => a.index - b.index);
  }

  /** @returns null for a function that no guest has. */
  find(index: number): Attachment | null {
    return this.#held.get(index) ?? null;
  }

  /**
   * Gives a function to a guest, in a slot of the guest's machine, where its firmware has not run yet or knows hot plug. All or
   * nothing.
   * @throws VirtualFunctionIndexError; AttachmentError for one that a guest has; AlreadyPresentedError for one that is presented
   * by others; ForeignDomainError; FunctionGoneError where it does not answer; what the machine throws for the place, and {@link presentLegacy} for the function.
   */
  attach(index: number, guest: GuestMachine, place: Place, options: AttachOptions = {}): Attachment {
    const { bus } = this.functions;
    const address = this.functions.addressOf(index);
    if (this.#held.has(index)) throw new AttachmentError(index, 'a guest has it: detach it there first');
    const { domain = new DmaDomain(guest.ram), ...present } = options;
    if (domain.memory !== guest.ram)
      throw new ForeignDomainError(`virtual function ${index}: its domain is not over the guest's RAM`);
    // Before its memory is another's.
    refusePresented(bus, address);
    this.#remapping.assign(index, domain);
    try {
      const found = this.functions.find(index);
      if (found === null) throw new FunctionGoneError(`virtual function ${index}`);
      const presented = presentLegacy(bus, found, { ...this.#options, ...present });
      const takeOut = this.#plug(guest, place, presented);
      const held = { index, guest, place, domain, presented, takeOut };
      this.#held.set(index, held);
      return held;
    } catch (error) {
      this.#remapping.assign(index, null);
      throw error;
    }
  }

  /** @returns what takes the function out again. */
  #plug(guest: GuestMachine, place: Place, { pci, backend }: PresentedFunction): () => void {
    try {
      const takeOut = guest.plug(pci, place);
      return typeof takeOut === 'function' ? () => takeOut() : () => guest.unplug?.(pci);
    } catch (error) {
      backend.release();
      throw error;
    }
  }

  /**
   * Takes a function from its guest and resets it. One that is gone, or that the guest's machine has given back already, is
   * nobody's from then on, too.
   * @throws AttachmentError where no guest has it; what the machine throws for a place that cannot be given up; NoFunctionResetError,
   * NoAnswerError where it cannot be reset, though no guest has it any more.
   */
  detach(index: number): void {
    const held = this.#held.get(index);
    if (held === undefined) throw new AttachmentError(index, 'no guest has it: attach it first');
    if (held.presented.pci.plugged) held.takeOut();
    this.#held.delete(index);
    try {
      const found = this.functions.find(index);
      if (found !== null) resetFunction(this.functions.bus, found);
    } finally {
      this.#remapping.assign(index, null);
    }
  }

  /** Takes a function from its guest and gives it to another. Where that one cannot have it, nobody has. @throws as both */
  reassign(index: number, guest: GuestMachine, place: Place, options: AttachOptions = {}): Attachment {
    this.detach(index);
    return this.attach(index, guest, place, options);
  }
}
