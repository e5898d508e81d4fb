import { describe, expect, it } from 'vitest';
import { DmaDomain, GuestMemory } from '../../../src/core/index.ts';
import { Iotlb, MappedAlreadyError, MapRangeError } from '../../../src/virtio/index.ts';

const PAGE = 4096;
const memory = () => GuestMemory.allocate({ start: 0, length: 16 * PAGE });

function fresh() {
  const domain = new DmaDomain(memory(), []);
  return { domain, iotlb: new Iotlb(domain) };
}

describe('what a parent reaches', () => {
  it('is nothing, then what is mapped, at the address that is told', () => {
    const { domain, iotlb } = fresh();
    domain.memory.write(3 * PAGE, Uint8Array.of(42));
    expect(domain.reaches(0, 1, false)).toBe(false);
    iotlb.map({ start: 0x8000_0000, length: PAGE, target: 3 * PAGE, write: false });
    const byte = new Uint8Array(1);
    expect(domain.read(0x8000_0000, byte, 0, 1)).toBe(true);
    expect(byte[0]).toBe(42);
    expect(domain.reaches(0x8000_0000, PAGE, true)).toBe(false);
    expect(domain.reaches(0x8000_0000, PAGE + 1, false)).toBe(false);
    iotlb.reset();
    expect(domain.reaches(0x8000_0000, 1, false)).toBe(false);
  });

  it('is mapped once: any overlap is refused, and changes nothing', () => {
    const { iotlb } = fresh();
    const map = { start: 4 * PAGE, length: 2 * PAGE, target: 0, write: true };
    iotlb.map(map);
    for (const [start, length] of [
      [4 * PAGE, 2 * PAGE],
      [3 * PAGE, 2 * PAGE],
      [5 * PAGE, 1],
      [5 * PAGE, 9 * PAGE],
      [0, 16 * PAGE],
    ] as const) {
      const again = () => iotlb.map({ start, length, target: 0, write: true });
      expect(again).toThrow(MappedAlreadyError);
      expect(again).toThrow('EEXIST');
      expect(iotlb.maps).toEqual([map]);
    }
    iotlb.map({ ...map, start: 2 * PAGE });
    iotlb.map({ ...map, start: 6 * PAGE });
    expect(iotlb.maps.map(({ start }) => start / PAGE)).toEqual([2, 4, 6]);
  });

  it('has no bytes that are none', () => {
    const { iotlb } = fresh();
    for (const [start, length] of [
      [0, 0],
      [0, -1],
      [-1, 2],
      [0.5, 1],
      [Number.MAX_SAFE_INTEGER, 2],
      [0, Number.NaN],
    ] as const) {
      expect(() => iotlb.map({ start, length, target: 0, write: true })).toThrow(MapRangeError);
      expect(() => iotlb.map({ start: 0, length, target: start, write: true })).toThrow(MapRangeError);
      expect(() => iotlb.unmap(start, length)).toThrow(MapRangeError);
    }
    expect(iotlb.maps).toEqual([]);
  });

  it('is unmapped by whole maps; a hole is no error', () => {
    const { iotlb, domain } = fresh();
    for (const start of [0, 4 * PAGE, 8 * PAGE])
      iotlb.map({ start, length: 2 * PAGE, target: start, write: true });
    expect(iotlb.unmap(2 * PAGE, 2 * PAGE)).toEqual([]);
    expect(iotlb.unmap(5 * PAGE, 3 * PAGE + 1).map(({ start }) => start / PAGE)).toEqual([4, 8]);
    expect(domain.reaches(4 * PAGE, 1, false)).toBe(false);
    expect(iotlb.maps.map(({ start }) => start)).toEqual([0]);
  });

  it('is restored whole, or not at all', () => {
    const { iotlb } = fresh();
    const map = { start: 0, length: PAGE, target: 0, write: true };
    iotlb.map(map);
    expect(() =>
      iotlb.load([
        { ...map, start: PAGE },
        { ...map, start: PAGE + 1 },
      ]),
    ).toThrow(MappedAlreadyError);
    expect(iotlb.maps).toEqual([map]);
  });
});
