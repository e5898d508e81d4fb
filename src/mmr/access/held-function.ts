import {
  type Bus,
  type FindingAbout,
  type FunctionAddress,
  type FunctionWatcher,
  formatFunctionAddress,
} from '../../core/index.ts';
import {
  configOf,
  DriverMsix,
  type FunctionConfig,
  type FunctionReference,
  findFunction,
  isPoweredDown,
  powerUp,
} from '../../driver/index.ts';
import { command, type0Header } from '../../pci/layout/index.ts';
import { TranslatorError } from './backend.ts';

/** A function that a guest has already. Take it from that guest first. */
export class AlreadyPresentedError extends TranslatorError {
  readonly address: FunctionAddress;

  constructor(address: FunctionAddress) {
    super(
      `function ${formatFunctionAddress(address)} is presented to a guest already: unplug it there, or release its back end, before it is given to another`,
    );
    this.address = address;
  }
}

/** Functions that back ends have, by the bus through which they reach them. */
const held = new WeakMap<Bus, Set<FunctionAddress>>();

/** @throws AlreadyPresentedError when a back end has the function. */
export function refusePresented(bus: Bus, address: FunctionAddress): void {
  if (held.get(bus)?.has(address) === true) throw new AlreadyPresentedError(address);
}

/** What a back end does about its function. */
export interface Holder {
  /** A message of the function's arrived. */
  onMessage(vector: number): void;
  /** The states of guest and host have both been loaded: what one knows of the other is true again. */
  onLoaded(): void;
  /** The block is where the guest's accesses can reach it, for the first time or again. */
  onFound(): void;
  /** The function is gone for good; said again where a guest that still had it is loaded afterwards. */
  onLost(): void;
  report(clause: string, message: string, about: FindingAbout): void;
}

/** Where the legacy block is: a BAR and an offset in it, in bytes. */
export interface WindowPlace {
  readonly bar: number;
  readonly offset: number;
  readonly kind: 'io' | 'memory';
}

/** @throws TranslatorError when a BAR is not of that kind, or was never assigned. */
export function requirePlace(host: FunctionConfig, bar: number, kind: WindowPlace['kind']): void {
  const { space, address } = host.barPlace(bar);
  if (space !== kind) throw new TranslatorError(`BAR${bar} of the function is not ${kind} space`);
  if (address === 0)
    throw new TranslatorError(`BAR${bar} of the function has no address: run the firmware first`);
}

/** Which of the two states was loaded while the other was not yet. */
type Loaded = 'neither' | 'guest' | 'host';

/** Status reads this where nobody answers. */
export const ALL_ONES = 0xff;

/**
 * A function of the host in the hands of one back end, and of no other. It starts as if nobody had used it, and is given
 * back so. Meanwhile its BARs may be moved, and are followed; it may be taken away or reset by others, and then counts as
 * gone: what stands in its slot afterwards was not given to this guest.
 */
export class HeldFunction implements FunctionWatcher {
  readonly host: FunctionConfig;
  /** Address of the legacy block; meaningful while `ready`. */
  base = 0;
  /** The block is where `base` says, and whoever asks is a guest that runs. */
  ready = false;
  #located = false;
  readonly #holder: Holder;
  #messages: DriverMsix | null = null;
  #place: WindowPlace = { bar: 0, offset: 0, kind: 'memory' };
  /** Command bits as they were found, and those that the back end wants. */
  readonly #found: number;
  #wanted = 0;
  #busMaster = false;
  #gone = false;
  #released = false;
  /** The holder was told that its function does not answer. */
  #told = false;
  /** Nothing was heard of the function since it was last looked for in vain. */
  #noNews = false;
  readonly #unwatch: (() => void) | null;
  #loaded: Loaded = 'neither';
  #loading = false;
  /** What waits for the guest's state: the function's own going on, and messages. */
  #resume: (() => void) | null = null;
  readonly #late = new Set<number>();

  /** @throws AlreadyPresentedError, TranslatorError when nobody is there. */
  constructor(bus: Bus, fn: FunctionReference, holder: Holder) {
    this.host = configOf(bus, fn);
    const { address } = this.host;
    refusePresented(bus, address);
    this.#holder = holder;
    if (!this.host.present)
      throw new TranslatorError(`there is no function at ${formatFunctionAddress(address)}`);
    if (isPoweredDown(this.host)) powerUp(bus, typeof fn === 'number' ? findFunction(bus, fn)! : fn);
    this.#found = this.host.read(type0Header.command);
    // What the function was used for before has no business in this guest's memory.
    this.host.setCommand(0, command.busMaster);
    const functions = held.get(bus) ?? new Set();
    held.set(bus, functions.add(address));
    this.#unwatch = bus.watchFunction?.(address, this) ?? null;
  }

  /**
   * Says where the block is and which command bits the function is to have; its messages are the back end's from now on,
   * every vector masked and MSI-X off.
   * @throws TranslatorError when a BAR has no address or is of another kind.
   */
  open(place: WindowPlace, set: number, clear: number): DriverMsix {
    requirePlace(this.host, place.bar, place.kind);
    this.#place = place;
    this.#wanted = set;
    this.host.setCommand(set, clear);
    const messages = new DriverMsix(this.host);
    if (messages.vectors > 0) {
      messages.enable(false);
      requirePlace(this.host, messages.tableBar, 'memory');
      messages.aim(messages.vectors, true, (vector) => this.#onMessage(vector));
    }
    this.#messages = messages;
    this.locate();
    return messages;
  }

  /** For an access of the guest. @returns whether there is something to access. */
  enter(clause?: string): boolean {
    // A guest that runs has its state.
    this.#bothLoaded();
    return this.locate(clause);
  }

  /** Finds out where the block is, after something may have moved it. @returns false where there is none. */
  locate(clause = 'PCI-BUS-01'): boolean {
    if (this.#located) return true;
    if (this.#released || this.#noNews) return false;
    const { host } = this;
    if (this.#gone || !host.present) return this.#lose(clause, "the host's function is gone");
    const base = this.#decodedAt();
    if (base === 0) {
      this.#noNews = this.#unwatch !== null;
      return this.#missing(clause, "the host's function does not decode the BAR of its legacy block");
    }
    if (this.#messages?.intact === false)
      return this.#lose(clause, "the host's function was reset by somebody else");
    this.base = base + this.#place.offset;
    this.#told = false;
    this.#located = true;
    this.ready = this.#loaded === 'neither';
    // Firmware may have taken them away. In a state that is being loaded they are as they ought to be.
    if (!this.ready) return true;
    host.setCommand(this.#wanted | (this.#busMaster ? command.busMaster : 0), 0);
    this.#holder.onFound();
    return this.#located;
  }

  /** Where the block's BAR is decoded, or 0. */
  #decodedAt(): number {
    const { bar, kind } = this.#place;
    return this.host.decodes(kind) ? this.host.barPlace(bar).address : 0;
  }

  /** All ones were read where they are unlikely. @returns whether the function is gone, or decodes nothing. */
  lost(clause?: string): boolean {
    this.#unlocate();
    return !this.locate(clause);
  }

  #lose(clause: string, message: string): false {
    this.#giveUp();
    this.#noNews = true;
    return this.#missing(clause, message);
  }

  #missing(clause: string, message: string): false {
    if (!this.#told)
      this.#holder.report(clause, message, { what: "host's function address", value: this.host.address });
    this.#told = true;
    return false;
  }

  /** The host gets back what is its own, without a word to the function: it is another's, or none. */
  #giveUp(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.ready = this.#located = false;
    this.#loaded = 'neither';
    this.#leave();
    this.#holder.onLost();
  }

  #leave(): void {
    this.#messages?.release();
    this.#unwatch?.();
    held.get(this.host.bus)?.delete(this.host.address);
  }

  #unlocate(): void {
    this.ready = this.#located = this.#noNews = false;
  }

  /** Looks at once where it can, so that the guest's next access is one like any other. */
  moved(): void {
    this.#unlocate();
    if (!this.#loading && this.#messages !== null && this.#decodedAt() !== 0) this.locate();
  }

  removed(): void {
    this.#giveUp();
  }

  /** What the function has to tell waits until the guest's state is there, whichever of the two is loaded first. */
  loading(): void {
    this.#unlocate();
    this.#loading = true;
    this.#late.clear();
    if (this.#loaded === 'neither') this.#loaded = 'host';
  }

  loaded(): void {
    this.#loading = false;
    this.#messages?.takeMasks();
    // Now, and not at the guest's next access: looking pushes what is on its way.
    this.locate();
  }

  resume(go: () => void): void {
    this.#resume = go;
    if (this.#loaded === 'guest') this.#bothLoaded();
  }

  /** The guest's state was loaded. */
  guestLoaded(): void {
    this.ready = false;
    if (this.#gone) this.#holder.onLost();
    else if (this.#loaded === 'host') this.#bothLoaded();
    else this.#loaded = 'guest';
  }

  #bothLoaded(): void {
    if (this.#loaded === 'neither') return;
    this.#loaded = 'neither';
    this.ready = this.#located;
    const resume = this.#resume;
    this.#resume = null;
    this.#holder.onLoaded();
    resume?.();
    const late = [...this.#late];
    this.#late.clear();
    for (const vector of late) this.#holder.onMessage(vector);
  }

  /** The host's state was loaded and the guest's was not yet: there is nobody to be told of anything. */
  get waitsForGuest(): boolean {
    return this.#loaded === 'host';
  }

  #onMessage(vector: number): void {
    if (this.waitsForGuest) this.#late.add(vector);
    else this.#holder.onMessage(vector);
  }

  /** It has neither gone nor been given back. */
  get kept(): boolean {
    return !this.#gone && !this.#released;
  }

  get busMaster(): boolean {
    return this.#busMaster;
  }

  /** In a state that is loaded, the host's says the same of the function. */
  loadBusMaster(on: boolean): void {
    this.#busMaster = on;
  }

  setBusMaster(on: boolean): void {
    this.#busMaster = on;
    if (!this.kept) return;
    this.host.setCommand(on ? command.busMaster : 0, on ? 0 : command.busMaster);
  }

  /** Gives the function back, as one that nobody has used. The block's own reset is the back end's. */
  release(): void {
    if (this.#released || this.#gone) return;
    this.#messages?.enable(false);
    this.host.write(type0Header.command, this.#found & ~command.busMaster);
    this.#leave();
    this.ready = this.#located = false;
    this.#released = true;
  }
}
