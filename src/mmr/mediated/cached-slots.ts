import type { DmaDomain, Scheduler } from '../../core/index.ts';
import { MESSAGE_SLOT_BYTES } from '../layout/index.ts';
import type { MessageSlots, SlotStore } from './message-slots.ts';

interface Entry {
  readonly bytes: DataView<ArrayBuffer>;
  /** Halves of eight bytes that are there. */
  halves: number;
}

const HALF = MESSAGE_SLOT_BYTES / 2;

/**
 * Slots in system memory, with the device's cache of them. A slot is fetched when it is first needed, in two reads of eight
 * bytes between which software may write: what comes of that is neither the slot before nor the one after. A slot that was
 * fetched stays as it was until software has it forgotten.
 */
export class CachedSlots implements SlotStore {
  readonly #slots: MessageSlots;
  readonly #memory: DmaDomain;
  readonly #base: number;
  readonly #scheduler: Scheduler;
  readonly #entries = new Map<number, Entry>();

  /** @param base address of slot 0, as the device's DMA has it. */
  constructor(slots: MessageSlots, memory: DmaDomain, base: number, scheduler: Scheduler) {
    this.#slots = slots;
    this.#memory = memory;
    this.#base = base;
    this.#scheduler = scheduler;
  }

  has(slot: number): boolean {
    const entry = this.#entries.get(slot);
    if (entry !== undefined) return entry.halves === 2;
    this.#fetch(slot, { bytes: new DataView(new ArrayBuffer(MESSAGE_SLOT_BYTES)), halves: 0 });
    return this.#entries.get(slot)?.halves === 2;
  }

  word(slot: number, word: number): number {
    return this.#entries.get(slot)!.bytes.getUint32(4 * word, true);
  }

  /** Bytes that nobody has read as zeros: a slot that is out of reach is masked. */
  #fetch(slot: number, entry: Entry): void {
    this.#entries.set(slot, entry);
    const half = (label: string, next: () => void) =>
      this.#scheduler.submit({
        label,
        run: () => {
          // Forgotten meanwhile: whoever needs it fetches it anew.
          if (this.#entries.get(slot) !== entry) return;
          const at = entry.halves * HALF;
          const into = new Uint8Array(entry.bytes.buffer);
          if (!this.#memory.read(this.#base + slot * MESSAGE_SLOT_BYTES + at, into, at, HALF))
            entry.bytes.setUint32(MESSAGE_SLOT_BYTES - 4, 1, true);
          entry.halves++;
          next();
        },
      });
    half(`address of slot ${slot}`, () => half(`data of slot ${slot}`, () => this.#slots.ready(slot)));
  }

  /** Software changed a slot: what waits for it is judged by what stands there now. */
  forget(slot: number): void {
    this.#entries.delete(slot);
    if (this.#slots.isPending(slot)) this.#slots.ready(slot);
  }
}
