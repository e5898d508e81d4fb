import { describe, expect, it, test } from 'vitest';
import type { Bus } from '../../src/core/index.ts';
import {
  type FoundBar,
  type FoundFunction,
  FunctionGoneError,
  NoDeviceError,
} from '../../src/driver/index.ts';
import {
  type BlockPlace,
  draft2023,
  encodeCapability,
  fixedVectorsDraft,
  memoryAccess,
} from '../../src/mmr/index.ts';
import { SLOT } from '../pci/support.ts';

const BAR: FoundBar = { index: 2, kind: 'memory32', prefetchable: false, size: 0x1000, address: 0x8000_0000 };

/** A function that is nothing but its extended capabilities, one every 32 bytes from 0x100 on. */
function made(places: readonly BlockPlace[], bars: readonly FoundBar[] = [BAR]) {
  const bytes = new Uint8Array(0x200);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x1af4, true);
  const extended = places.map((place, i) => {
    const at = 0x100 + 0x20 * i;
    view.setUint32(at, draft2023.extendedCapabilityId, true);
    for (const [offset, byte] of encodeCapability(draft2023, place)) bytes[at + offset] = byte;
    return { id: draft2023.extendedCapabilityId, offset: at };
  });
  const log: string[] = [];
  const some: Pick<Bus, 'configRead' | 'memoryRead' | 'memoryWrite'> = {
    configRead: (_fn, at, width) => (width === 2 ? view.getUint16(at, true) : view.getUint32(at, true)),
    memoryRead: (at, width) => {
      log.push(`r${width} ${at.toString(16)}`);
      return 0;
    },
    memoryWrite: (at, width) => void log.push(`w${width} ${at.toString(16)}`),
  };
  const bus = some as Bus;
  const fn = { address: SLOT, bars, extended, owner: null } as unknown as FoundFunction;
  return { bus, fn, log, bytes };
}

describe('the MMR capability that a driver takes', () => {
  const last = { bar: 2, offset: 0xf00, length: 0x100 };

  test.each<readonly [string, BlockPlace, FoundBar]>([
    ['in a BAR that is not there', { ...last, bar: 3 }, BAR],
    ['in a reserved BAR', { ...last, bar: 7 }, BAR],
    ['beyond its BAR by one byte', { ...last, length: 0x101 }, BAR],
    ['too short for the header with vectors', { ...last, length: 23 }, BAR],
    ['in a BAR without an address', last, { ...BAR, address: 0 }],
    ['in an I/O BAR', last, { ...BAR, kind: 'io' }],
  ])('is none %s', (_, place, bar) => {
    const { bus, fn } = made([place], [bar]);
    expect(() => memoryAccess(bus, fn, draft2023)).toThrow(NoDeviceError);
  });

  test.each([24, 0x100])('is one of %d bytes up to the end of its BAR, behind one that is none', (length) => {
    const place = { bar: 2, offset: 0x1000 - length, length };
    const { bus, fn, log } = made([{ ...last, bar: 5 }, place]);
    const access = memoryAccess(bus, fn, draft2023);
    access.write(0x12, 1, 3);
    access.read(0x12, 1);
    const at = (0x8000_1000 - length + 0x12).toString(16);
    expect(log).toEqual([`w1 ${at}`, `r1 ${at}`, `r1 ${at}`]);
  });

  it('is pushed by a read of status after each write but a notification', () => {
    const { bus, fn, log } = made([{ bar: 2, offset: 0, length: 0x100 }]);
    const access = memoryAccess(bus, fn, draft2023);
    access.write(0x10, 2, 0);
    expect(log).toEqual(['w2 80000010']);
    access.write(0x0e, 2, 1);
    expect(log.slice(1)).toEqual(['w2 8000000e', 'r1 80000012']);
  });

  it('has its configuration where the draft has it: behind the vectors always, or while MSI-X is on', () => {
    const place = { bar: 2, offset: 0, length: 0x100 };
    const access = [draft2023, fixedVectorsDraft].map((draft) => {
      const { bus, fn } = made([place]);
      return memoryAccess(bus, fn, draft);
    });
    expect(access.map(({ name, fixedVectors }) => [name, fixedVectors])).toEqual([
      ['native-mmr', false],
      ['native-mmr', true],
    ]);
  });

  it('of a function that is gone is no missing one', () => {
    const { bus, fn, bytes } = made([last]);
    bytes.fill(0xff);
    expect(() => memoryAccess(bus, fn, draft2023)).toThrow(FunctionGoneError);
  });
});
