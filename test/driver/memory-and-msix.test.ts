import { describe, expect, it, test } from 'vitest';
import { GuestMemory } from '../../src/core/index.ts';
import {
  DmaMemory,
  DmaPieces,
  DriverMsix,
  findFunction,
  ResourceError,
  runFirmware,
} from '../../src/driver/index.ts';
import { bareFunction, configOf, interruptsIn, SLOT, smallMachine, watch } from '../pci/support.ts';

describe('driver memory', () => {
  const ram = () =>
    GuestMemory.allocate({ start: 0x1000, length: 0x1000 }, { start: 2 ** 32, length: 0x1000 });

  it('hands out aligned, zeroed pieces that do not overlap', () => {
    const memory = new DmaMemory(ram(), 0x1004);
    memory.ram.fill(0x1000, 0x1000, 0xff);
    expect([memory.allocate(1), memory.allocate(3, 2), memory.allocate(16, 256), memory.allocate(1)]).toEqual(
      [0x1010, 0x1012, 0x1100, 0x1110],
    );
    expect([...memory.ram.read(0x1010, 6)]).toEqual([0, 0xff, 0, 0, 0, 0xff]);
    memory.clear();
    expect(memory.allocate(1)).toBe(0x1010);
  });

  it('ends where it is told to, or with its RAM', () => {
    const memory = new DmaMemory(ram(), 0x1000, 0x1020);
    memory.allocate(0x20);
    expect(() => memory.allocate(1)).toThrow(ResourceError);
    expect(new DmaMemory(ram(), 2 ** 32 + 16).end).toBe(2 ** 32 + 0x1000);
    expect(() => new DmaMemory(ram(), 0x5000)).toThrow(ResourceError);
  });
});

describe('driver memory that comes back', () => {
  const memory = () => new DmaMemory(GuestMemory.allocate({ start: 0x1000, length: 0x1000 }), 0x1000);

  it('is given out again for as much, zeroed, where it is aligned as asked', () => {
    const under = memory();
    const [first, second] = [under.allocate(32, 16), under.allocate(32, 16)];
    under.ram.fill(first, 64, 0xff);
    under.free(first, 32);
    expect([under.allocate(16), under.allocate(32, 4096)]).toEqual([0x1040, 0x1000]);
    under.free(second, 32);
    expect([under.allocate(32, 0x100), under.allocate(32, 32)]).toEqual([0x1100, second]);
    expect([...under.ram.read(second, 32)]).toEqual(Array(32).fill(0));
  });

  it('is forgotten when all is taken back', () => {
    const under = memory();
    under.free(under.allocate(32), 32);
    under.clear();
    expect([under.allocate(32), under.allocate(32)]).toEqual([0x1000, 0x1020]);
  });

  it('goes back together where it was taken together', () => {
    const under = memory();
    const pieces = new DmaPieces(under);
    const taken = [pieces.allocate(8), pieces.allocate(64)];
    pieces.free();
    pieces.free();
    expect([under.allocate(64), under.allocate(8), under.allocate(8)]).toEqual([taken[1], taken[0], 0x1050]);
  });
});

describe('driver memory behind an IOMMU', () => {
  it('is used by bus addresses, and is the same memory', () => {
    const ram = GuestMemory.allocate({ start: 0x1000, length: 0x1000 });
    const memory = DmaMemory.translated(ram, 0x1800, 0x1900, 0x10000);
    const at = memory.allocate(16);
    memory.ram.write(at, Uint8Array.of(1, 2, 3));
    expect([at, [...ram.read(0x1800, 3)], memory.translated]).toEqual([0x11800, [1, 2, 3], true]);
    expect(() => memory.allocate(0x100)).toThrow(ResourceError);
    expect(() => memory.ram.read(0x1800, 1)).toThrow();
  });

  it('follows the memory when that moves, and cannot lie below address 0', () => {
    const ram = GuestMemory.allocate({ start: 0x1000, length: 0x1000 });
    const memory = DmaMemory.translated(ram, 0x1000, 0x2000, -0x1000);
    const moved = new Uint8Array(0x1000).fill(7);
    ram.replace([{ start: 0x1000, bytes: moved }]);
    expect(memory.ram.read(0, 1)[0]).toBe(7);
    expect(() => DmaMemory.translated(ram, 0x1000, 0x2000, -0x1001)).toThrow(/below address 0/);
  });
});

describe("the driver's MSI-X", () => {
  function plugged(vectors: number) {
    const machine = smallMachine();
    const fn = bareFunction();
    if (vectors > 0) fn.addMsix(1, vectors);
    machine.plug(fn, SLOT);
    runFirmware(machine);
    const found = findFunction(machine, SLOT)!;
    return { machine, fn, found, config: configOf(machine) };
  }

  test.each([1, 3, 2048])('finds the size of a table of %d', (vectors) => {
    const { machine, found } = plugged(vectors);
    expect(DriverMsix.find(machine, found)?.vectors).toBe(vectors);
  });

  it('finds nothing where there is no capability, or no address', () => {
    const { machine, found } = plugged(0);
    expect(DriverMsix.find(machine, found)).toBeNull();
    const other = smallMachine();
    const fn = bareFunction();
    fn.addMsix(1, 2);
    other.plug(fn, SLOT);
    expect(DriverMsix.find(other, findFunction(other, SLOT)!)).toBeNull();
  });

  it('finds nothing where the table ends beyond its BAR', () => {
    const { machine, found, fn } = plugged(256);
    const shorter = (size: number) => ({ ...found, bars: found.bars.map((bar) => ({ ...bar, size })) });
    expect(DriverMsix.find(machine, shorter(4096))?.vectors).toBe(256);
    expect(DriverMsix.find(machine, shorter(4095))).toBeNull();
    const at = found.capabilities.find(({ id }) => id === 0x11)!.offset;
    fn.config.set(at + 4, 4, 0x801);
    expect(DriverMsix.find(machine, shorter(0x1800))?.vectors).toBe(256);
    expect(DriverMsix.find(machine, shorter(0x17ff))).toBeNull();
    fn.config.set(at + 4, 4, 0xffff_fff9);
    expect(DriverMsix.find(machine, found)).toBeNull();
  });

  it('gives each vector its handler, keeps the rest masked, and gives everything back', () => {
    const { machine, fn, found, config } = plugged(3);
    config.command(0x6);
    const log: string[] = [];
    const msix = DriverMsix.find(machine, found)!;
    // What whoever had the function before left there.
    for (let at = 0; at < 32; at += 4)
      machine.memoryWrite(found.bars.find(({ index }) => index === 1)!.address + at, 4, 0xffff_fff1);
    msix.aim(2, false, (vector) => log.push('ab'[vector]!));
    msix.enable(true);
    for (const vector of [1, 0, 2]) fn.msix!.trigger(vector);
    expect([log, fn.msix!.isPending(2)]).toEqual([['b', 'a'], true]);
    expect(fn.msixEnabled).toBe(true);
    const events = watch(machine);
    msix.enable(false);
    msix.release();
    fn.msix!.trigger(0);
    expect([fn.msixEnabled, interruptsIn(events)]).toEqual([false, []]);
    expect(machine.interrupts.allocateMessage(() => {}).data).toBe(0);
  });
});
