import { type DmaDomain, FOUR_GIB } from '../../core/index.ts';
import type { Chain } from './chain.ts';
import type { RingFault } from './faults.ts';

/**
 * Longest chain by way of an indirect table. The specification allows no more than the queue is long (SPL-IND-03); real
 * drivers go beyond it and a device may set its own bound (SPL-FRM-02, PKD-SG-08).
 */
export const MAX_INDIRECT = 1024;

/** How the accepted features and the guest shape a ring. */
export interface RingMode {
  /** Little-endian fields: always with VERSION_1, else the guest's order (LEG-VEND-01). */
  readonly littleEndian: boolean;
  readonly indirect: boolean;
  readonly eventIndex: boolean;
  readonly notifyOnEmpty: boolean;
  /** Buffers are used in the order in which they were made available (RF-18). */
  readonly inOrder: boolean;
  /** A packed ring instead of a split one. */
  readonly packed: boolean;
  /** The clauses that a ring or anything else out of reach breaks, by what the driver speaks. */
  readonly ringClause: string;
  readonly addressClause: string;
}

/** Before any feature is accepted. */
export const PLAIN_MODE: RingMode = {
  littleEndian: true,
  indirect: false,
  eventIndex: false,
  notifyOnEmpty: false,
  inOrder: false,
  packed: false,
  ringClause: 'RF-05',
  addressClause: 'RF-05',
};

/**
 * Where the three areas of a queue lie, as six 32-bit halves: guests write halves, and whatever they wrote reads back
 * exactly, also above 2^53. Packed rings use the same three.
 */
export class QueueAddresses {
  readonly words: number[] = [0, 0, 0, 0, 0, 0];

  set(area: QueueArea, address: number): void {
    this.words[2 * queueArea[area]] = address % FOUR_GIB;
    this.words[2 * queueArea[area] + 1] = Math.floor(address / FOUR_GIB);
  }

  /** All six, from another queue or a state. */
  copy(words: readonly number[]): void {
    for (let i = 0; i < words.length; i++) this.words[i] = words[i]!;
  }

  half(area: QueueArea, half: 0 | 1): number {
    return this.words[2 * queueArea[area] + half]!;
  }

  setHalf(area: QueueArea, half: 0 | 1, value: number): void {
    this.words[2 * queueArea[area] + half] = value;
  }

  /** Guest-physical address; beyond 2^53 inexact, and out of reach in any case. */
  get(area: QueueArea): number {
    return this.words[2 * queueArea[area] + 1]! * FOUR_GIB + this.words[2 * queueArea[area]]!;
  }
}

const queueArea = { descriptor: 0, driver: 1, device: 2 } as const;
export type QueueArea = keyof typeof queueArea;

/** Result of {@link Virtqueue.pop}. */
export const pop = { empty: 0, chain: 1, fault: 2 } as const;
export type Pop = (typeof pop)[keyof typeof pop];

/** The device's side of a virtqueue, whatever its ring. */
export interface Virtqueue {
  /** Largest size offered, in descriptors; 0 where there is no such queue. */
  readonly maxSize: number;
  /** Size in use. */
  size: number;
  /** The driver has set the queue up. */
  ready: boolean;
  readonly addresses: QueueAddresses;
  /** Why the queue stopped, after `pop.fault` or a push that failed. */
  fault: RingFault | null;

  /** Where DMA goes. */
  attach(dma: DmaDomain): void;
  setMode(mode: RingMode): void;
  /** Whether a queue of so many descriptors can be had. */
  takesSize(size: number): boolean;
  /** To be called when an address or the size changed. */
  relocate(): void;
  /** Takes the next available chain. */
  pop(chain: Chain): Pop;
  /**
   * Hands chains back by one used element; not visible before {@link publish}. `chains` is more than 1 only in order, where
   * the element stands for the last of a run: all before it were read or written completely (SPL-INO-01, PKD-EVT-03).
   * @param head the chain's name. @param length bytes written. @param span descriptors of the ring that `chains` occupy.
   * @param touched whether anything at all was written, as where `length` does not count it (PKD-LAY-01).
   * @returns false when the ring is out of reach; `fault` says so then.
   */
  push(head: number, length: number, chains: number, span: number, touched: boolean): boolean;
  /** Makes pushed chains visible. @returns whether the driver wants an interrupt. */
  publish(): boolean;
  /** Asks for a kick at the next available chain. @returns true when one is there already. */
  rearm(): boolean;
  /**
   * Whether the driver can have gone as far as the data of a kick says: 16 bits, offset and wrap counter of the next entry
   * that it will make available. Not ahead of what is in the ring, nor further behind than the ring is long (KICK-01).
   */
  plausibleNext(next: number): boolean;
  /** Where the ring is, as far as it was handed back: for {@link goOnFrom}. */
  position(): number;
  /** Goes on from there: what was made available since is taken anew. To be called once it is ready. */
  goOnFrom(position: number): void;
  /** Goes on where another device left off, as far as memory says where that was. */
  takeOver(): void;
  reset(): void;
}
