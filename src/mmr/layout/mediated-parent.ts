import { registers, ro, rw } from '../../core/index.ts';

/** BAR of a parent of mediated devices: its queues' table, and its message slots, are behind these registers. */
export const MEDIATED_BAR = 2;

/** What stands at the start of that BAR. Offsets of tables are in bytes from its start. */
export const parentHeader = registers({
  queues: ro(0x00, 4),
  slots: ro(0x04, 4),
  queueTable: ro(0x08, 4),
  slotTable: ro(0x0c, 4),
  /** Where slots stand in system memory; with both 0 they stand in the device. */
  slotMemoryLow: rw(0x10, 4),
  slotMemoryHigh: rw(0x14, 4),
  /** Number of a slot that the device is to forget, of those in system memory: its cache of it is out of date. */
  forgetSlot: rw(0x18, 4),
});

/** One queue of the parent, as its driver gives it away. */
export const parentQueue = registers({
  /** Slot by which the queue interrupts. */
  slot: rw(0, 4),
  /** Whose memory its DMA reaches. */
  pasid: rw(4, 4),
  control: rw(8, 4),
  /** Requests that are under way. */
  busy: ro(12, 4),
});

export const PARENT_QUEUE_BYTES = 16;
export const PARENT_TABLES_AT = 0x1000;
/** Bit of a queue's control: without it the queue reads no memory, writes none, and interrupts nobody. */
export const QUEUE_ENABLE = 1;
