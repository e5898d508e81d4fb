import { registers, ro, rw } from '../../core/index.ts';

/** Ids of a slice that is a work queue: one of those that Red Hat leaves to experiments. */
export const WORK_QUEUE_ID = { vendorId: 0x1af4, deviceId: 0x10f0, classCode: 0x088000 } as const;

/** BARs of a work queue's function. */
export const workQueueBar = { registers: 0, msix: 1, portals: 2 } as const;

/** Registers of a work queue, as its guest has them. */
export const workQueue = registers({
  capacity: ro(0x00, 4),
  mode: rw(0x04, 4),
  /** Requests that a shared queue takes before it has submitters try again. */
  threshold: rw(0x08, 4),
  /** PASID of what a dedicated queue does; 0 for none: addresses are the guest's physical ones. */
  pasid: rw(0x0c, 4),
  command: rw(0x10, 4),
  status: ro(0x14, 4),
  occupancy: ro(0x18, 4),
  /** What the last command came to, see {@link workQueueResult}. */
  result: ro(0x1c, 4),
  /** PASID that a command for translations is about. */
  subject: rw(0x20, 4),
  tableLow: rw(0x24, 4),
  tableHigh: rw(0x28, 4),
  tablePages: rw(0x2c, 4),
  /** Number of the page that is to be forgotten. */
  page: rw(0x30, 4),
  /** The oldest page request that waits for an answer; its id is 0 where none does. */
  requestId: ro(0x34, 4),
  requestPasid: ro(0x38, 4),
  requestPage: ro(0x3c, 4),
  /** An id, and bit 31 where the page is there now. */
  response: rw(0x40, 4),
});

export const WORK_QUEUE_BYTES = 0x80;
export const workQueueMode = { dedicated: 0, shared: 1 } as const;
export const workQueueCommand = { enable: 1, drain: 2, abort: 3, bind: 4, unbind: 5, invalidate: 6 } as const;
export const workQueueStatus = { enabled: 1, draining: 2 } as const;
export const workQueueResult = {
  good: 0,
  badState: 1,
  badPasid: 2,
  badTable: 3,
  noPasidLeft: 4,
  badCommand: 5,
} as const;
export const PAGE_IS_THERE = 0x8000_0000;

/** Where work is submitted, in bytes from the start of the portals. A descriptor is written whole; a read says what came of it. */
export const portal = { dedicated: 0x000, shared: 0x800 } as const;
export const PORTAL_BYTES = 0x1000;
export const submitResult = { accepted: 0, retry: 1, refused: 2 } as const;

/** One piece of work: what the CPU's instruction writes, and into which it puts the PASID of whoever executes it. */
export const workDescriptor = registers({
  /** Bits 0..19; of no effect in a dedicated queue. */
  pasid: rw(0x00, 4),
  operation: rw(0x04, 4),
  sourceLow: rw(0x08, 4),
  sourceHigh: rw(0x0c, 4),
  destinationLow: rw(0x10, 4),
  destinationHigh: rw(0x14, 4),
  length: rw(0x18, 4),
  pattern: rw(0x1c, 4),
  /** Where the completion record is written; 0 for none. */
  completionLow: rw(0x20, 4),
  completionHigh: rw(0x24, 4),
});

export const WORK_DESCRIPTOR_BYTES = 64;
export const workOperation = { nothing: 0, move: 1, fill: 2 } as const;
/** Bytes of one piece of work at most: as many pages as a device remembers have room for its source and destination. */
export const MOST_WORK_BYTES = 1 << 16;

/** What a device writes about work that is done. */
export const completionRecord = registers({ status: rw(0, 4), done: rw(4, 4), faultPage: rw(8, 4) });
export const COMPLETION_BYTES = 16;
export const workStatus = { good: 1, pageFault: 2, badDescriptor: 3, aborted: 4 } as const;

/** An entry of a guest's page table: 8 bytes a page of 4 KiB, from address 0 on. */
export const GUEST_PAGE_BYTES = 4096;
export const GUEST_PAGE_ENTRY_BYTES = 8;
export const guestPage = { present: 1, write: 2 } as const;
/** Entries of a table at most: 64 MiB of addresses. */
export const MOST_GUEST_PAGES = 1 << 14;
