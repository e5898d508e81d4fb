import type { Bus, Register } from '../../../core/index.ts';
import { MESSAGE_SLOT_BYTES, messageSlot, parentHeader } from '../../layout/index.ts';

/** Where software finds slots, and what it has to do until the device goes by what it wrote. */
export interface SlotPlace {
  readonly slots: number;
  write(slot: number, register: Register, value: number): void;
  /** The device is to go by what was written. The write that says so is on its way when this returns. */
  tell(slot: number): void;
  /**
   * The device has it, and every message that it sent before has arrived: a read of the device, whose answer pushes them.
   * A mask is none before.
   */
  flush(slot: number): void;
}

const at = (slot: number, register: Register) => slot * MESSAGE_SLOT_BYTES + register.offset;

/** Slots in a device's memory, from `base` on. */
export class SlotsInDevice implements SlotPlace {
  readonly slots: number;
  readonly #bus: Bus;
  readonly #base: number;

  constructor(bus: Bus, base: number, slots: number) {
    this.#bus = bus;
    this.#base = base;
    this.slots = slots;
  }

  write(slot: number, register: Register, value: number): void {
    this.#bus.memoryWrite(this.#base + at(slot, register), 4, value);
  }

  tell(): void {}

  flush(slot: number): void {
    this.#bus.memoryRead(this.#base + at(slot, messageSlot.control), 4);
  }
}

/** Slots in RAM, from `base` on, of a device whose registers stand at `header`: it has a cache of them. */
export class SlotsInMemory implements SlotPlace {
  readonly slots: number;
  readonly #bus: Bus;
  readonly #base: number;
  readonly #header: number;

  constructor(bus: Bus, base: number, slots: number, header: number) {
    this.#bus = bus;
    this.#base = base;
    this.slots = slots;
    this.#header = header;
  }

  write(slot: number, register: Register, value: number): void {
    this.#bus.memoryWrite(this.#base + at(slot, register), 4, value);
  }

  tell(slot: number): void {
    this.#bus.memoryWrite(this.#header + parentHeader.forgetSlot.offset, 4, slot);
  }

  flush(): void {
    this.#bus.memoryRead(this.#header + parentHeader.forgetSlot.offset, 4);
  }
}
