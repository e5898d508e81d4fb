import {
  type BusTarget,
  bytes,
  group,
  list,
  maskOf,
  optional,
  readPieces,
  type Scheduler,
  type Task,
  u32,
  upTo,
  type ValueOf,
  type Width,
  writePieces,
} from '../../core/index.ts';
import { MESSAGE_SLOT_BYTES, messageSlot, PASID_MASK, slotControl, slotPasid } from '../layout/index.ts';
import { bytesOfWords, setWords } from './saved-words.ts';

/** The way out for messages. `pasid` is null for one that bears none. */
export interface MessagePath {
  message(addressLow: number, addressHigh: number, data: number, pasid: number | null): void;
}

/** Where the words of slots stand, as the device reads them. */
export interface SlotStore {
  /** True when the slot can be judged now; else it is being fetched, and {@link MessageSlots.ready} follows. */
  has(slot: number): boolean;
  /** Word 0..3 of a slot that it has. */
  word(slot: number, word: number): number;
}

const CONTROL = messageSlot.control.offset >> 2;
const rows = Object.values(messageSlot);

/** Slots in the device's own memory. */
class OwnSlots implements SlotStore {
  readonly words: Uint32Array;

  constructor(slots: number) {
    this.words = new Uint32Array((slots * MESSAGE_SLOT_BYTES) / 4);
    for (let at = CONTROL; at < this.words.length; at += 4) this.words[at] = messageSlot.control.reset;
  }

  has(): boolean {
    return true;
  }

  word(slot: number, word: number): number {
    return this.words[4 * slot + word]!;
  }
}

type Message = { -readonly [F in keyof ValueOf<typeof messageState>]: ValueOf<typeof messageState>[F] };

const messageState = group({ low: u32, high: u32, data: u32, pasid: optional(upTo(PASID_MASK)) });

/** What slots hold: their words, those that wait, and messages that have left, the oldest first. */
export const slotsState = group({ words: bytes(), pending: list(u32), under: list(messageState) });
export type SavedSlots = ValueOf<typeof slotsState>;

/** The oldest message that is on its way arrives. */
class Arrival implements Task {
  readonly label = 'message of a slot';
  readonly #ran: (task: Arrival) => void;

  constructor(ran: (task: Arrival) => void) {
    this.#ran = ran;
  }

  run(): void {
    this.#ran(this);
  }
}

/**
 * Interrupt message storage, the device's side. A message is a posted write: it leaves the slot as the slot is at that
 * moment and arrives later, in the order of leaving, when the scheduler says so or when software reads the device, since
 * the answer to a read pushes all that the device wrote before (PCI Express 5.0, section 2.4.1). What is signalled while the
 * slot is masked waits, and is sent when it is not masked any more.
 */
export class MessageSlots implements BusTarget {
  readonly slots: number;
  readonly #own: OwnSlots;
  #store: SlotStore;
  readonly #path: MessagePath;
  readonly #scheduler: Scheduler;
  readonly #pending: Uint8Array;
  /** Left, and not there yet. */
  readonly #under: Message[] = [];
  /** Messages that have arrived, and tasks that have run, to be used again. */
  readonly #spare: Message[] = [];
  readonly #tasks: Arrival[] = [];

  constructor(slots: number, path: MessagePath, scheduler: Scheduler) {
    this.slots = slots;
    this.#own = this.#store = new OwnSlots(slots);
    this.#path = path;
    this.#scheduler = scheduler;
    this.#pending = new Uint8Array(slots);
  }

  /** Reads the slots elsewhere from now on; null for its own memory again. */
  set store(store: SlotStore | null) {
    this.#store = store ?? this.#own;
  }

  /** An event: the slot's message is sent, or waits while it is masked. Of a slot that there is not it is nothing. */
  signal(slot: number): void {
    if (slot >= this.slots) return;
    this.#pending[slot] = 1;
    this.ready(slot);
  }

  /** A slot can be judged, or changed: what waits for it is sent, where nothing masks it. */
  ready(slot: number): void {
    const store = this.#store;
    // Slots that come at once are judged within the asking.
    if (this.#pending[slot] !== 1 || !store.has(slot) || this.#pending[slot] !== 1) return;
    const control = store.word(slot, CONTROL);
    if ((control & slotControl.mask) !== 0) return;
    this.#pending[slot] = 0;
    const message = this.#spare.pop() ?? { low: 0, high: 0, data: 0, pasid: null };
    message.low = store.word(slot, 0);
    message.high = store.word(slot, 1);
    message.data = store.word(slot, 2);
    message.pasid = slotPasid(control);
    this.#under.push(message);
    this.#submit();
  }

  #submit(): void {
    this.#scheduler.submit(this.#tasks.pop() ?? new Arrival((task) => this.#arrived(task)));
  }

  #arrived(task: Arrival): void {
    this.#tasks.push(task);
    this.#arrive();
  }

  isPending(slot: number): boolean {
    return this.#pending[slot] === 1;
  }

  /** What the event was about is gone: it is not told any more. */
  withdraw(slot: number): void {
    this.#pending[slot] = 0;
  }

  #arrive(): void {
    const first = this.#under.shift();
    if (first === undefined) return;
    const { low, high, data, pasid } = first;
    this.#spare.push(first);
    this.#path.message(low, high, data, pasid);
  }

  /** What has left arrives: the answer to a read pushes it. */
  push(): void {
    while (this.#under.length > 0) this.#arrive();
  }

  save() {
    const pending = [...this.#pending.keys()].filter((slot) => this.isPending(slot));
    return { words: bytesOfWords(this.#own.words), pending, under: this.#under.map((each) => ({ ...each })) };
  }

  load({ words, pending, under }: SavedSlots): void {
    setWords(this.#own.words, words);
    this.#pending.fill(0);
    for (const slot of pending) this.#pending[slot] = 1;
    this.#under.splice(0, this.#under.length, ...under.map((each) => ({ ...each })));
  }

  /** Messages that were on their way go on, and what waits is judged. */
  resume(): void {
    for (const _each of this.#under) this.#submit();
    for (let slot = 0; slot < this.slots; slot++) this.ready(slot);
  }

  /** After power-on: all masked, aimed at nothing. What is on its way arrives all the same. */
  reset(): void {
    this.#own.words.fill(0);
    for (let slot = 0; slot < this.slots; slot++)
      this.#own.words[4 * slot + CONTROL] = messageSlot.control.reset;
    this.#pending.fill(0);
    this.#store = this.#own;
  }

  read(offset: number, width: Width): number {
    this.push();
    if (offset % width !== 0) return readPieces(this, offset, width);
    return ((this.#word(offset & ~3) >>> (8 * (offset & 3))) & maskOf(width)) >>> 0;
  }

  #word(offset: number): number {
    return this.#own.words[offset >> 2] ?? 0;
  }

  write(offset: number, width: Width, value: number): void {
    if (offset % width !== 0) {
      writePieces(this, offset, width, value);
      return;
    }
    const at = offset >> 2;
    if (at >= this.#own.words.length) return;
    const shift = 8 * (offset & 3);
    const mask = rows[at & 3]!.writable & (maskOf(width) << shift);
    this.#own.words[at] = (this.#own.words[at]! & ~mask) | ((value << shift) & mask);
    this.ready(at >> 2);
  }
}
