import {
  type BusTarget,
  bytes,
  expectAt,
  expectSame,
  FOUR_GIB,
  maskOf,
  RegisterBlock,
  readPieces,
  record,
  type Scheduler,
  type State,
  type Stateful,
  shape,
  u53,
  type Width,
  writePieces,
} from '../../core/index.ts';
import { MESSAGE_WINDOW, type PciFunction } from '../../pci/index.ts';
import {
  MEDIATED_BAR,
  MESSAGE_SLOT_BYTES,
  PARENT_QUEUE_BYTES,
  PARENT_TABLES_AT,
  PASID_MASK,
  parentHeader,
  parentQueue,
  QUEUE_ENABLE,
} from '../layout/index.ts';
import { CachedSlots } from './cached-slots.ts';
import { ParentOptionError } from './errors.ts';
import { type MessagePath, MessageSlots, slotsState } from './message-slots.ts';
import { PasidTable } from './pasids.ts';
import { bytesOfWords, setWords } from './saved-words.ts';

export interface ParentDeviceOptions {
  /** Queues beside those that the function has for its host. */
  readonly queues: number;
  /** Message slots; by default one a queue. */
  readonly slots?: number;
  /** PASIDs that can be bound at a time; by default as many as queues. */
  readonly pasids?: number;
}

/** Messages that a parent has sent, by where they went. */
export interface MessageCounts {
  /** To the host's interrupt controllers. */
  delivered: number;
  /** To a guest, past the host's handlers. */
  posted: number;
  /** To memory that a PASID reaches. */
  written: number;
  /** Nowhere: their PASID was nobody's, or reaches nothing there. */
  dropped: number;
}

export const parentState = record('mediated-parent', 1, {
  shape,
  queues: bytes(),
  slots: slotsState,
  /** Where slots stand in system memory; 0 for nowhere. */
  slotMemory: u53,
});

const MOST_QUEUES = 1 << 20;
const WORDS = PARENT_QUEUE_BYTES / 4;
const SLOT = parentQueue.slot.offset >> 2;
const PASID = parentQueue.pasid.offset >> 2;
const CONTROL = parentQueue.control.offset >> 2;
const BUSY = parentQueue.busy.offset >> 2;

/**
 * The hardware of a parent: a PCI function with queues to give away. A memory BAR has the table of those queues, which says
 * whose memory each reaches and by which slot it interrupts, and the message slots.
 */
export class ParentDevice implements MessagePath, Stateful {
  readonly record = parentState;
  readonly pci: PciFunction;
  readonly queues: number;
  readonly slots: MessageSlots;
  readonly pasids: PasidTable;
  readonly counts: MessageCounts = { delivered: 0, posted: 0, written: 0, dropped: 0 };
  /** Bytes from the BAR's start to the slots. */
  readonly slotTable: number;
  readonly #words: Uint32Array;
  #slotMemory = 0;
  #cache: CachedSlots | null = null;

  /**
   * Adds the BAR to a function that is not plugged in yet, and has nothing in the registers of that BAR.
   * @throws ParentOptionError, BarError, PasidError
   */
  constructor(pci: PciFunction, options: ParentDeviceOptions) {
    const { queues, slots = queues, pasids = Math.min(queues, PASID_MASK) } = options;
    const whole = (option: string, value: number, most: number) => {
      if (!Number.isInteger(value) || value < 1 || value > most)
        throw new ParentOptionError(option, value, `a whole number of 1..${most}`);
    };
    whole('queues', queues, MOST_QUEUES);
    whole('slots', slots, MOST_QUEUES);
    this.pci = pci;
    this.queues = queues;
    this.pasids = new PasidTable(pasids);
    this.#words = new Uint32Array(queues * WORDS);
    const scheduler: Scheduler = { submit: (task) => pci.slot.scheduler.submit(task) };
    this.slots = new MessageSlots(slots, this, scheduler);
    const queueBytes = queues * PARENT_QUEUE_BYTES;
    this.slotTable = Math.ceil((PARENT_TABLES_AT + queueBytes) / PARENT_TABLES_AT) * PARENT_TABLES_AT;
    const slotBytes = slots * MESSAGE_SLOT_BYTES;
    pci.addBar({
      index: MEDIATED_BAR,
      kind: 'memory64',
      lengthBytes: 2 ** Math.ceil(Math.log2(this.slotTable + slotBytes)),
      regions: [
        { name: 'parent', offset: 0, length: PARENT_TABLES_AT, target: new Header(this) },
        { name: 'queues', offset: PARENT_TABLES_AT, length: queueBytes, target: new QueueTable(this) },
        { name: 'message slots', offset: this.slotTable, length: slotBytes, target: this.slots },
      ],
    });
    pci.onReset.push(() => this.reset());
    pci.parts.set('mediated-parent', this);
  }

  /** What PASIDs are bound to is the host's, and no part of it. */
  save() {
    const { slotMemory, slots, queues } = this;
    const shape = { queues, slots: slots.slots };
    return parentState.save({ shape, slotMemory, queues: bytesOfWords(this.#words), slots: slots.save() });
  }

  check(state: State, path = 'parent') {
    const saved = parentState.parse(state, path, { queues: this.queues, slots: this.slots.slots });
    expectSame(`${path}.queues.length`, saved.queues.length, this.#words.byteLength);
    expectSame(`${path}.slots.words.length`, saved.slots.words.length, this.slots.slots * MESSAGE_SLOT_BYTES);
    for (const [i, slot] of saved.slots.pending.entries())
      expectAt(path)(
        slot < this.slots.slots,
        `slots.pending[${i}]`,
        slot,
        `a slot below ${this.slots.slots}`,
      );
    return saved;
  }

  load(state: State): void {
    const { slotMemory, queues, slots } = this.check(state);
    setWords(this.#words, queues);
    this.slots.load(slots);
    this.slotMemory = slotMemory;
  }

  resume(): void {
    this.slots.resume();
  }

  reset(): void {
    this.#words.fill(0);
    this.slots.reset();
    this.#slotMemory = 0;
    this.#cache = null;
  }

  /** Address of slot 0 in system memory; 0 while slots stand in the device. */
  get slotMemory(): number {
    return this.#slotMemory;
  }

  set slotMemory(address: number) {
    this.#slotMemory = address;
    const { scheduler, dma } = this.pci.slot;
    this.#cache = address === 0 ? null : new CachedSlots(this.slots, dma, address, scheduler);
    this.slots.store = this.#cache;
  }

  forgetSlot(slot: number): void {
    if (slot < this.slots.slots) this.#cache?.forget(slot);
  }

  /** Word `at` of the queues' table; 0 beyond its end. */
  queueWord(at: number): number {
    return this.#words[at] ?? 0;
  }

  setQueueWord(at: number, value: number): void {
    if (at < this.#words.length && at % WORDS !== BUSY) this.#words[at] = value;
  }

  isEnabled(queue: number): boolean {
    return (this.#words[queue * WORDS + CONTROL]! & QUEUE_ENABLE) !== 0;
  }

  pasidOf(queue: number): number {
    return this.#words[queue * WORDS + PASID]!;
  }

  /** So many requests of a queue are under way. */
  setBusy(queue: number, requests: number): void {
    this.#words[queue * WORDS + BUSY] = requests;
  }

  /** A queue has something to tell: by the slot that its row says, while it is enabled. */
  signal(queue: number): void {
    if (this.isEnabled(queue)) this.slots.signal(this.#words[queue * WORDS + SLOT]!);
  }

  /** What a queue had to tell is gone. */
  withdraw(queue: number): void {
    this.slots.withdraw(this.#words[queue * WORDS + SLOT]!);
  }

  message(low: number, high: number, data: number, pasid: number | null): void {
    const { pci, counts } = this;
    if (!pci.plugged || !pci.busMaster) return;
    if (pasid === null) {
      counts.delivered++;
      pci.slot.sendMessage(low, high, data);
      return;
    }
    const context = this.pasids.find(pasid);
    const toController = high === 0 && low >= MESSAGE_WINDOW.start && low < MESSAGE_WINDOW.end;
    if (context !== undefined && toController && context.post !== null) {
      counts.posted++;
      context.post(data);
      return;
    }
    const bytes = Uint8Array.of(data, data >>> 8, data >>> 16, data >>> 24);
    if (context !== undefined && !toController && context.domain.write(high * FOUR_GIB + low, bytes, 0, 4))
      counts.written++;
    else counts.dropped++;
  }
}

type HeaderHalf = 'low' | 'high';

/** The registers before the tables. */
class Header implements BusTarget {
  readonly device: ParentDevice;

  constructor(device: ParentDevice) {
    this.device = device;
  }

  read(offset: number, width: Width): number {
    // The answer to a read pushes messages.
    this.device.slots.push();
    return headerBlock.read(this.device, offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    headerBlock.write(this.device, offset, width, value);
  }

  widthAt(offset: number): Width {
    return headerBlock.widthAt(offset);
  }
}

const half = (which: HeaderHalf) => ({
  read: ({ slotMemory }: ParentDevice) =>
    which === 'low' ? slotMemory % FOUR_GIB : Math.floor(slotMemory / FOUR_GIB),
  write: (device: ParentDevice, value: number) => {
    const { slotMemory: was } = device;
    device.slotMemory =
      which === 'low' ? was - (was % FOUR_GIB) + value : (was % FOUR_GIB) + (value & 0x1fffff) * FOUR_GIB;
  },
});

const headerBlock = new RegisterBlock(
  parentHeader,
  {
    queues: { read: (device: ParentDevice) => device.queues },
    slots: { read: (device: ParentDevice) => device.slots.slots },
    queueTable: { read: () => PARENT_TABLES_AT },
    slotTable: { read: (device: ParentDevice) => device.slotTable },
    slotMemoryLow: half('low'),
    slotMemoryHigh: half('high'),
    forgetSlot: { read: () => 0, write: (device: ParentDevice, slot) => device.forgetSlot(slot) },
  },
  PARENT_TABLES_AT,
  'zeros',
);

/** Rows of queues, in words. */
class QueueTable implements BusTarget {
  readonly #device: ParentDevice;

  constructor(device: ParentDevice) {
    this.#device = device;
  }

  read(offset: number, width: Width): number {
    this.#device.slots.push();
    if (offset % width !== 0) return readPieces(this, offset, width);
    return ((this.#device.queueWord(offset >> 2) >>> (8 * (offset & 3))) & maskOf(width)) >>> 0;
  }

  /** Words are written whole. */
  write(offset: number, width: Width, value: number): void {
    if (width === 4 && offset % 4 === 0) this.#device.setQueueWord(offset >> 2, value);
    else if (offset % width !== 0) writePieces(this, offset, width, value);
  }
}
