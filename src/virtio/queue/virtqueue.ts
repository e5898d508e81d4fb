import { type DmaDomain, FOUR_GIB, type State } from '../../core/index.ts';
import type { Chain } from './chain.ts';

/** What a ring does that its driver must not do. The queue takes nothing more until it is reset. */
export interface RingFault {
  readonly clause: string;
  readonly message: string;
  readonly value: number;
}

/** How the accepted features and the guest shape a ring. */
export interface RingMode {
  /** Little-endian fields: always with VERSION_1, else the guest's order (LEG-VEND-01). */
  readonly littleEndian: boolean;
  readonly indirect: boolean;
  readonly eventIndex: boolean;
  readonly notifyOnEmpty: boolean;
}

/**
 * Where the three areas of a queue lie, as six 32-bit halves: guests write halves, and whatever they wrote reads back
 * exactly, also above 2^53. Packed rings use the same three.
 */
export class QueueAddresses {
  readonly words = new Uint32Array(6);

  set(area: QueueArea, address: number): void {
    this.words[2 * queueArea[area]] = address % FOUR_GIB;
    this.words[2 * queueArea[area] + 1] = address / FOUR_GIB;
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
  /** Why the queue stopped, after `pop.fault`. */
  readonly fault: RingFault | null;

  /** Where DMA goes. */
  attach(dma: DmaDomain): void;
  setMode(mode: RingMode): void;
  /** To be called when an address or the size changed. */
  relocate(): void;
  /** Takes the next available chain. */
  pop(chain: Chain): Pop;
  /** Takes a chain again that was in flight when the state was saved. */
  repop(head: number, chain: Chain): Pop;
  /** Puts a chain on the used ring; not visible before {@link publish}. @returns false when the ring is out of reach. */
  push(head: number, length: number): boolean;
  /** Makes pushed chains visible. @returns whether the driver wants an interrupt. */
  publish(): boolean;
  /** Asks for a kick at the next available chain. @returns true when one is there already. */
  rearm(): boolean;
  reset(): void;
  save(): State;
  load(state: State): void;
}
