import { type Interrupts, type MessageTarget, VirtiolabError } from '../../../core/index.ts';
import { messageSlot, slotControlOf } from '../../layout/index.ts';
import type { SlotPlace } from './slot-place.ts';

/** All slots of a domain are given away. */
export class NoSlotLeftError extends VirtiolabError {
  readonly slots: number;

  constructor(slots: number) {
    super(`all ${slots} message slots are given away`);
    this.slots = slots;
  }
}

/** What a message of a slot is: an address and data, with a PASID or without. */
export interface SlotMessage {
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly data: number;
  readonly pasid: number | null;
}

/** How careful the owner of slots is. Both true, but for those who want to see what goes wrong otherwise. */
export interface DevMsiCare {
  /** A mask is followed by the read that makes it one. */
  readonly flush: boolean;
  /** A message is changed under the mask only. */
  readonly maskToAim: boolean;
}

const CAREFUL: DevMsiCare = { flush: true, maskToAim: true };
const NOWHERE: SlotMessage = { addressLow: 0, addressHigh: 0, data: 0, pasid: null };

/**
 * The slots of one device in the hands of their one owner: what an operating system calls a domain of device messages. Each
 * slot that it gives out leads to a handler, or past all handlers to a guest.
 */
export class DevMsi {
  readonly place: SlotPlace;
  readonly interrupts: Interrupts;
  readonly care: DevMsiCare;
  readonly #free: number[];

  constructor(place: SlotPlace, interrupts: Interrupts, care: Partial<DevMsiCare> = {}) {
    this.place = place;
    this.interrupts = interrupts;
    this.care = { ...CAREFUL, ...care };
    this.#free = Array.from({ length: place.slots }, (_, i) => place.slots - 1 - i);
  }

  /** Slots that nobody has. */
  get free(): number {
    return this.#free.length;
  }

  /** A slot, masked, whose messages reach nobody until it is {@link DeviceMessage.handle}d or {@link DeviceMessage.aim}ed. @throws NoSlotLeftError */
  allocate(): DeviceMessage {
    const slot = this.#free.pop();
    if (slot === undefined) throw new NoSlotLeftError(this.place.slots);
    return new DeviceMessage(this, slot);
  }

  /** Called by a slot that was released. */
  giveBack(slot: number): void {
    this.#free.push(slot);
  }
}

/** One slot, and where its messages go. */
export class DeviceMessage {
  readonly slot: number;
  readonly #domain: DevMsi;
  #masked = true;
  #message = NOWHERE;
  #target: MessageTarget | null = null;
  #handler: (() => void) | null = null;
  #released = false;

  constructor(domain: DevMsi, slot: number) {
    this.#domain = domain;
    this.slot = slot;
  }

  get masked(): boolean {
    return this.#masked;
  }

  /** Messages go past the host's handlers. */
  get posted(): boolean {
    return this.#message.pasid !== null;
  }

  /** No message of the slot arrives from its return on. Where the care is without the read, some may. */
  mask(): void {
    if (this.#masked) return;
    this.#setMask(true);
    if (this.#domain.care.flush) this.#domain.place.flush(this.slot);
  }

  /** What waited for it is on its way when the device has heard of it. */
  unmask(): void {
    if (this.#masked && !this.#released) this.#setMask(false);
  }

  #setMask(masked: boolean): void {
    this.#masked = masked;
    const { place } = this.#domain;
    place.write(this.slot, messageSlot.control, slotControlOf(masked, this.#message.pasid));
    place.tell(this.slot);
  }

  /** Somebody has said where its messages go. */
  get aimed(): boolean {
    return this.#message !== NOWHERE;
  }

  /** What the device sent before has arrived. */
  flush(): void {
    this.#domain.place.flush(this.slot);
  }

  /** Messages that have arrived and that the handler was not told of yet are of no use any more. */
  discard(): void {
    this.#target?.discard();
  }

  /** Messages reach a handler of the host from now on. @param handler is told of what came on the way before, if there may be any. */
  handle(handler: () => void): void {
    const target = this.#domain.interrupts.allocateMessage(handler);
    const { addressLow, addressHigh, data } = target;
    this.#change({ addressLow, addressHigh, data, pasid: null }, target, handler);
  }

  /** Messages go elsewhere from now on: into a guest, as the IOMMU has it for the PASID. */
  aim(message: SlotMessage): void {
    this.#change(message, null, null);
  }

  #change(message: SlotMessage, target: MessageTarget | null, handler: (() => void) | null): void {
    const { place, care } = this.#domain;
    const was = this.#masked;
    if (care.maskToAim) this.mask();
    const before = this.#handler;
    this.#target?.release();
    this.#target = target;
    this.#handler = handler;
    this.#message = message;
    place.write(this.slot, messageSlot.addressLow, message.addressLow);
    place.write(this.slot, messageSlot.addressHigh, message.addressHigh);
    place.write(this.slot, messageSlot.data, message.data);
    this.#setMask(was);
    // What had arrived on the old way, and was not told of, is nobody's now.
    if (before !== null) (handler ?? before)();
  }

  /** Gives the slot back, masked and aimed at nobody. Once more does nothing. */
  release(): void {
    if (this.#released) return;
    this.mask();
    this.#handler = null;
    this.#change(NOWHERE, null, null);
    this.#released = true;
    this.#domain.giveBack(this.slot);
  }
}
