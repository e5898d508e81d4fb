import { type Bus, FOUR_GIB, type GuestMemory, VirtiolabError } from '../../../core/index.ts';
import { configOf, type FunctionReference } from '../../../driver/pci.ts';
import {
  COMPLETION_BYTES,
  completionRecord,
  GUEST_PAGE_BYTES,
  GUEST_PAGE_ENTRY_BYTES,
  guestPage,
  PAGE_IS_THERE,
  portal,
  WORK_DESCRIPTOR_BYTES,
  workDescriptor,
  workOperation,
  workQueue,
  workQueueBar,
  workQueueCommand,
  workQueueMode,
  workQueueResult,
} from '../../layout/index.ts';

/** A command that the work queue refused. */
export class WorkQueueCommandError extends VirtiolabError {
  readonly command: string;
  readonly result: number;

  constructor(command: keyof typeof workQueueCommand, result: number) {
    const why = Object.entries(workQueueResult).find(([, code]) => code === result)?.[0] ?? `${result}`;
    super(`work queue: ${command} was refused (${why})`);
    this.command = command;
    this.result = result;
  }
}

/** A piece of work as its submitter has it. Addresses are those of its PASID. */
export interface WorkItem {
  readonly operation: keyof typeof workOperation;
  readonly source?: number;
  readonly destination?: number;
  readonly length?: number;
  readonly pattern?: number;
  /** Where the record of its completion goes, a multiple of 16; none without. */
  readonly completion?: number;
}

/** What is written about a piece of work that is done. */
export interface WorkRecord {
  readonly status: number;
  readonly done: number;
  readonly faultPage: number;
}

/** A page table of a guest's own: it stands in the guest's memory, and is nobody else's to write. */
export class GuestPageTable {
  readonly address: number;
  readonly pages: number;
  readonly #ram: GuestMemory;

  /** @param address of its first entry, a multiple of 8. */
  constructor(ram: GuestMemory, address: number, pages: number) {
    this.#ram = ram;
    this.address = address;
    this.pages = pages;
    ram.fill(address, pages * GUEST_PAGE_ENTRY_BYTES, 0);
  }

  /** Page `page` leads to the physical page at `target`, a multiple of 4096. */
  map(page: number, target: number, write = true): void {
    const entry = new DataView(new ArrayBuffer(GUEST_PAGE_ENTRY_BYTES));
    const low = (target % FOUR_GIB) - (target % GUEST_PAGE_BYTES);
    entry.setUint32(0, low | guestPage.present | (write ? guestPage.write : 0), true);
    entry.setUint32(4, Math.floor(target / FOUR_GIB), true);
    this.#ram.write(this.address + page * GUEST_PAGE_ENTRY_BYTES, new Uint8Array(entry.buffer));
  }

  unmap(page: number): void {
    this.#ram.fill(this.address + page * GUEST_PAGE_ENTRY_BYTES, GUEST_PAGE_ENTRY_BYTES, 0);
  }
}

/** A guest's driver for a work queue: it has the function over its bus and nothing else. */
export class WorkQueueDriver {
  readonly bus: Bus;
  readonly #registers: number;
  readonly #portals: number;

  /** The function as firmware has placed it. */
  constructor(bus: Bus, fn: FunctionReference) {
    const config = configOf(bus, fn);
    // Memory, and mastering the bus.
    config.setCommand(0x6);
    this.bus = bus;
    this.#registers = config.barPlace(workQueueBar.registers).address;
    this.#portals = config.barPlace(workQueueBar.portals).address;
  }

  read(register: keyof typeof workQueue): number {
    return this.bus.memoryRead(this.#registers + workQueue[register].offset, 4);
  }

  write(register: keyof typeof workQueue, value: number): void {
    this.bus.memoryWrite(this.#registers + workQueue[register].offset, 4, value);
  }

  /** @throws WorkQueueCommandError */
  command(name: keyof typeof workQueueCommand): void {
    this.write('command', workQueueCommand[name]);
    const result = this.read('result');
    if (result !== workQueueResult.good) throw new WorkQueueCommandError(name, result);
  }

  /** Sets the queue up. @param threshold of a shared one. @param pasid of a dedicated one. @throws WorkQueueCommandError */
  enable(
    mode: keyof typeof workQueueMode,
    { threshold, pasid = 0 }: { threshold?: number; pasid?: number } = {},
  ): void {
    this.write('mode', workQueueMode[mode]);
    if (threshold !== undefined) this.write('threshold', threshold);
    this.write('pasid', pasid);
    this.command('enable');
  }

  /** A PASID is bound to a table. @throws WorkQueueCommandError */
  bind(pasid: number, { address, pages }: Pick<GuestPageTable, 'address' | 'pages'>): void {
    this.write('subject', pasid);
    this.write('tableLow', address % FOUR_GIB);
    this.write('tableHigh', Math.floor(address / FOUR_GIB));
    this.write('tablePages', pages);
    this.command('bind');
  }

  /** Work under way of the PASID ends as aborted. @throws WorkQueueCommandError */
  unbind(pasid: number): void {
    this.write('subject', pasid);
    this.command('unbind');
  }

  /** A page's entry was changed. @throws WorkQueueCommandError */
  invalidate(pasid: number, page: number): void {
    this.write('subject', pasid);
    this.write('page', page);
    this.command('invalidate');
  }

  /** Submits a piece of work. @param pasid of whoever does, to a shared queue. @returns one of `submitResult`. */
  submit(item: WorkItem, pasid?: number): number {
    const words = new Uint32Array(WORK_DESCRIPTOR_BYTES / 4);
    const put = (register: keyof typeof workDescriptor, value: number) => {
      words[workDescriptor[register].offset >> 2] = value;
    };
    const address = (low: keyof typeof workDescriptor, high: keyof typeof workDescriptor, value = 0) => {
      put(low, value % FOUR_GIB);
      put(high, Math.floor(value / FOUR_GIB));
    };
    put('pasid', pasid ?? 0);
    put('operation', workOperation[item.operation]);
    address('sourceLow', 'sourceHigh', item.source);
    address('destinationLow', 'destinationHigh', item.destination);
    put('length', item.length ?? 0);
    put('pattern', item.pattern ?? 0);
    address('completionLow', 'completionHigh', item.completion);
    const at = this.#portals + (pasid === undefined ? portal.dedicated : portal.shared);
    for (const [i, word] of words.entries()) this.bus.memoryWrite(at + 4 * i, 4, word);
    return this.bus.memoryRead(at, 4);
  }

  /** The record of a piece of work, by its guest-physical address; status 0 while it is not done. */
  record(address: number): WorkRecord {
    const bytes = this.bus.ram.read(address, COMPLETION_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const field = (name: keyof typeof completionRecord) =>
      view.getUint32(completionRecord[name].offset, true);
    return { status: field('status'), done: field('done'), faultPage: field('faultPage') };
  }

  /** The page request that has waited longest, or null. */
  pageRequest(): { readonly id: number; readonly pasid: number; readonly page: number } | null {
    const id = this.read('requestId');
    return id === 0 ? null : { id, pasid: this.read('requestPasid'), page: this.read('requestPage') };
  }

  respond(id: number, isThere: boolean): void {
    this.write('response', id + (isThere ? PAGE_IS_THERE : 0));
  }
}
