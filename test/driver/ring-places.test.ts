import { describe, expect, it } from 'vitest';
import { GuestMemory } from '../../src/core/index.ts';
import {
  DriverPackedRing,
  type DriverRing,
  DriverSplitRing,
  INDIRECT_ENTRIES,
} from '../../src/driver/index.ts';

const SIZE = 32;
const TABLES = 0x8000;
const BYTES = 0x20000;
const [DESCRIPTOR, DRIVER, DEVICE] = [0x1000, 0x2000, 0x3000];

/** What a device writes: the used element, or the used descriptor, of the chain that it was given first. */
const used = {
  split: (view: DataView, head: number, length: number) => {
    view.setUint32(DEVICE + 4, head, true);
    view.setUint32(DEVICE + 8, length, true);
    view.setUint16(DEVICE + 2, 1, true);
  },
  packed: (view: DataView, head: number, length: number) => {
    view.setUint32(DESCRIPTOR + 8, length, true);
    view.setUint16(DESCRIPTOR + 12, head, true);
    view.setUint16(DESCRIPTOR + 14, 0x8082, true);
  },
};
type Kind = keyof typeof used;

/** Life of a ring in RAM that begins at `start`; the bytes of that RAM, and what the ring said. */
function live(kind: Kind, start: number, mode: { readonly eventIndex: boolean; readonly indirect: boolean }) {
  const ram = GuestMemory.allocate({ start, length: BYTES });
  const place = { descriptor: start + DESCRIPTOR, driver: start + DRIVER, device: start + DEVICE };
  let next = start + TABLES;
  const Ring = kind === 'split' ? DriverSplitRing : DriverPackedRing;
  const whole = { littleEndian: true, inOrder: false, ...mode };
  const ring: DriverRing = new Ring(ram, SIZE, place, whole, (length) => (next += length) - length);
  const { view, bytes } = ram.ranges[0]!;
  const buffers = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ address: 0x9000 + i, length: i + 1, writable: i > 0 }));
  const said: unknown[] = [];
  const heads = [3, 1, 2].map((count) => ring.add(buffers(count)));
  said.push(heads, ring.publish(), ring.free, ring.position);
  used[kind](view, heads[0]!, 5);
  said.push(ring.take(), ring.take(), ring.free, ring.outstanding, ring.failure);
  for (const on of [false, true]) ring.setInterrupts(on);
  return { said, bytes };
}

describe.each<Kind>(['split', 'packed'])('a %s ring', (kind) => {
  it.each([
    { eventIndex: false, indirect: false },
    { eventIndex: true, indirect: false },
    { eventIndex: true, indirect: true },
  ])('is the same wherever its RAM begins: %j', (mode) => {
    const low = live(kind, 0, mode);
    expect(low.said.at(4)).toEqual({ head: expect.any(Number), length: 5 });
    for (const start of [0x4000, 2 ** 32]) {
      const { said, bytes } = live(kind, start, mode);
      expect(said).toEqual(low.said);
      // But for the addresses of its tables.
      const from = mode.indirect ? DRIVER : 0;
      expect(Buffer.compare(bytes.subarray(from), low.bytes.subarray(from))).toBe(0);
    }
  });

  it('puts a chain as long as a table into one, and none that is longer or needs none', () => {
    const ram = GuestMemory.allocate({ start: 0, length: BYTES });
    const place = { descriptor: DESCRIPTOR, driver: DRIVER, device: DEVICE };
    let next = TABLES;
    const Ring = kind === 'split' ? DriverSplitRing : DriverPackedRing;
    const mode = { littleEndian: true, eventIndex: false, indirect: true, inOrder: false };
    const ring: DriverRing = new Ring(ram, SIZE, place, mode, (length) => (next += length) - length);
    const takes = [1, 2, INDIRECT_ENTRIES, INDIRECT_ENTRIES + 1].map((count) => {
      const { free } = ring;
      ring.add(Array.from({ length: count }, () => ({ address: 0x9000, length: 1, writable: false })));
      return free - ring.free;
    });
    expect(takes).toEqual([1, 1, 1, INDIRECT_ENTRIES + 1]);
  });
});
