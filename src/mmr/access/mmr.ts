import type { Bus, FunctionAddress, Register, State, Width } from '../../core/index.ts';
import { command } from '../../pci/layout/index.ts';
import {
  isrStatus,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyVectors,
  NO_VECTOR,
} from '../../virtio/layout/index.ts';
import { type BlockPlace, type Draft, decodeCapability } from '../layout/index.ts';
import { type GuestSide, type LegacyBackend, TranslatorError } from './backend.ts';
import { HostFunction, HostMessages } from './host-function.ts';

const {
  deviceStatus,
  isrStatus: isrRegister,
  queueAddress,
  queueNotify,
  queueSelect,
  queueSize,
} = legacyHeader;
const { configMsixVector, queueMsixVector } = legacyVectors;

/** Reads of status after a reset before the function is given up. */
const MAX_RESET_READS = 10_000;

/** Vectors of the function while its guest has MSI-X off: one for each ISR bit. */
const CONFIG_VECTOR = 0;
const QUEUE_VECTOR = 1;

/**
 * Legacy register accesses as memory accesses to the block that the draft's capability names.
 *
 * A port write is non-posted and a memory write is not, so every write but a notification is followed by a read of
 * status, which has no side effect. The function's MSI-X is always on, since a virtual function has no other interrupt:
 * while the guest has it off, the block shows its vector registers where the guest sees device configuration, and the
 * guest's ISR and interrupt line are kept here.
 */
export class MmrBackend implements LegacyBackend {
  readonly name = 'mmr';
  readonly configBytes: number;
  readonly vectors: number;
  readonly #host: HostFunction;
  readonly #bus: Bus;
  readonly #draft: Draft;
  readonly #base: number;
  readonly #messages: HostMessages;
  #guest: GuestSide | null = null;
  #msix = false;
  /** Vectors are being changed: a message that comes now was sent before or after, there is no telling. */
  #switching = false;
  #unclear = false;
  #isr = 0;
  #queueSelect = 0;
  #configVector = NO_VECTOR;
  /** Guest's vectors of the queues that it has set up or given one. */
  readonly #queues = new Map<number, number>();

  /** @throws TranslatorError when the draft's capability is missing or leads nowhere, or there is no MSI-X. */
  constructor(bus: Bus, address: FunctionAddress, draft: Draft) {
    this.#bus = bus;
    this.#draft = draft;
    this.#host = new HostFunction(bus, address);
    const place = this.#host
      .findExtended(draft.extendedCapabilityId)
      .map((at) => decodeCapability(draft, (offset) => bus.configRead(address, at + offset, 4)))
      .find((each) => each !== null && this.#usable(each));
    if (place === undefined || place === null)
      throw new TranslatorError(`the function has no ${draft.name} capability for a legacy block`);
    this.#base = this.#host.barAddress(place.bar, 'memory') + place.offset;
    this.configBytes = place.length - LEGACY_CONFIG_OFFSET_MSIX;
    this.#host.setCommand(command.memory | command.interruptDisable, command.io);
    this.#messages = new HostMessages(this.#host, (vector) => this.#onMessage(vector));
    this.vectors = this.#messages.vectors;
    if (this.vectors === 0)
      throw new TranslatorError('the function has no MSI-X, and thus no way to interrupt');
    this.#messages.enable(true);
    this.reset();
  }

  /** A place that holds the header and stays inside a memory BAR; others are passed over. */
  #usable({ bar, offset, length }: BlockPlace): boolean {
    return length >= LEGACY_CONFIG_OFFSET_MSIX && offset + length <= this.#host.memoryBarBytes(bar);
  }

  attach(guest: GuestSide): void {
    this.#guest = guest;
  }

  #load(offset: number, width: Width): number {
    return this.#bus.memoryRead(this.#base + offset, width);
  }

  #get(register: Register): number {
    return this.#load(register.offset, register.width as Width);
  }

  #set(register: Register, value: number): void {
    this.#store(register.offset, register.width as Width, value);
  }

  /** A write that has reached the function when this returns. */
  #store(offset: number, width: Width, value: number): void {
    this.#bus.memoryWrite(this.#base + offset, width, value);
    this.#get(deviceStatus);
  }

  #onMessage(vector: number): void {
    if (this.#switching) {
      this.#unclear = true;
      return;
    }
    if (this.#msix) {
      this.#guest?.trigger(vector);
      return;
    }
    this.#isr |= this.#meaning(vector);
    this.#guest?.setLine(true);
  }

  /** ISR bits that a message of ours stands for. */
  #meaning(vector: number): number {
    // With one vector the function's own ISR has to tell what it was for.
    if (this.vectors === 1) return this.#get(isrRegister) || isrStatus.queue;
    return vector === CONFIG_VECTOR ? isrStatus.configuration : isrStatus.queue;
  }

  /** Offset in the block of a guest's offset: the guest with MSI-X off does not see the vector registers. */
  #place(offset: number): number {
    const hidden = LEGACY_CONFIG_OFFSET_MSIX - LEGACY_CONFIG_OFFSET;
    return offset >= LEGACY_CONFIG_OFFSET && !this.#msix ? offset + hidden : offset;
  }

  read(offset: number, width: Width): number {
    return offset === isrRegister.offset ? this.#readIsr() : this.#load(this.#place(offset), width);
  }

  /** The guest's ISR: what the messages said, and what the function kept for events without one. */
  #readIsr(): number {
    const isr = this.#isr | this.#get(isrRegister);
    this.#isr = 0;
    this.#guest?.setLine(false);
    return isr;
  }

  write(offset: number, width: Width, value: number): void {
    const at = this.#place(offset);
    if (offset === queueNotify.offset) {
      this.#bus.memoryWrite(this.#base + at, width, value);
      return;
    }
    if (offset === queueAddress.offset) this.#beforeQueueAddress();
    this.#store(at, width, value);
    // However wide the write, status takes its low byte.
    if (offset === deviceStatus.offset) this.#afterStatus(value & 0xff);
    else if (offset === queueSelect.offset) this.#queueSelect = this.#get(queueSelect);
    else if (this.#msix) this.#afterVector(offset);
  }

  /** A queue is being set up: while the guest has no vectors its events go to ours. */
  #beforeQueueAddress(): void {
    if (this.#get(queueSize) === 0) return;
    if (!this.#queues.has(this.#queueSelect)) this.#queues.set(this.#queueSelect, NO_VECTOR);
    if (!this.#msix) this.#set(queueMsixVector, this.#ownQueueVector);
  }

  get #ownQueueVector(): number {
    return Math.min(QUEUE_VECTOR, this.vectors - 1);
  }

  /** The guest's vectors are remembered as the function took them. */
  #afterVector(offset: number): void {
    if (offset === configMsixVector.offset) this.#configVector = this.#get(configMsixVector);
    if (offset !== queueMsixVector.offset || this.#get(queueSize) === 0) return;
    this.#queues.set(this.#queueSelect, this.#get(queueMsixVector));
  }

  #afterStatus(value: number): void {
    if (value !== 0) return;
    if (this.#draft.resetHandshake === 'read-back') this.#awaitReset();
    this.#isr = 0;
    this.#queueSelect = 0;
    this.#configVector = NO_VECTOR;
    this.#queues.clear();
    this.#guest?.setLine(false);
    if (!this.#msix) this.#set(configMsixVector, CONFIG_VECTOR);
  }

  /** Reads status until it is 0; a function that never gets there is reported, and the guest not kept waiting. */
  #awaitReset(): void {
    for (let reads = 0; reads < MAX_RESET_READS; reads++) if (this.#get(deviceStatus) === 0) return;
    this.#guest?.report('BF-RST-01', 'the function does not finish its reset', {
      what: 'reads of status',
      value: MAX_RESET_READS,
    });
  }

  /** Events change sides: to the guest's vectors, or to ours. What ISR held goes along. */
  setMsix(enabled: boolean): void {
    if (enabled === this.#msix) return;
    this.#switching = true;
    this.#isr |= this.#get(isrRegister);
    this.#msix = enabled;
    this.#set(configMsixVector, enabled ? this.#configVector : CONFIG_VECTOR);
    for (const [queue, vector] of this.#queues) {
      this.#set(queueSelect, queue);
      this.#set(queueMsixVector, enabled ? vector : this.#ownQueueVector);
    }
    this.#set(queueSelect, this.#queueSelect);
    this.#switching = false;
    if (this.#unclear) this.#signalAll();
    this.#guest?.setLine(this.#isr !== 0);
  }

  /** For a message that may mean either kind of event: one interrupt may stand for both (PCI-CHG-01). */
  #signalAll(): void {
    this.#unclear = false;
    this.#isr |= isrStatus.queue | isrStatus.configuration;
    if (!this.#msix) return;
    for (const vector of new Set([this.#configVector, ...this.#queues.values()]))
      if (vector !== NO_VECTOR) this.#guest?.trigger(vector);
  }

  setBusMaster(on: boolean): void {
    this.#host.setCommand(on ? command.busMaster : 0, on ? 0 : command.busMaster);
  }

  reset(): void {
    this.#msix = false;
    this.write(deviceStatus.offset, 1, 0);
  }

  /** Gives the host's vectors back. */
  release(): void {
    this.#messages.release();
  }

  save() {
    return {
      msix: this.#msix,
      isr: this.#isr,
      queueSelect: this.#queueSelect,
      configVector: this.#configVector,
      queues: [...this.#queues].map(([queue, vector]) => [queue, vector] as const),
    };
  }

  load(state: State): void {
    const saved = state as ReturnType<MmrBackend['save']>;
    this.#msix = saved.msix;
    this.#isr = saved.isr;
    this.#queueSelect = saved.queueSelect;
    this.#configVector = saved.configVector;
    this.#queues.clear();
    for (const [queue, vector] of saved.queues) this.#queues.set(queue, vector);
  }
}
