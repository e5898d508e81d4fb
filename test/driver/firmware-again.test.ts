import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { DmaDomain, functionAddress, GuestMemory } from '../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  NoDeviceError,
  placeFunction,
  ResourceError,
  runFirmware,
} from '../../src/driver/index.ts';
import { mmrFunction, presentLegacy } from '../../src/mmr/index.ts';
import { type BarIndex, type BarKind, Machine, type PciFunction } from '../../src/pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../../src/virtio/index.ts';
import { addScratch, at, bareFunction, configOf, SLOT, smallMachine } from '../pci/support.ts';

const placesOf = (fn: PciFunction) => fn.bars.map(({ mappedAt }) => mappedAt);

/** A function with a BAR of each kind. */
function withBars(sizes: Partial<Record<BarKind, number>> = {}) {
  const fn = bareFunction();
  addScratch(fn, 0, 'io', sizes.io ?? 32);
  addScratch(fn, 1, 'memory32', sizes.memory32 ?? 0x1000, 16);
  fn.addBar({
    index: 2,
    kind: 'memory64',
    lengthBytes: sizes.memory64 ?? 0x4000,
    prefetchable: true,
    regions: [],
  });
  return fn;
}

describe('firmware that runs again', () => {
  it('leaves functions alone that have addresses, and places those that have none beside them', () => {
    const machine = smallMachine();
    const old = withBars();
    machine.plug(old, SLOT);
    runFirmware(machine);
    const before = placesOf(old);
    const config = configOf(machine);
    config.command(0x406);
    // At a lower place: firmware comes to it first.
    const added = withBars();
    machine.plug(added, functionAddress(0, 2));
    const written: number[] = [];
    machine.events = (event) => {
      if (event.kind === 'access' && event.operation === 'write' && event.target.startsWith('00:04.0'))
        if (event.offset === at.command) written.push(event.value);
    };
    runFirmware(machine);
    expect([placesOf(old)[1], placesOf(old)[2], config.read(at.command, 2)]).toEqual([
      before[1],
      before[2],
      0x406,
    ]);
    expect(placesOf(added).every((address, i) => address !== null && address !== before[i])).toBe(true);
    // Measured with decoding off, and put back as it was: nothing else.
    expect(written).toEqual([0x404, 0x406]);
  });

  it('moves everything when it is told to', () => {
    const machine = smallMachine();
    const old = withBars();
    machine.plug(old, SLOT);
    runFirmware(machine);
    const before = placesOf(old);
    const added = withBars();
    machine.plug(added, functionAddress(0, 2));
    runFirmware(machine, { reassign: true });
    expect([placesOf(added), placesOf(old)].map((places) => places[0])).toEqual([before[0], before[0]! + 32]);
    expect(placesOf(old)[2]).toBe(before[2]! + 0x4000);
  });

  it('gives addresses again to a function that lost them in a reset, and to no other', () => {
    const machine = smallMachine();
    const [first, second] = [withBars(), withBars()];
    machine.plug(first, SLOT);
    machine.plug(second, functionAddress(0, 5));
    runFirmware(machine);
    const before = [placesOf(first), placesOf(second)];
    first.reset();
    expect(placesOf(first)).toEqual([null, null, null]);
    runFirmware(machine);
    expect([placesOf(first), placesOf(second)]).toEqual(before);
  });

  it('completes a function of which one BAR has no address, and keeps bus mastering', () => {
    const machine = smallMachine();
    const fn = withBars();
    machine.plug(fn, SLOT);
    runFirmware(machine);
    const config = configOf(machine);
    config.command(0x7);
    const before = placesOf(fn);
    config.setBar(1, 0);
    runFirmware(machine);
    expect([placesOf(fn), config.read(at.command, 2)]).toEqual([before, 0x7]);
  });

  test.each([
    ['on RAM', 0x00010000],
    ['where a function in use is', 0xc0000000],
    ['what measuring leaves', 0xffffe000],
  ])('replaces an address that is only written down and no good: %s', (_, address) => {
    const machine = smallMachine();
    const used = bareFunction();
    addScratch(used, 0, 'memory32', 0x1000, 16);
    machine.plug(used, functionAddress(0, 9));
    runFirmware(machine);
    expect(placesOf(used)).toEqual([0xc0000000]);
    const fn = bareFunction();
    addScratch(fn, 0, 'memory32', 0x2000, 16);
    machine.plug(fn, SLOT);
    fn.config.set(at.bar, 4, address);
    runFirmware(machine);
    expect([placesOf(fn), placesOf(used)]).toEqual([[0xc0002000], [0xc0000000]]);
  });

  it('believes an address that is only written down where nobody else is, and leaves decoding off', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    addScratch(fn, 0, 'memory32', 0x1000, 16);
    machine.plug(fn, SLOT);
    configOf(machine).setBar(0, 0x9000_0000);
    runFirmware(machine);
    const config = configOf(machine);
    expect([config.read(at.bar, 4), config.read(at.command, 2)]).toEqual([0x9000_0000, 0]);
    const later = bareFunction();
    addScratch(later, 0, 'memory32', 0x1000, 16);
    machine.plug(later, functionAddress(0, 5));
    placeFunction(machine, functionAddress(0, 5), { memory: { start: 0x9000_0000, end: 0x9000_2000 } });
    expect(placesOf(later)).toEqual([0x9000_1000]);
  });
});

describe('placing one function that was plugged later', () => {
  it('touches no other, on any space', () => {
    const machine = smallMachine();
    const old = withBars();
    machine.plug(old, SLOT);
    runFirmware(machine);
    const before = old.config.save();
    const added = withBars();
    const place = functionAddress(0, 2);
    machine.plug(added, place);
    const found = placeFunction(machine, place);
    expect([found.address, found.bars.map(({ address }) => address)]).toEqual([place, placesOf(added)]);
    expect(placesOf(added)).toEqual([0xc020, 0xc0001000, 0x80_0000_4000]);
    expect([old.config.save(), configOf(machine, place).read(at.command, 2)]).toEqual([before, 3]);
  });

  it('leaves others unplaced, and a second call changes nothing', () => {
    const machine = smallMachine();
    const [one, other] = [withBars(), withBars()];
    machine.plug(one, SLOT);
    machine.plug(other, functionAddress(0, 5));
    placeFunction(machine, SLOT);
    const before = placesOf(one);
    placeFunction(machine, SLOT);
    expect([placesOf(one), placesOf(other)]).toEqual([before, [null, null, null]]);
  });

  it('moves it when it is told to, away from where it is needed', () => {
    const machine = smallMachine();
    const [one, other] = [withBars(), withBars()];
    machine.plug(one, SLOT);
    machine.plug(other, functionAddress(0, 5));
    runFirmware(machine);
    const before = [placesOf(one), placesOf(other)];
    placeFunction(machine, functionAddress(0, 5), { reassign: true, io: { start: 0xe000, end: 0xf000 } });
    expect([placesOf(one), placesOf(other)[0]]).toEqual([before[0], 0xe000]);
  });

  it('finds a function of several in its device', () => {
    const machine = smallMachine();
    machine.plug(withBars(), SLOT);
    const added = withBars();
    machine.plug(added, SLOT + 3);
    placeFunction(machine, SLOT + 3);
    expect(placesOf(added)).not.toContain(null);
  });

  it('fills a hole that somebody left, once the end of the window is reached', () => {
    const machine = smallMachine();
    const window = { io: { start: 0xc000, end: 0xc040 } };
    const places = [1, 2, 3, 4].map((device) => functionAddress(0, device));
    const io = () => {
      const fn = bareFunction();
      addScratch(fn, 0, 'io', 16);
      return fn;
    };
    for (const place of places) machine.plug(io(), place);
    runFirmware(machine, window);
    machine.unplug(places[1]!);
    const added = io();
    machine.plug(added, functionAddress(0, 9));
    placeFunction(machine, functionAddress(0, 9), window);
    expect(placesOf(added)).toEqual([0xc010]);
  });

  it('says when there is no function, and when there is no room; and then has written nothing', () => {
    const machine = smallMachine();
    expect(() => placeFunction(machine, SLOT)).toThrow(NoDeviceError);
    const fn = withBars();
    machine.plug(fn, SLOT);
    const memory = { start: 0xc0000000, end: 0xc0000fff };
    expect(() => placeFunction(machine, SLOT, { memory })).toThrow(ResourceError);
    expect(() => runFirmware(machine, { memory })).toThrow(/BAR1 of 00:04.0 of 4096 bytes: no room is left/);
    expect([fn.bars.map(({ address }) => address), configOf(machine).read(at.command, 2)]).toEqual([
      [0, 0, 0],
      0,
    ]);
    expect(() => runFirmware(machine, { memory: { start: 0xc0000000, end: 0xc0001000 } })).not.toThrow();
  });

  it('gives no ports on a board that has none', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    addScratch(fn, 0, 'io', 32);
    addScratch(fn, 1, 'memory32', 0x1000);
    machine.plug(fn, SLOT);
    placeFunction(machine, SLOT, { io: null });
    expect(fn.bars.map(({ address }) => address)).toEqual([0, 0xc0000000]);
    placeFunction(machine, SLOT);
    expect(fn.bars.map(({ address }) => address)).toEqual([0xc000, 0xc0000000]);
  });

  it('does not put a BAR at address 0, or where RAM is', () => {
    const machine = smallMachine();
    const fn = withBars();
    machine.plug(fn, SLOT);
    placeFunction(machine, SLOT, { io: { start: 0, end: 0x100 }, memory: { start: 0, end: 0x200000 } });
    expect(placesOf(fn).slice(0, 2)).toEqual([0x20, 0x100000]);
  });
});

it('whatever is plugged, placed, reset and taken away: nothing overlaps, and what is in use stays', () => {
  const bar = fc.record({
    kind: fc.constantFrom<BarKind>('io', 'memory32', 'memory64'),
    bits: fc.integer({ min: 4, max: 8 }),
    prefetchable: fc.boolean(),
  });
  const step = fc.oneof(
    fc.record({
      do: fc.constantFrom('plug', 'plug and place'),
      bars: fc.array(bar, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ do: fc.constantFrom('unplug', 'reset'), which: fc.nat() }),
    fc.constant({ do: 'firmware' }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const machine = smallMachine();
      const free = Array.from({ length: 12 }, (_, i) => functionAddress(0, ((i * 7) % 12) + 1));
      for (const each of steps) {
        const used = [...machine.functions.keys()].filter((address) => address !== 0);
        const before = new Map([...machine.functions.values()].map((fn) => [fn, placesOf(fn)]));
        if ('bars' in each) {
          const address = free.pop();
          if (address === undefined) continue;
          const fn = bareFunction();
          for (const [i, { kind, bits, prefetchable }] of each.bars.entries())
            fn.addBar({
              index: (2 * i) as BarIndex,
              kind,
              lengthBytes: 2 ** bits,
              prefetchable: kind !== 'io' && prefetchable,
              regions: [],
            });
          machine.plug(fn, address);
          if (each.do === 'plug') continue;
          placeFunction(machine, address);
        } else if ('which' in each) {
          const address = used[each.which % Math.max(1, used.length)];
          if (address === undefined) continue;
          before.delete(machine.functions.get(address)!);
          if (each.do === 'reset') machine.functions.get(address)!.reset();
          else free.push(...(machine.unplug(address) === undefined ? [] : [address]));
        } else {
          runFirmware(machine);
          for (const fn of machine.functions.values()) expect(placesOf(fn)).not.toContain(null);
        }
        for (const [fn, places] of before) if (!places.includes(null)) expect(placesOf(fn)).toEqual(places);
        for (const kind of ['io', 'memory'] as const) {
          const ranges = [...machine.functions.values()]
            .flatMap(({ bars }) => bars)
            .filter((found) => (found.kind === 'io') === (kind === 'io') && found.mappedAt !== null)
            .map(({ mappedAt, lengthBytes }) => [mappedAt!, mappedAt! + lengthBytes] as const)
            .sort(([a], [b]) => a - b);
          for (const [i, [start]] of ranges.entries())
            if (i > 0) expect(start).toBeGreaterThanOrEqual(ranges[i - 1]![1]);
        }
      }
    }),
    { numRuns: Number(process.env.VIRTIOLAB_RUNS ?? 60) },
  );
});

describe('two guests whose disks are functions of one host', () => {
  /** A driver in a guest of its own, at a function that the host presents. */
  function guestOf(host: Machine, ram: GuestMemory, address: number) {
    const machine = new Machine({ ram });
    machine.plug(presentLegacy(host, address).pci, SLOT);
    runFirmware(machine);
    const found = findFunction(machine, SLOT)!;
    const transport = new LegacyTransport(machine, found, legacyAccess(machine, found), { intx: true });
    return new BlockDriver(transport, new DmaMemory(machine.ram, 0x10000), { requestBytes: 4096 });
  }

  test.each(['transitional', 'mmr'] as const)(
    'each read their own after a third was plugged at a lower place and firmware ran again: %s',
    async (kind) => {
      const host = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 4096 }) });
      const plug = (device: number, content: number) => {
        const ram = GuestMemory.allocate({ start: 0, length: 1 << 20 });
        const storage = new MemoryStorage(new Uint8Array(4096).fill(content));
        const behaviour = new BlockDevice({ storage });
        const { pci } = kind === 'mmr' ? mmrFunction(behaviour) : virtioFunction(behaviour, { kind });
        const address = functionAddress(0, device);
        host.plug(pci, address, new DmaDomain(ram));
        return { ram, address };
      };
      const [a, b] = [plug(5, 0xaa), plug(6, 0xbb)];
      runFirmware(host);
      const [guestA, guestB] = [guestOf(host, a.ram, a.address), guestOf(host, b.ram, b.address)];
      const c = plug(4, 0xcc);
      runFirmware(host);
      const guestC = guestOf(host, c.ram, c.address);
      const contents = await Promise.all([guestA, guestB, guestC].map((disk) => disk.read(0, 1)));
      expect(contents.map(([first]) => first)).toEqual([0xaa, 0xbb, 0xcc]);
    },
  );
});
