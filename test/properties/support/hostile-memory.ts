import { type DmaWindow, GuestMemory } from '../../../src/core/index.ts';
import { PackedRingScribe, RingScribe, rawDescriptor } from '../../../src/testing/index.ts';
import { DESCRIPTOR_BYTES, descriptorFlag, PACKED_DESCRIPTOR_BYTES } from '../../../src/virtio/index.ts';

/** RAM above 4 GiB begins here. */
export const HIGH = 2 ** 32;
/** A table of descriptors each of which leads to the next, longer than a device should go through. Nobody writes it. */
export const LONG_TABLE = 2 ** 33;
const LONG_ENTRIES = 32768;
export const longTables = { little: longTable(true), big: longTable(false), packed: longPackedTable() };

function longTable(littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(DESCRIPTOR_BYTES * LONG_ENTRIES);
  const place = { descriptor: 0, driver: 0, device: 0 };
  const scribe = new RingScribe(new GuestMemory([{ start: 0, bytes }]), place, 1, littleEndian);
  const flags = descriptorFlag.next | descriptorFlag.write;
  for (let i = 0; i < LONG_ENTRIES; i++)
    scribe.descriptor(i, { addressLow: 0x9000, addressHigh: 0, length: 1, flags, next: i + 1 });
  return bytes;
}

function longPackedTable(): Uint8Array {
  const bytes = new Uint8Array(PACKED_DESCRIPTOR_BYTES * LONG_ENTRIES);
  const place = { descriptor: 0, driver: 0, device: 0 };
  const scribe = new PackedRingScribe(new GuestMemory([{ start: 0, bytes }]), place, 1);
  const table = Array.from({ length: LONG_ENTRIES }, () => rawDescriptor(0x9000, 1, descriptorFlag.write));
  scribe.chain(0, table, 0, null);
  return bytes;
}

export const RANGES = [
  { start: 0, length: 0x10000 },
  // Where a 32-bit address is negative to whoever forgets that it is unsigned.
  { start: 0x90000000, length: 0x1000 },
  { start: HIGH, length: 0xc000 },
] as const;

/** Readable and writable, read-only, with holes between them; edges that no page and no descriptor is aligned to. */
export const WINDOWS: readonly DmaWindow[] = [
  { start: 0x0000, length: 0x4000, write: true },
  { start: 0x5000, length: 0x2ff0, write: false },
  { start: 0x8008, length: 0x4008, write: true },
  { start: 0xd000, length: 0x2ffd, write: true },
  { start: 0x90000008, length: 0xff0, write: true },
  { start: HIGH, length: 0x8000, write: true },
];
const LONG: DmaWindow = { start: LONG_TABLE, length: DESCRIPTOR_BYTES * LONG_ENTRIES, write: false };
/** All that the function ever may reach. */
export const WHOLE = [...WINDOWS, LONG];

/** Subsets of that, since what was reachable may be taken away while requests are in flight. */
export const WINDOW_SETS: readonly (readonly DmaWindow[])[] = [
  WHOLE,
  WHOLE.slice(0, 1),
  WHOLE.slice(1),
  WHOLE.map((window) => ({ ...window, write: false })),
  [],
];

/** Places worth pointing at: edges of windows and of RAM, from both sides. */
export const EDGES = [
  ...WINDOWS.flatMap(({ start, length }) => [start, start + length]),
  ...RANGES.map(({ start, length }) => start + length),
  0x1000,
  0x2000,
  0x6000,
  0x9000,
  0xe000,
  HIGH + 0x1000,
  2 ** 44 - 4096,
] as const;
export const HEADERS = [0x3000, 0x3010, 0x6000, 0x9800] as const;
/** Memory for data: in reach, across the end of a window, read-only, above 4 GiB. */
export const BUFFERS = [0x9c00, 0xa400, 0x3800, 0x6400, 0x90000400, HIGH + 0x1000] as const;
