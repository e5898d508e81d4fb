import { expectAt, group, list, u16, type ValueOf } from '../core/index.ts';
import { MAX_QUEUE_SIZE } from '../virtio/layout/index.ts';
import { type RingBrokenError, RingSizeError } from './errors.ts';

/** One buffer of a chain: guest-physical address and length in bytes. */
export interface ChainBuffer {
  readonly address: number;
  readonly length: number;
  /** The device writes it. */
  readonly writable: boolean;
}

/** A chain that the device has handed back; `length` bytes were written, as the device says: it may say more than there are. */
export interface UsedChain {
  /** The name that {@link DriverRing.add} returned. */
  readonly head: number;
  readonly length: number;
}

export interface DriverRingMode {
  readonly littleEndian: boolean;
  readonly eventIndex: boolean;
  readonly indirect: boolean;
  /** The device uses chains in the order in which they were exposed, and may report several by one used element. */
  readonly inOrder: boolean;
  /** Packed rings only: a used descriptor's length counts without WRITE too. */
  readonly lengthWithoutWrite?: boolean;
}

/** Descriptors of each indirect table. */
export const INDIRECT_ENTRIES = 16;

/** Guest-physical addresses of the three parts. */
export interface RingPlace {
  readonly descriptor: number;
  readonly driver: number;
  readonly device: number;
}

/** A ring of which the device has nothing: where the next chain goes, and its free descriptors, or their ids, in the order of their use. */
export const ringRestState = group({ position: u16, free: list(u16) });
export type RingRest = ValueOf<typeof ringRestState>;

/** @param places positions that the ring has. @throws StateMismatchError unless all of so many are free, each once. */
export function checkRest({ position, free }: RingRest, size: number, places: number, path: string): void {
  const expect = expectAt(path);
  expect(position < places, 'position', position, `less than ${places}`);
  const each = new Set(free.filter((index) => index < size));
  expect(each.size === size && free.length === size, 'free', [...free], `each of 0..${size - 1}, once`);
}

/** The driver's side of a virtqueue, whatever its ring. */
export interface DriverRing {
  readonly size: number;
  readonly place: RingPlace;
  /** Descriptors that are not in use. */
  readonly free: number;
  /** Chains that the device has not handed back. */
  readonly outstanding: number;
  /** Where the next chain goes, as the data of a kick tells it: 16 bits (KICK-01, PKD-DESC-07). */
  readonly position: number;
  /** What the device wrote that cannot be: nothing is taken from the ring any more, and nothing added. Or null. */
  readonly failure: RingBrokenError | null;
  /**
   * Exposes a chain: readable buffers first (SPL-FRM-03).
   * @returns its name, unique among the chains that are outstanding, or -1 when too few descriptors are free, or the ring is broken.
   */
  add(buffers: readonly ChainBuffer[]): number;
  /** Makes added chains visible. @returns whether the device wants a kick. */
  publish(): boolean;
  /**
   * The next chain that the device handed back, or null; null also asks for the next interrupt. A device that wrote what
   * cannot be leaves a {@link failure}.
   */
  take(): UsedChain | null;
  /** Asks for interrupts, or for none. */
  setInterrupts(on: boolean): void;
  /** What has to be known of it to go on elsewhere with what is in memory; null while a chain is outstanding, or it is broken. */
  rest(): RingRest | null;
  /** @throws StateMismatchError */
  checkRest(rest: RingRest, path: string): void;
  /** Goes on from there, whatever it was at; what was outstanding is forgotten. */
  resume(rest: RingRest): void;
}

/** @param what the size's name in an error. @throws RingSizeError for a size that no ring of that kind can have. */
export function checkQueueSize(what: string, size: number, packed: boolean): void {
  const whole = Number.isInteger(size) && size >= 1 && size <= MAX_QUEUE_SIZE;
  if (whole && (packed || (size & (size - 1)) === 0)) return;
  const wants = packed ? 'a whole number' : 'a power of two';
  throw new RingSizeError(what, size, `${wants} from 1 to ${MAX_QUEUE_SIZE}`);
}
