import {
  type Bus,
  expectSame,
  type FindingAbout,
  maskOf,
  type Register,
  type State,
  shape,
  u16,
  upTo,
  type ValuesOf,
  type Width,
} from '../../core/index.ts';
import type { DriverMsix, FunctionReference } from '../../driver/index.ts';
import { command } from '../../pci/layout/index.ts';
import {
  isrStatus,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyVectors,
  NO_VECTOR,
} from '../../virtio/layout/index.ts';
import { type GuestRegisters, type GuestSide, type LegacyBackend, TranslatorError } from './backend.ts';
import { GuestVectors, guestVectorsState } from './guest-vectors.ts';
import { ALL_ONES, HeldFunction, type Holder } from './held-function.ts';
import type { HostBlock } from './host-block.ts';
import { awaitReset } from './reset.ts';

const {
  deviceStatus,
  isrStatus: isrRegister,
  queueAddress,
  queueNotify,
  queueSelect,
  queueSize,
} = legacyHeader;
const { configMsixVector, queueMsixVector } = legacyVectors;

/** Vectors of the function while its guest has MSI-X off: one for each ISR bit. */
const CONFIG_VECTOR = 0;
const QUEUE_VECTOR = 1;

/** What is the guest's own, whatever the way: its ISR, its queue, its vectors. */
export const blockBackendFields = {
  shape,
  isr: upTo(isrStatus.queue | isrStatus.configuration),
  queueSelect: u16,
  vectors: guestVectorsState,
} as const;
type Saved = ValuesOf<typeof blockBackendFields>;

/**
 * Legacy register accesses as accesses to a block of the host's that is not in I/O space.
 *
 * A port write is non-posted and a memory write is not, so every write but a notification is followed by a read of
 * status, which has no side effect. The function's MSI-X is always on, since a virtual function has no other interrupt:
 * while the guest has it off, the block shows its vector registers where the guest sees device configuration, and the
 * guest's ISR and interrupt line are kept here.
 */
export abstract class BlockBackend<B extends HostBlock = HostBlock> implements LegacyBackend, Holder {
  abstract readonly name: string;
  readonly configBytes: number;
  readonly vectors: number;
  /** @internal */
  protected readonly block: B;
  readonly #held: HeldFunction;
  readonly #messages: DriverMsix;
  #guest: GuestSide | null = null;
  /** The guest has MSI-X on; and the function's events go to the guest's vectors, as they do then where it can be reached. */
  #msix = false;
  #aimed = false;
  /** Vectors are being changed: a message that comes now was sent before or after, there is no telling. */
  #switching = false;
  #unclear = false;
  #isr = 0;
  #queueSelect = 0;
  readonly #vectors = new GuestVectors();

  /**
   * @param find the block of a function that is held.
   * @throws AlreadyPresentedError, and TranslatorError when there is no block, or no MSI-X.
   */
  constructor(bus: Bus, fn: FunctionReference, find: (held: HeldFunction, holder: Holder) => B) {
    const held = new HeldFunction(bus, fn, this);
    this.#held = held;
    try {
      this.block = find(held, this);
      this.configBytes = this.block.configBytes;
      this.#messages = held.open(this.block.place, command.memory | command.interruptDisable, command.io);
      this.vectors = this.#messages.vectors;
      if (this.vectors === 0)
        throw new TranslatorError('the function has no MSI-X, and thus no way to interrupt');
    } catch (error) {
      held.release();
      throw error;
    }
    this.#messages.maskAll(() => false);
    this.#messages.enable(true);
    this.reset();
  }

  attach(guest: GuestSide): void {
    this.#guest = guest;
  }

  report(clause: string, message: string, about: FindingAbout): void {
    this.#guest?.report(clause, message, about);
  }

  #get(register: Register): number {
    return this.block.read(register.offset, register.width as Width);
  }

  #set(register: Register, value: number): void {
    this.#store(register.offset, register.width as Width, value);
  }

  /** A write that has reached the function when this returns. @returns false where no function answers. */
  #store(offset: number, width: Width, value: number): boolean {
    this.block.write(offset, width, value);
    if (!this.block.posted) return true;
    return this.#get(deviceStatus) !== ALL_ONES || !this.#held.lost();
  }

  onMessage(vector: number): void {
    if (this.#switching) {
      this.#unclear = true;
      return;
    }
    if (this.#aimed) {
      this.#guest?.trigger(vector);
      return;
    }
    // The register first: reading it lets a kick through, and another message may come in meanwhile.
    const meaning = this.#meaning(vector);
    this.#isr |= meaning;
    this.#guest?.setLine(true);
  }

  /** ISR bits that a message of ours stands for. */
  #meaning(vector: number): number {
    // With one vector the function's own ISR has to tell what it was for.
    if (this.vectors === 1 && this.#held.locate()) return this.#get(isrRegister) || isrStatus.queue;
    return vector === CONFIG_VECTOR && this.vectors > 1 ? isrStatus.configuration : isrStatus.queue;
  }

  /** Offset in the block of a guest's offset: the guest with MSI-X off does not see the vector registers. */
  #place(offset: number): number {
    const hidden = LEGACY_CONFIG_OFFSET_MSIX - LEGACY_CONFIG_OFFSET;
    return offset >= LEGACY_CONFIG_OFFSET && !this.#msix ? offset + hidden : offset;
  }

  read(offset: number, width: Width): number {
    const held = this.#held;
    if (!held.ready && !held.enter()) return maskOf(width);
    if (offset === isrRegister.offset) return this.#readIsr();
    const value = this.block.read(this.#place(offset), width);
    if (offset === deviceStatus.offset && (value & 0xff) === ALL_ONES) held.lost();
    return value;
  }

  /**
   * The guest's ISR: what the function kept for events without a message, and what the messages said. The function is read
   * first: the read pushes a kick that is on its way, and what is told meanwhile is told by this ISR.
   */
  #readIsr(): number {
    const kept = this.#get(isrRegister);
    const isr = this.#isr | kept;
    this.#isr = 0;
    this.#guest?.setLine(false);
    return isr;
  }

  write(offset: number, width: Width, value: number): void {
    const held = this.#held;
    // However wide the write, status takes its low byte.
    const resets = offset === deviceStatus.offset && (value & 0xff) === 0;
    if (!held.ready && !held.enter(resets ? 'BF-RST-01' : undefined)) return;
    const at = this.#place(offset);
    if (offset === queueNotify.offset) {
      this.block.kick(width, value);
      return;
    }
    if (resets) {
      this.block.write(at, width, value);
      this.#afterReset();
      return;
    }
    if (offset === queueAddress.offset) this.#beforeQueueAddress();
    if (!this.#store(at, width, value)) return;
    if (offset === queueAddress.offset) this.#afterQueueAddress();
    else if (offset === queueSelect.offset) this.#queueSelect = this.#get(queueSelect);
    else if (this.#msix) this.#afterVector(offset);
  }

  /** A queue is being set up: while the guest has no vectors its events go to ours. */
  #beforeQueueAddress(): void {
    if (this.#get(queueSize) === 0) return;
    const { queues } = this.#vectors;
    if (!queues.has(this.#queueSelect)) queues.set(this.#queueSelect, NO_VECTOR);
    if (!this.#msix) this.#set(queueMsixVector, this.#ownQueueVector());
  }

  /** The queue starts anew, or not at all: what waited to be told of it is not told any more (BF-VQR-01). */
  #afterQueueAddress(): void {
    const vector = this.#vectors.ofQueue(this.#queueSelect);
    if (vector !== NO_VECTOR && this.#vectors.users(vector) === 1) this.#guest?.forget?.(vector);
  }

  #ownQueueVector(): number {
    return Math.min(QUEUE_VECTOR, this.vectors - 1);
  }

  /** The guest's vectors are remembered as the function took them. One that lost its last event has nothing to tell. */
  #afterVector(offset: number): void {
    const vectors = this.#vectors;
    let before = NO_VECTOR;
    if (offset === configMsixVector.offset) {
      before = vectors.config;
      vectors.config = this.#get(configMsixVector);
    } else if (offset === queueMsixVector.offset && this.#get(queueSize) !== 0) {
      before = vectors.ofQueue(this.#queueSelect);
      vectors.queues.set(this.#queueSelect, this.#get(queueMsixVector));
    }
    if (before !== NO_VECTOR && vectors.users(before) === 0) this.#guest?.forget?.(before);
  }

  /** Status was set to 0: when this returns the function is reset, and nothing from before reaches the guest. */
  #afterReset(): void {
    if (this.block.readsBack) {
      if (!awaitReset(this.#held, this, () => this.#get(deviceStatus))) return;
    } else if (this.#get(deviceStatus) === ALL_ONES && this.#held.lost('BF-RST-01')) return;
    this.#messages.discard();
    this.#forgetAll();
    if (!this.#msix) this.#set(configMsixVector, CONFIG_VECTOR);
  }

  #forgetAll(): void {
    this.#isr = 0;
    this.#queueSelect = 0;
    this.#vectors.clear();
    this.#guest?.forget?.();
    this.#guest?.setLine(false);
  }

  setMsix(enabled: boolean): void {
    this.#msix = enabled;
    if (this.#held.locate()) this.onFound();
  }

  /** What the guest chose while its function could not be reached is done now. */
  onFound(): void {
    this.block.found?.();
    if (this.#aimed !== this.#msix) this.#changeSides(this.#msix);
  }

  /** Events change sides: to the guest's vectors, or to ours. What ISR held goes along. */
  #changeSides(enabled: boolean): void {
    this.#switching = true;
    const kept = this.#get(isrRegister);
    this.#isr |= kept;
    this.#aimed = enabled;
    // A message that waits is withdrawn with its vector, which an event may keep by chance: ISR tells of it.
    if (!this.#held.busMaster || this.#messages.anyMasked) this.#moveVectors(() => NO_VECTOR, NO_VECTOR);
    if (enabled) this.#messages.maskAll((vector) => this.#guest?.masked?.(vector) ?? false);
    else this.#guest?.forget?.();
    if (enabled) this.#moveVectors((vector) => vector, this.#vectors.config);
    else this.#moveVectors(() => this.#ownQueueVector(), CONFIG_VECTOR);
    if (!enabled) this.#messages.maskAll(() => false);
    this.#switching = false;
    if (this.#unclear) this.#signalAll();
    this.#guest?.setLine(this.#isr !== 0);
  }

  /** Gives every event another vector, the queues' made from the guest's. */
  #moveVectors(queue: (vector: number) => number, config: number): void {
    this.#set(configMsixVector, config);
    for (const [index, vector] of this.#vectors.queues) {
      this.#set(queueSelect, index);
      this.#set(queueMsixVector, queue(vector));
    }
    this.#set(queueSelect, this.#queueSelect);
  }

  /** For a message that may mean either kind of event: one interrupt may stand for both (PCI-CHG-01). */
  #signalAll(): void {
    this.#unclear = false;
    this.#isr |= isrStatus.queue | isrStatus.configuration;
    if (!this.#msix) return;
    for (const vector of new Set([this.#vectors.config, ...this.#vectors.queues.values()]))
      if (vector !== NO_VECTOR) this.#guest?.trigger(vector);
  }

  setMask(vector: number, masked: boolean): void {
    if (this.#msix && this.#held.locate()) this.#messages.mask(vector, masked);
  }

  pendingBits(offset: number): number {
    return this.#msix && this.#held.locate() ? this.#messages.pendingBits(offset) : 0;
  }

  setBusMaster(on: boolean): void {
    this.#held.setBusMaster(on);
  }

  reset(): void {
    this.#msix = false;
    if (!this.#held.locate()) return;
    this.#aimed = false;
    this.block.write(deviceStatus.offset, 1, 0);
    this.#afterReset();
    this.#messages.maskAll(() => false);
  }

  onLost(): void {
    this.#forgetAll();
  }

  /** Nothing to do: line and ISR are the guest's own, and so in its state. */
  onLoaded(): void {}

  release(): void {
    this.#held.release();
  }

  /** What the state has to say of how it was made. */
  protected shape() {
    return { ...this.block.shape, configBytes: this.configBytes, vectors: this.vectors };
  }

  adopt({ msix, busMaster }: GuestRegisters): void {
    this.#msix = this.#aimed = msix;
    this.#held.loadBusMaster(busMaster);
  }

  /** @throws StateMismatchError */
  abstract check(state: State, path?: string): Saved;
  abstract save(): State;
  abstract load(state: State): void;

  /** Of a parsed state. @throws StateMismatchError */
  protected checkFields<S extends Saved>(saved: S, path: string): S {
    this.#vectors.check(saved.vectors, `${path}.vectors`, this.vectors);
    return saved;
  }

  checkGuest(state: State, line: boolean, path: string): void {
    const { isr } = this.check(state, path);
    expectSame(`${path}.isr, something to tell`, isr !== 0, line);
  }

  protected saveFields(): Saved {
    return {
      shape: this.shape(),
      isr: this.#isr,
      queueSelect: this.#queueSelect,
      vectors: this.#vectors.save(),
    };
  }

  protected loadFields(saved: Saved): void {
    this.#isr = saved.isr;
    this.#queueSelect = saved.queueSelect;
    this.#vectors.load(saved.vectors);
  }

  resume(): void {
    this.#held.guestLoaded();
  }
}
