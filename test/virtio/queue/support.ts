import { DmaDomain, type DmaWindow, GuestMemory, type MemoryRange } from '../../../src/core/index.ts';
import { Chain, PLAIN_MODE, type RingMode, type Virtqueue } from '../../../src/virtio/index.ts';
import { PackedQueue } from '../../../src/virtio/queue/packed.ts';
import { SplitQueue } from '../../../src/virtio/queue/split.ts';
import { type Element, RawPackedRing } from '../support/packed-ring.ts';
import { type Parts, RawRing } from '../support/ring.ts';

export const [NEXT, WRITE, INDIRECT] = [1, 2, 4];
export const [EMPTY, CHAIN, FAULT] = [0, 1, 2];
/** RAM that does not begin at 0, in two ranges of 64 KiB; the first holds the rings, the second indirect tables. */
export const FIRST = 0x4000;
export const SECOND = 0x40000;
export const PARTS = { descriptor: 0x8000, driver: 0x9000, device: 0xa000 };
export const TABLE = SECOND + 0x1000;

export interface RingOptions {
  readonly size?: number;
  readonly mode?: Partial<RingMode>;
  readonly windows?: readonly DmaWindow[];
  readonly parts?: Parts;
  readonly ranges?: readonly MemoryRange[];
  readonly maxSize?: number;
}

/** The device's side of a ring and the driver's, without a device: buffers are offered one after another, by number. */
export interface BareRing {
  readonly ram: GuestMemory;
  readonly dma: DmaDomain;
  readonly queue: Virtqueue;
  /** Offers a list of elements, as the ring's own descriptors or as an indirect table at {@link TABLE}. */
  offer(elements: readonly Element[], table?: boolean): void;
  /** Breaks a rule, so that the next pop is a fault. */
  spoil(): void;
  /** What the device asks to be kicked at, as the data of a kick say it. */
  readonly event: number;
  /** Data of the kick after `count` offers of one descriptor in all. */
  nextAfter(count: number): number;
}

function common({ ranges, windows, mode }: RingOptions) {
  const ram = new GuestMemory(
    ranges ?? [FIRST, SECOND].map((start) => ({ start, bytes: new Uint8Array(0x10000) })),
  );
  const dma = new DmaDomain(ram, windows);
  return { ram, dma, mode: { ...PLAIN_MODE, indirect: true, ...mode } };
}

function ready(queue: Virtqueue, dma: DmaDomain, mode: RingMode, size: number, parts: Parts): void {
  queue.attach(dma);
  queue.setMode(mode);
  queue.size = size;
  for (const area of ['descriptor', 'driver', 'device'] as const) queue.addresses.set(area, parts[area]);
  queue.ready = true;
}

function split(options: RingOptions = {}): BareRing {
  const { size = 8, maxSize = size, parts = PARTS } = options;
  const { ram, dma, mode } = common(options);
  const queue = new SplitQueue(maxSize);
  ready(queue, dma, mode, size, parts);
  const raw = new RawRing(ram, size, parts, mode.littleEndian);
  let slot = 0;
  return {
    ram,
    dma,
    queue,
    offer(elements, table = false) {
      const head = slot % size;
      if (table) {
        raw.chain(0, elements, TABLE);
        raw.describe(head, { address: TABLE, length: 16 * elements.length, flags: INDIRECT! });
      } else
        for (const [i, each] of elements.entries()) {
          const last = i === elements.length - 1;
          const flags = (each.flags ?? 0) | (last ? 0 : NEXT!);
          raw.describe((head + i) % size, { ...each, flags, next: last ? 0 : (head + i + 1) % size });
        }
      slot += table ? 1 : elements.length;
      raw.offer(head);
    },
    spoil: () => void (raw.availableIndex += size + 1),
    get event() {
      return raw.availEvent;
    },
    nextAfter: (count) => count & 0xffff,
  };
}

function packed(options: RingOptions = {}): BareRing {
  const { size = 8, maxSize = size, parts = PARTS } = options;
  const { ram, dma, mode } = common(options);
  const queue = new PackedQueue(maxSize);
  ready(queue, dma, { ...mode, packed: true }, size, parts);
  const raw = new RawPackedRing(ram, size, parts);
  let id = 0;
  return {
    ram,
    dma,
    queue,
    offer(elements, table = false) {
      if (table) {
        for (const [i, each] of elements.entries()) raw.describe(i, { flags: 0, ...each, id: 0 }, TABLE);
        raw.offer(id++, { address: TABLE, length: 16 * elements.length, flags: INDIRECT! });
      } else raw.offer(id++, ...elements);
    },
    spoil: () => raw.describe(raw.next, { address: 0, length: 1, id: 0, flags: raw.available | INDIRECT! }),
    get event() {
      return raw.deviceEvent[0];
    },
    nextAfter: (count) => (count % size) | (Math.floor(count / size) % 2 === 0 ? 0x8000 : 0),
  };
}

export const formats = { split, packed };
export type Format = keyof typeof formats;
export const FORMATS = Object.keys(formats) as Format[];

/** Offers single buffers, takes them and hands them back, so that the ring stands `count` places further on. */
export function turn({ queue, offer }: BareRing, count: number): void {
  const chain = new Chain();
  for (let i = 0; i < count; i++) {
    offer([{ address: FIRST, length: 1, flags: WRITE }]);
    queue.pop(chain);
    queue.push(chain.head, 0, 1, chain.span, false);
    queue.publish();
  }
}
