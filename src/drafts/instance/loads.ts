import type { GuestMemory, Register } from '../../core/index.ts';
import {
  AVAILABLE_ELEMENT_BYTES,
  availableRing,
  BLOCK_REQUEST_BYTES,
  BlockDevice,
  blockRequest,
  blockRequestType,
  DESCRIPTOR_BYTES,
  type DeviceBehaviour,
  descriptor,
  descriptorFlag,
  EntropyDevice,
  legacyRingLayout,
  MemoryStorage,
  QUEUE_ADDRESS_UNIT,
  SECTOR_BYTES,
  SeededEntropy,
} from '../../virtio/index.ts';

/** A device type at work: how one is made, and what a driver puts into its ring. */
export interface Load {
  readonly type: string;
  /** Page of the ring. */
  readonly page: number;
  make(): DeviceBehaviour;
  clear(ram: GuestMemory): void;
  request(ram: GuestMemory): void;
}

const QUEUE_SIZE = 16;
const PAGE = 2;
/** Behind the ring. */
const BUFFERS = 0x5000;
/** RAM of a driver, in bytes. */
export const RAM_BYTES = 0x8000;
const BUFFER_BYTES = 0x400;
const BUFFER_SLOTS = 8;

/** A part of a request: bytes for the device, or room for its answer. */
type Part = Uint8Array | number;

function clear(ram: GuestMemory): void {
  ram.write(PAGE * QUEUE_ADDRESS_UNIT, new Uint8Array(legacyRingLayout(QUEUE_SIZE).total));
}

const bytesOf = (value: number, width: number) =>
  Uint8Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);

const store = (ram: GuestMemory, at: number, { offset, width }: Register, value: number) =>
  ram.write(at + offset, bytesOf(value, width));

/** Puts one chain into the ring and makes it available, as a driver of a little-endian guest does. */
function put(ram: GuestMemory, parts: readonly Part[]): void {
  const base = PAGE * QUEUE_ADDRESS_UNIT;
  const available = base + legacyRingLayout(QUEUE_SIZE).available;
  const [low, high] = ram.read(available + availableRing.index.offset, availableRing.index.width);
  const count = low! + 256 * high!;
  const first = (count * parts.length) % (QUEUE_SIZE - parts.length);
  let buffer = BUFFERS + (count % BUFFER_SLOTS) * BUFFER_BYTES;
  for (const [i, part] of parts.entries()) {
    const at = base + DESCRIPTOR_BYTES * (first + i);
    const length = typeof part === 'number' ? part : part.length;
    if (typeof part !== 'number') ram.write(buffer, part);
    const last = i === parts.length - 1;
    const { next, write } = descriptorFlag;
    store(ram, at, descriptor.addressLow, buffer);
    store(ram, at, descriptor.addressHigh, 0);
    store(ram, at, descriptor.length, length);
    store(ram, at, descriptor.flags, (last ? 0 : next) | (typeof part === 'number' ? write : 0));
    store(ram, at, descriptor.next, last ? 0 : first + i + 1);
    buffer += length;
  }
  const element = AVAILABLE_ELEMENT_BYTES * (count % QUEUE_SIZE);
  store(ram, available + element, availableRing.ring, first);
  store(ram, available, availableRing.index, (count + 1) & 0xffff);
}

const SECTORS = 8;
const disk = Uint8Array.from({ length: SECTORS * SECTOR_BYTES }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

function blockHeader(sector: number): Uint8Array {
  const header = new Uint8Array(BLOCK_REQUEST_BYTES);
  header.set(bytesOf(blockRequestType.in, blockRequest.type.width), blockRequest.type.offset);
  header.set(bytesOf(sector, blockRequest.sectorLow.width), blockRequest.sectorLow.offset);
  return header;
}

const common = { page: PAGE, clear } as const;

/** Types that can be put to work here, in the order in which one is chosen. */
const loads: readonly Load[] = [
  {
    ...common,
    type: 'block',
    make: () => new BlockDevice({ storage: new MemoryStorage(disk.slice()), queueSize: QUEUE_SIZE }),
    // A sector is read, and the status byte behind it.
    request: (ram) => put(ram, [blockHeader(1), SECTOR_BYTES, 1]),
  },
  {
    ...common,
    type: 'entropy',
    make: () => new EntropyDevice({ source: new SeededEntropy(1), queueSize: QUEUE_SIZE }),
    request: (ram) => put(ram, [24]),
  },
];

export const loadTypes: readonly string[] = loads.map(({ type }) => type);

/** The first type of those named that can be put to work; null where there is none. */
export const loadOf = (types: readonly string[]): Load | null =>
  loads.find(({ type }) => types.includes(type)) ?? null;
