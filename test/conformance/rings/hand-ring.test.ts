import { describe, expect, it } from 'vitest';
import { PackedHandRing, rawDescriptor, SplitHandRing } from '../../../src/conformance/rings/index.ts';
import { GuestMemory } from '../../../src/core/index.ts';

// Bytes are written out, by the structures of chapters Split and Packed Virtqueues.
const place = { descriptor: 0x1000, driver: 0x2000, device: 0x3000 };
const READ = 0;
const WRITE = 2;
const list = [rawDescriptor(0x1_0000_0010, 3, READ), rawDescriptor(0x20, 5, WRITE)];

function split(littleEndian = true) {
  const memory = GuestMemory.allocate({ start: 0, length: 0x4000 });
  return { memory, ring: new SplitHandRing(memory, place, 4, littleEndian) };
}

function packed() {
  const memory = GuestMemory.allocate({ start: 0, length: 0x4000 });
  return { memory, ring: new PackedHandRing(memory, place, 3) };
}

describe('a split ring by hand', () => {
  it('links descriptors, puts the head into the ring, and moves the index', () => {
    const { memory, ring } = split();
    expect(ring.expose(list)).toBe(0);
    expect([...memory.read(place.descriptor, 32)]).toEqual([
      ...[0x10, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 1, 0],
      ...[0x20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 2, 0],
    ]);
    expect([...memory.read(place.driver, 6)]).toEqual([0, 0, 1, 0, 0, 0]);
    expect(ring.position).toBe(1);
    expect(ring.expose([list[1]!])).toBe(2);
    expect([...memory.read(place.driver, 8)]).toEqual([0, 0, 2, 0, 0, 0, 2, 0]);
  });

  it('is in the byte order of its guest', () => {
    const { memory, ring } = split(false);
    ring.expose(list);
    expect([...memory.read(place.descriptor, 16)]).toEqual([
      0, 0, 0, 1, 0, 0, 0, 0x10, 0, 0, 0, 3, 0, 1, 0, 1,
    ]);
    expect([...memory.read(place.driver, 4)]).toEqual([0, 0, 0, 1]);
  });

  it('reads used elements as far as the index goes', () => {
    const { memory, ring } = split();
    expect(ring.take()).toBeNull();
    memory.write(place.device, Uint8Array.from([0, 0, 2, 0, 7, 0, 0, 0, 9, 1, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]));
    expect(ring.take()).toEqual({ id: 7, length: 0x109, at: place.device + 4 });
    expect(ring.take()).toEqual({ id: 8, length: 0, at: place.device + 12 });
    expect(ring.take()).toBeNull();
  });

  it('goes around, and passes over what a used element stood for', () => {
    const { memory, ring } = split();
    memory.write(place.device + 2, Uint8Array.of(5, 0));
    for (let i = 0; i < 2; i++) ring.take();
    ring.skip(2);
    expect(ring.take()?.at).toBe(place.device + 4);
    expect(ring.take()).toBeNull();
  });

  it('writes tables whose descriptors lead on', () => {
    const { memory, ring } = split();
    expect(ring.table(0x100, list)).toEqual(rawDescriptor(0x100, 32, 4));
    expect([...memory.read(0x10c, 4)]).toEqual([1, 0, 1, 0]);
    expect([...memory.read(0x11c, 4)]).toEqual([2, 0, 2, 0]);
  });
});

describe('a packed ring by hand', () => {
  const AVAILABLE = 0x80;

  it('makes descriptors available with its wrap counter', () => {
    const { memory, ring } = packed();
    expect(ring.position).toBe(0x8000);
    expect(ring.expose(list)).toBe(0);
    expect([...memory.read(place.descriptor, 32)]).toEqual([
      ...[0x10, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 1 | AVAILABLE, 0],
      ...[0x20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 2 | AVAILABLE, 0],
    ]);
    expect(ring.position).toBe(0x8002);
    // Over the end of the ring: the first of the second round has the other bit.
    expect(ring.expose(list)).toBe(1);
    expect([...memory.read(place.descriptor + 44, 4)]).toEqual([1, 0, 1 | AVAILABLE, 0]);
    expect([...memory.read(place.descriptor + 12, 4)]).toEqual([1, 0, 2, 0x80]);
    expect(ring.position).toBe(1);
  });

  it('reads used descriptors chain by chain, round by round', () => {
    const { memory, ring } = packed();
    const used = (slot: number, id: number, flags: number) =>
      memory.write(
        place.descriptor + 16 * slot + 8,
        Uint8Array.of(4, 0, 0, 0, id, 0, ...[AVAILABLE & flags, flags >> 8]),
      );
    ring.expose(list);
    ring.expose([list[1]!]);
    expect(ring.take()).toBeNull();
    used(0, 0, 0x8080);
    expect(ring.take()).toEqual({ id: 0, length: 4, at: place.descriptor });
    expect(ring.take()).toBeNull();
    used(2, 1, 0x8080);
    expect(ring.take()).toEqual({ id: 1, length: 4, at: place.descriptor + 32 });
    // In the second round both bits are 0.
    expect(ring.take()).toBeNull();
    used(0, 1, 0);
    expect(ring.take()).toEqual({ id: 1, length: 4, at: place.descriptor });
  });

  it('leaves a table of descriptors as it is given', () => {
    const { memory, ring } = packed();
    const odd = [{ ...list[0]!, flags: 0xfff9, next: 0x1234 }];
    expect(ring.table(0x100, odd)).toEqual(rawDescriptor(0x100, 16, 4));
    expect([...memory.read(0x10c, 4)]).toEqual([0x34, 0x12, 0xf9, 0xff]);
  });
});
