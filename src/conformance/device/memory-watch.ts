import { PACKED_EVENT_BYTES, packedRingBytes, usedRingBytes } from '../../virtio/layout/index.ts';
import type { Bench } from './bench.ts';
import type { RingUse, Stretch } from './ring-use.ts';

/** Bytes of the suite's memory as they were, to see what a device has changed since. */
export class MemoryWatch {
  readonly #bench: Bench;
  readonly #before: Uint8Array;

  constructor(bench: Bench) {
    this.#bench = bench;
    this.#before = this.#now();
  }

  #now(): Uint8Array {
    const { ram, start, end } = this.#bench.memory;
    return ram.read(start, end - start);
  }

  /** Address of the first byte that is changed outside `allowed`; null where there is none. */
  strayed(allowed: readonly Stretch[]): number | null {
    const { start } = this.#bench.memory;
    const now = this.#now();
    for (const { address, length } of allowed) {
      const at = address - start;
      now.set(this.#before.subarray(at, at + length), at);
    }
    const changed = firstDifference(now, this.#before);
    return changed < 0 ? null : start + changed;
  }
}

/** Whole words first: there are many. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const [left, right] = [a, b].map(({ buffer, length }) => new Uint32Array(buffer, 0, length >> 2)) as [
    Uint32Array,
    Uint32Array,
  ];
  let word = 0;
  while (word < left.length && left[word] === right[word]) word++;
  for (let i = 4 * word; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

/** What a device may write of a ring. */
export const deviceAreas = ({ ring, packed }: RingUse): readonly Stretch[] =>
  packed
    ? [
        { address: ring.place.descriptor, length: packedRingBytes(ring.size) },
        { address: ring.place.device, length: PACKED_EVENT_BYTES },
      ]
    : [{ address: ring.place.device, length: usedRingBytes(ring.size) }];

/**
 * The device has written nowhere but where it may: in what the ring leaves to it, and `writable`.
 * @throws Failure by SPL-DESC-04 where it wrote into a split ring's descriptors, else by the clause on buffers that it may read
 */
export function strayedNowhere(use: RingUse, watch: MemoryWatch, writable: readonly Stretch[]): void {
  const { bench, ring, packed } = use;
  const at = watch.strayed([...deviceAreas(use), ...writable]);
  if (at === null) return;
  const table = !packed && at >= ring.place.descriptor && at < ring.place.driver;
  const clause = table ? 'SPL-DESC-04' : use.by('SPL-DESC-01', 'PKD-DESC-01');
  bench.check(
    clause,
    false,
    'writes only into writable buffers and the ring',
    `a write at 0x${at.toString(16)}`,
  );
}
