import { VirtiolabError } from './errors.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { Width } from './register-map.ts';

/** A function's place: segment << 16 | bus << 8 | device << 3 | function. Most machines have segment 0 only. */
export type FunctionAddress = number;

type AddressPart = 'segment' | 'bus' | 'device' | 'function';

/** No such segment, bus, device or function. */
export class FunctionAddressError extends VirtiolabError {
  readonly part: AddressPart;
  readonly value: number;

  constructor(part: AddressPart, value: number, most: number) {
    super(`${part} ${value}; wants a whole number of 0..${most}`);
    this.part = part;
    this.value = value;
  }
}

/**
 * What a bus leads to is lost: the process that it ran in has ended, or does not speak any more. Not to be mistaken for a
 * function that was taken away, whose registers read all ones: here nobody is left who could answer even that. Every
 * access from then on throws it.
 */
export class TargetGoneError extends VirtiolabError {
  /** What was lost. */
  readonly target: string;
  readonly reason: string;

  constructor(target: string, reason: string) {
    super(`${target} is gone: ${reason}`);
    this.target = target;
    this.reason = reason;
  }
}

/** What a bus leads to did not answer an access in time. It may be slow, or stopped: the next access waits for it anew. */
export class TargetTimeoutError extends VirtiolabError {
  readonly target: string;
  /** The access. */
  readonly what: string;
  readonly milliseconds: number;

  constructor(target: string, what: string, milliseconds: number) {
    super(`${target} does not answer ${what}: waited for ${milliseconds} ms`);
    this.target = target;
    this.what = what;
    this.milliseconds = milliseconds;
  }
}

function checkPart(part: AddressPart, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new FunctionAddressError(part, value, most);
}

/** `bus` 0..255, `device` 0..31, `fn` 0..7, `segment` 0..65535. @throws FunctionAddressError */
export function functionAddress(bus: number, device: number, fn = 0, segment = 0): FunctionAddress {
  checkPart('bus', bus, 255);
  checkPart('device', device, 31);
  checkPart('function', fn, 7);
  checkPart('segment', segment, 0xffff);
  return ((segment << 16) | (bus << 8) | (device << 3) | fn) >>> 0;
}

/** The usual notation, as in `00:04.0`; with the segment where it is not 0, as in `0001:00:04.0`. */
export function formatFunctionAddress(address: FunctionAddress): string {
  const hex = (value: number, digits = 2) => value.toString(16).padStart(digits, '0');
  const segment = address >>> 16 === 0 ? '' : `${hex(address >>> 16, 4)}:`;
  return `${segment}${hex((address >>> 8) & 0xff)}:${hex((address >> 3) & 31)}.${address & 7}`;
}

/** A message that a device writes in order to interrupt. */
export interface MessageTarget {
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly data: number;
  /** Forgets a message that has arrived and that the handler was not told of yet. */
  discard(): void;
  /** Gives the vector back. */
  release(): void;
}

/** An entry of a function's MSI-X table. */
export interface MessagePlace {
  readonly fn: FunctionAddress;
  readonly entry: number;
}

/** How interrupts reach software. */
export interface Interrupts {
  /**
   * Level-triggered line, shared: while it is asserted every handler is asked in turn; each says whether its own
   * function had raised it. @returns a function that disconnects the handler.
   */
  connectLine(line: number, handler: () => boolean): () => void;
  /**
   * A vector of its own for a message-signalled interrupt. `place` says which entry of which function is aimed at it: which
   * number the vector has is no part of a state, and where one is loaded the entry is aimed at the vector of today.
   */
  allocateMessage(handler: () => void, place?: MessagePlace): MessageTarget;
  /** Interrupts reach their handlers in {@link Bus.pause} only: whoever waits for one has to pause. Else they come by themselves. */
  readonly inPausesOnly?: boolean;
}

/** What the software that has a function hears of those who plug functions, place BARs, or restore a machine. */
export interface FunctionWatcher {
  /** BARs are decoded at other addresses than before, or no longer. */
  moved(): void;
  /** The function was taken away. Whatever stands in its slot next is another. */
  removed(): void;
  /** The function's state is about to be replaced by a loaded one: what it does meanwhile tells nobody anything. */
  loading(): void;
  /** The state is there; memory writes that were on their way in it are not yet. */
  loaded(): void;
  /** All of the machine is there. `go`, once called, lets the function go on with what was in flight. */
  resume(go: () => void): void;
}

/**
 * What a CPU can do, and all that software has: drivers, firmware, the translator and the conformance suite reach
 * devices through nothing else. Values are unsigned; a value's bits above the width are cut off. Accesses return when they
 * are done, wherever the target is. None throws but for a target that is lost ({@link TargetGoneError}), or that does not
 * answer in time ({@link TargetTimeoutError}).
 */
export interface Bus {
  /** Configuration space. `offset` in bytes, aligned to `width`; up to 4095 where the function is PCI Express. */
  configRead(fn: FunctionAddress, offset: number, width: Width): number;
  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void;
  ioRead(port: number, width: Width): number;
  ioWrite(port: number, width: Width, value: number): void;
  memoryRead(address: number, width: Width): number;
  memoryWrite(address: number, width: Width, value: number): void;
  /**
   * The CPU waits a moment: time passes for devices, memory writes on their way arrive, work that is held back goes on, and
   * interrupts are delivered. To be called between two looks at whatever is waited for. @throws TargetGoneError
   */
  pause(): void;
  /**
   * Memory that a function's DMA reaches, which no register tells: for telling people who wire machines together that
   * they forgot to. Undefined where nobody knows.
   */
  dmaMemory?(fn: FunctionAddress): GuestMemory | undefined;
  /** RAM as the CPU sees it. */
  readonly ram: GuestMemory;
  readonly interrupts: Interrupts;
  /**
   * Where the bus can tell: what happens to a function behind the back of the software that has it, as an operating system
   * tells its drivers. One watcher a function. @returns a function that ends it.
   */
  watchFunction?(fn: FunctionAddress, watcher: FunctionWatcher): () => void;
}
