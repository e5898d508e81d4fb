import { FOUR_GIB } from '../../core/index.ts';
import {
  DESCRIPTOR_BYTES,
  descriptor,
  descriptorFlag,
  PACKED_DESCRIPTOR_BYTES,
  packedDescriptor,
} from '../../virtio/layout/index.ts';
import type { RamReader } from './ram.ts';

/** A buffer of a chain. */
export interface SeenBuffer {
  readonly address: number;
  readonly length: number;
  /** The device writes it. */
  readonly writable: boolean;
}

/** Why a device cannot take a chain. */
export interface ChainFault {
  readonly id: 'out-of-table' | 'loop' | 'misordered' | 'outside-ram' | 'indirect' | 'too-long';
  readonly clause: string;
  readonly says: string;
}

/** A chain that waits for the device. */
export interface SeenChain {
  /** Its first descriptor; of a packed ring its buffer id. */
  readonly head: number;
  /** Where it was exposed: position in the available ring, or first slot of a packed one. */
  readonly slot: number;
  readonly buffers: readonly SeenBuffer[];
  readonly fault: ChainFault | null;
}

/** What chains of a queue are held to. */
export interface ChainRules {
  readonly size: number;
  readonly indirect: boolean;
  readonly packed: boolean;
}

/** A descriptor as it stands in memory. `next` of a packed one is its buffer id. */
export interface RawDescriptor {
  readonly address: number;
  readonly length: number;
  readonly flags: number;
  readonly next: number;
}

const hex = (value: number) => `0x${value.toString(16)}`;
const { write: WRITE, next: NEXT, indirect: INDIRECT } = descriptorFlag;

/** Undefined outside RAM. */
export function descriptorAt(
  ram: RamReader,
  table: number,
  index: number,
  packed: boolean,
): RawDescriptor | undefined {
  const at = table + DESCRIPTOR_BYTES * index;
  if (!ram.holds(at, DESCRIPTOR_BYTES)) return undefined;
  const map = packed ? { ...packedDescriptor, next: packedDescriptor.id } : descriptor;
  const [low, high] = [map.addressLow, map.addressHigh].map(({ offset }) => ram.long(at + offset)!);
  const [first, second] = ram.littleEndian ? [low!, high!] : [high!, low!];
  return {
    address: second * FOUR_GIB + first,
    length: ram.long(at + map.length.offset)!,
    flags: ram.word(at + map.flags.offset)!,
    next: ram.word(at + map.next.offset)!,
  };
}

const fault = (id: ChainFault['id'], clause: string, says: string): ChainFault => ({ id, clause, says });

/** What is wrong with the next buffer of a chain; null where nothing is. */
export function bufferFault(
  ram: RamReader,
  before: readonly SeenBuffer[],
  buffer: SeenBuffer,
  { packed }: ChainRules,
): ChainFault | null {
  const nth = before.length;
  if (!buffer.writable && before.some(({ writable }) => writable))
    return fault(
      'misordered',
      packed ? 'PKD-SG-03' : 'SPL-FRM-03',
      `buffer ${nth} is readable and comes after a writable one`,
    );
  if (!ram.holds(buffer.address, buffer.length))
    return fault(
      'outside-ram',
      'RF-05',
      `buffer ${nth} at ${hex(buffer.address)}+${buffer.length} is not RAM`,
    );
  return null;
}

/** The buffers of an indirect table, added to those before it. */
export function followIndirect(
  ram: RamReader,
  buffers: SeenBuffer[],
  { address, length }: RawDescriptor,
  rules: ChainRules,
): ChainFault | null {
  const clause = (split: string, packed: string) => (rules.packed ? packed : split);
  const bad = (id: string, says: string) => fault('indirect', id, says);
  if (!rules.indirect)
    return bad(
      clause('SPL-IND-01', 'PKD-IND-01'),
      'an indirect descriptor, and the feature was not accepted',
    );
  const entries = length / (rules.packed ? PACKED_DESCRIPTOR_BYTES : DESCRIPTOR_BYTES);
  if (entries === 0 || !Number.isInteger(entries))
    return bad(
      clause('SPL-IND-03', 'PKD-IND-03'),
      `an indirect table of ${length} bytes; wants a multiple of 16`,
    );
  if (!ram.holds(address, length))
    return fault('outside-ram', 'RF-05', `the indirect table at ${hex(address)}+${length} is not RAM`);
  const seen = new Set<number>();
  for (let index = 0; ; ) {
    if (seen.has(index))
      return fault('loop', 'SPL-DESC-05', `entry ${index} of the indirect table comes twice`);
    seen.add(index);
    const entry = descriptorAt(ram, address, index, rules.packed)!;
    if (!rules.packed && (entry.flags & INDIRECT) !== 0)
      return bad('SPL-IND-02', `entry ${index} of the indirect table is indirect itself`);
    const buffer = { ...entry, writable: (entry.flags & WRITE) !== 0 };
    const wrong = bufferFault(ram, buffers, buffer, rules);
    buffers.push({ address: buffer.address, length: buffer.length, writable: buffer.writable });
    if (wrong !== null) return wrong;
    if (rules.packed ? index + 1 === entries : (entry.flags & NEXT) === 0) return null;
    index = rules.packed ? index + 1 : entry.next;
    if (index >= entries)
      return fault(
        'out-of-table',
        'SPL-DESC-05',
        `the indirect table of ${entries} leads on to entry ${index}`,
      );
  }
}

/** Follows a chain of a split ring from its head. */
export function splitChain(
  ram: RamReader,
  table: number,
  head: number,
  slot: number,
  rules: ChainRules,
): SeenChain {
  const buffers: SeenBuffer[] = [];
  const done = (wrong: ChainFault | null): SeenChain => ({ head, slot, buffers, fault: wrong });
  const seen = new Set<number>();
  for (let index = head; ; ) {
    if (index >= rules.size)
      return done(
        fault('out-of-table', 'SPL-DESC-05', `descriptor ${index} is none of the ${rules.size} of the table`),
      );
    if (seen.has(index)) return done(fault('loop', 'SPL-DESC-05', `descriptor ${index} comes twice: a loop`));
    seen.add(index);
    const raw = descriptorAt(ram, table, index, false);
    if (raw === undefined) return done(fault('outside-ram', 'RF-05', `descriptor ${index} is not RAM`));
    const { address, length, flags, next } = raw;
    if ((flags & INDIRECT) !== 0) {
      if ((flags & NEXT) !== 0)
        return done(fault('indirect', 'SPL-IND-04', `descriptor ${index} has both INDIRECT and NEXT`));
      return done(followIndirect(ram, buffers, raw, rules));
    }
    const buffer = { address, length, writable: (flags & WRITE) !== 0 };
    const wrong = bufferFault(ram, buffers, buffer, rules);
    buffers.push(buffer);
    if (wrong !== null) return done(wrong);
    if ((flags & NEXT) === 0) return done(null);
    index = next;
  }
}

/** A chain as drivers' authors write one: `R 0x300000+16, W 0x310000+512`. */
export const formatBuffers = (buffers: readonly SeenBuffer[]): string =>
  buffers
    .map(({ address, length, writable }) => `${writable ? 'W' : 'R'} ${hex(address)}+${length}`)
    .join(', ');
