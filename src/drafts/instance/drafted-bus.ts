import type {
  Bus,
  BusTarget,
  FunctionAddress,
  FunctionWatcher,
  GuestMemory,
  Interrupts,
  Width,
} from '../../core/index.ts';
import { legacyHeader } from '../../virtio/layout/index.ts';
import type { DraftRules } from '../document/document.ts';
import type { PlacedStructure } from '../model.ts';
import { DraftRegisters } from './registers.ts';

interface Late {
  readonly offset: number;
  readonly width: Width;
  readonly value: number;
}

/**
 * A host's bus on which a function's legacy block is what a draft says: its registers, and when writes to it arrive. They are
 * on their way until a read pushes them, or where the draft has no read do so until time passes.
 */
export class DraftedBus implements Bus {
  readonly ram: GuestMemory;
  readonly interrupts: Interrupts;
  readonly dmaMemory?: NonNullable<Bus['dmaMemory']>;
  readonly watchFunction?: NonNullable<Bus['watchFunction']>;
  readonly #bus: Bus;
  readonly #registers: BusTarget;
  readonly #posted: DraftRules['postedWrites'];
  readonly #prefetchable: boolean;
  readonly #late: Late[] = [];
  #base = 0;
  #length = 0;
  /** Who reads is no part of the world: no write is pushed, and nothing read ahead. */
  looking = false;

  /** @param prefetchable the block's BAR is: a bridge may read ahead, and this one does. */
  constructor(
    bus: Bus,
    structure: PlacedStructure,
    posted: DraftRules['postedWrites'],
    prefetchable: boolean,
  ) {
    this.#bus = bus;
    this.#posted = posted;
    this.#prefetchable = prefetchable;
    this.ram = bus.ram;
    this.interrupts = bus.interrupts;
    if (bus.dmaMemory !== undefined) this.dmaMemory = (fn) => bus.dmaMemory!(fn);
    if (bus.watchFunction !== undefined)
      this.watchFunction = (fn: FunctionAddress, watcher: FunctionWatcher) => bus.watchFunction!(fn, watcher);
    this.#registers = new DraftRegisters(structure, {
      read: (offset, width) => bus.memoryRead(this.#base + offset, width),
      write: (offset, width, value) => bus.memoryWrite(this.#base + offset, width, value),
    });
  }

  /** No read pushes a write: it arrives when it arrives. */
  get waits(): boolean {
    return this.#posted === 'in-order' || this.#posted === 'unordered';
  }

  /** Says where the block is. */
  place(base: number, length: number): void {
    this.#base = base;
    this.#length = length;
  }

  /** A kick is on its way. */
  get kicked(): boolean {
    return this.#late.some(({ offset }) => offset === legacyHeader.queueNotify.offset);
  }

  /** Where the block begins, and bytes of it. */
  get block(): { readonly base: number; readonly length: number } {
    return { base: this.#base, length: this.#length };
  }

  /** Kicks that nothing was written before arrive: a device may see them at any time. */
  arriveKicks(): void {
    while (this.#late[0]?.offset === legacyHeader.queueNotify.offset) this.#arrive(this.#late.shift()!);
  }

  /** All writes arrive: in order, or where the draft lets them pass each other the latest first. */
  arriveAll(): void {
    for (;;) {
      const late = this.#posted === 'unordered' ? this.#late.pop() : this.#late.shift();
      if (late === undefined) return;
      this.#arrive(late);
    }
  }

  #arrive({ offset, width, value }: Late): void {
    this.#registers.write(offset, width, value);
  }

  #push(): void {
    if (!this.waits && !this.looking) this.arriveAll();
  }

  #inside(address: number): boolean {
    return address >= this.#base && address < this.#base + this.#length;
  }

  memoryRead(address: number, width: Width): number {
    if (!this.#inside(address)) return this.#bus.memoryRead(address, width);
    this.#push();
    const offset = address - this.#base;
    const value = this.#registers.read(offset, width);
    const { isrStatus } = legacyHeader;
    if (this.#prefetchable && !this.looking && offset < isrStatus.offset)
      this.#registers.read(isrStatus.offset, 1);
    return value;
  }

  memoryWrite(address: number, width: Width, value: number): void {
    if (this.#inside(address)) this.#late.push({ offset: address - this.#base, width, value });
    else this.#bus.memoryWrite(address, width, value);
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    this.#push();
    return this.#bus.configRead(fn, offset, width);
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    this.#push();
    this.#bus.configWrite(fn, offset, width, value);
  }

  ioRead(port: number, width: Width): number {
    return this.#bus.ioRead(port, width);
  }

  ioWrite(port: number, width: Width, value: number): void {
    this.#bus.ioWrite(port, width, value);
  }

  pause(): void {
    this.arriveAll();
    this.#bus.pause();
  }
}
