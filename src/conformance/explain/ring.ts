import type { ChainRules, SeenChain } from './chain.ts';

/** A ring as memory shows it. */
export interface SeenRing {
  readonly layout: 'split' | 'packed';
  /** Where the driver and the device stand: the indices of a split ring, or a packed one's next slot and its round's wrap counter. */
  readonly position: string;
  /** The place of the ring in which the driver puts its next chain. */
  readonly next: number;
  /** How many chains wait, and those that wait longest, which the device takes next. */
  readonly waitingCount: number;
  readonly waiting: readonly SeenChain[];
  /** Which chains wait is known, and not only how many. */
  readonly certain: boolean;
  /** The device has handed something back since the ring was set up. */
  readonly used: boolean;
  /** Whether the device asked for a kick for what waits; null where that cannot be told. */
  readonly kickWanted: boolean | null;
  /** Whether the driver asked for an interrupt for what was used; null where that cannot be told. */
  readonly interruptWanted: boolean | null;
  /** What the two sides asked for, in words. */
  readonly events: string;
}

/** Why a ring cannot be read, or what in it cannot be. */
export interface RingFault {
  readonly id: 'ring-outside-ram' | 'ring-misaligned' | 'index-too-far';
  readonly clause: string;
  readonly says: string;
}

/** Where a ring stands. */
export interface RingAreas {
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
}

export interface RingRules extends ChainRules {
  readonly eventIndex: boolean;
  /** The driver works by the legacy interface. */
  readonly legacy: boolean;
  /** What a request of the queue begins with; null where it may be either. */
  readonly opens: 'readable' | 'writable' | null;
}

/** Chains that are decoded, of those that wait. */
export const DECODED_CHAINS = 4;

const hex = (value: number) => `0x${value.toString(16)}`;

/** One of a ring's areas, and what it has to be. */
export interface RingArea {
  readonly name: string;
  readonly address: number;
  readonly length: number;
  readonly alignment: number;
}

/** The first area that is no place for one. */
export function areaFault(
  areas: readonly RingArea[],
  holds: (address: number, length: number) => boolean,
  clauses: { readonly alignment: string; readonly place: string },
): RingFault | null {
  for (const { name, address, length, alignment } of areas) {
    const what = `the ${name} at ${hex(address)}`;
    if (address % alignment !== 0)
      return {
        id: 'ring-misaligned',
        clause: clauses.alignment,
        says: `${what} is no multiple of ${alignment}`,
      };
    if (!holds(address, length))
      return {
        id: 'ring-outside-ram',
        clause: clauses.place,
        says: `${what}, ${length} bytes, is not RAM that the driver has`,
      };
  }
  return null;
}
