import type { DmaRegion, FindingAbout } from '../../core/index.ts';
import type { QueueAddresses } from './virtqueue.ts';

/** What a ring does that its driver must not do. The queue takes nothing more until it is reset. */
export interface RingFault {
  readonly clause: string;
  readonly message: string;
  /** A descriptor is one of the ring, or of the indirect table that the message names. */
  readonly about: Omit<FindingAbout, 'queue'>;
}

const numbered = (clause: string, message: string, what: string, value: number): RingFault => ({
  clause,
  message,
  about: { what, value },
});

/** About a descriptor as a whole, or about a number of its. */
const described = (
  clause: string,
  message: string,
  descriptor: number,
  what = 'descriptor index',
  value = descriptor,
): RingFault => ({ clause, message, about: { what, value, descriptor } });

/** The first area that was not found. `clause` is the one on a ring's address that binds the driver. */
export function ringOutside(
  clause: string,
  addresses: QueueAddresses,
  descriptors: DmaRegion | null,
  driver: DmaRegion | null,
): RingFault {
  const area = descriptors === null ? 'descriptor' : driver === null ? 'driver' : 'device';
  const message = `the ring's ${area} area lies outside the memory that the function reaches`;
  return numbered(clause, message, 'address', addresses.get(area));
}

/** `clause` is the one on addresses that binds the driver. */
const tableOutside = (clause: string, index: number, address: number) =>
  described(
    clause,
    'an indirect table outside the memory that the function reaches',
    index,
    'address',
    address,
  );

/** A ring of any kind: chains are offered again and again while they are in flight. The one that is too many is lost. */
export const tooManyInFlight = (head: number): RingFault =>
  described('OPER-02', 'more chains in flight than the queue has descriptors', head);

/** What a driver can get wrong with a split ring. */
export const splitFault = {
  tooFarAhead: (index: number, size: number) =>
    numbered('SPL-AVL-01', `the index is more than ${size} ahead`, 'available index', index),
  noDescriptor: (index: number, entries: number) =>
    described('SPL-DESC-05', `a chain leads out of its table of ${entries} descriptors`, index),
  loop: (index: number, entries: number) =>
    described('SPL-DESC-05', `a chain has a loop: its table has ${entries} descriptors`, index),
  tooManyBytes: (head: number) => described('SPL-DESC-05', 'a chain of more than 2^32 bytes', head),
  misordered: (index: number) => described('SPL-FRM-03', 'a readable descriptor after a writable one', index),
  indirectRefused: (index: number, flags: number) =>
    described('SPL-IND-01', 'an indirect descriptor without the feature', index, 'descriptor flags', flags),
  indirectAndNext: (index: number, flags: number) =>
    described('SPL-IND-04', 'both indirect and next are set', index, 'descriptor flags', flags),
  tableSize: (index: number, length: number) =>
    described('SPL-IND-03', `an indirect table of ${length} bytes`, index, 'length in bytes', length),
  tableOutside,
  nested: (index: number) =>
    described('SPL-IND-02', 'an indirect descriptor inside an indirect table', index),
} as const;

/** What a driver can get wrong with a packed ring. */
export const packedFault = {
  tooManyBytes: (first: number) => described('PKD-SG-01', 'a list of more than 2^32 bytes', first),
  misordered: (index: number) => described('PKD-SG-03', 'a readable descriptor after a writable one', index),
  indirectRefused: (slot: number, flags: number) =>
    described('PKD-IND-01', 'an indirect descriptor without the feature', slot, 'descriptor flags', flags),
  indirectInList: (slot: number, flags: number) =>
    described('PKD-IND-04', 'an indirect descriptor in a list of several', slot, 'descriptor flags', flags),
  tableSize: (slot: number, length: number) =>
    described('PKD-IND-03', `an indirect table of ${length} bytes`, slot, 'length in bytes', length),
  tableOutside,
  unused: (slot: number) =>
    described('PKD-DESC-05', 'a descriptor was made available again before it was used', slot),
  longerThanQueue: (slot: number, size: number) =>
    described(
      'PKD-SG-02',
      `a list of more than the ${size} descriptors of the queue`,
      slot,
      'queue size',
      size,
    ),
  longerThanFree: (slot: number, free: number) =>
    described(
      'PKD-SG-05',
      `a list of more than the ${free} descriptors that are free`,
      slot,
      'free descriptors',
      free,
    ),
  torn: (slot: number) =>
    described('PKD-LAY-01', 'a list goes on with a descriptor that is not available', slot),
} as const;

/** The same fault, seen in an indirect table. */
export const inTable = ({ clause, message, about }: RingFault): RingFault => ({
  clause,
  message: `${message}, in an indirect table`,
  about,
});
