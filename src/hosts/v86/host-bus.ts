import type {
  Bus,
  FunctionAddress,
  FunctionWatcher,
  GuestMemory,
  Interrupts,
  MessagePlace,
  MessageTarget,
  Scheduler,
  Width,
} from '../../core/index.ts';
import { immediate, maskOf } from '../../core/index.ts';
import { InterruptSink } from '../../pci/index.ts';
import type { V86Board } from './board.ts';

/**
 * Where messages of functions go that software beside the kernel has taken: an address of the interrupt controllers' page in
 * whose reserved bits no kernel sets anything.
 */
const HOST_MESSAGE_ADDRESS = 0xfee00ff0;

/** Messages to whoever has functions of the machine beside its kernel. */
class HostInterrupts implements Interrupts {
  readonly #sink: InterruptSink;

  constructor(board: V86Board, scheduler: Scheduler) {
    const sink = new InterruptSink(0, scheduler);
    this.#sink = sink;
    board.claimMessages(HOST_MESSAGE_ADDRESS, (source, data) => sink.message(source, data));
  }

  /** Lines are the kernel's: nobody beside it is asked. */
  connectLine(): () => void {
    return () => {};
  }

  allocateMessage(handler: () => void, place?: MessagePlace): MessageTarget {
    return { ...this.#sink.allocateMessage(handler, place), addressLow: HOST_MESSAGE_ADDRESS };
  }
}

/**
 * The functions of a v86 machine, for software that runs beside its kernel as a hypervisor does: what the kernel has
 * enabled and has no driver for can be given to another guest. Ports are the kernel's.
 */
export class V86HostBus implements Bus {
  readonly ram: GuestMemory;
  readonly interrupts: Interrupts;
  readonly #board: V86Board;

  /** Of a board there is one at most. `scheduler` as for interrupts of a machine in the process: by default at once. */
  constructor(board: V86Board, scheduler: Scheduler = immediate) {
    this.#board = board;
    this.ram = board.ram;
    this.interrupts = new HostInterrupts(board, scheduler);
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    return this.#board.configRead(fn, offset, width);
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    this.#board.configWrite(fn, offset, width, value);
  }

  ioRead(_port: number, width: Width): number {
    return maskOf(width);
  }

  ioWrite(): void {}

  memoryRead(address: number, width: Width): number {
    return this.#board.memory.read(address, width);
  }

  memoryWrite(address: number, width: Width, value: number): void {
    this.#board.memory.write(address, width, value);
  }

  pause(): void {
    this.#board.scheduler.pause?.();
  }

  dmaMemory(fn: FunctionAddress): GuestMemory | undefined {
    return this.#board.at(fn)?.slot.dma.memory;
  }

  watchFunction(fn: FunctionAddress, watcher: FunctionWatcher): () => void {
    return this.#board.watchFunction(fn, watcher);
  }
}
