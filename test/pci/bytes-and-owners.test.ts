import { describe, expect, it, test } from 'vitest';
import { GuestMemory, HeldScheduler, immediate, type Width } from '../../src/core/index.ts';
import { Ecam, Machine } from '../../src/pci/index.ts';
import { addScratch, bareFunction, configOf, SLOT, smallMachine } from './support.ts';

const ECAM = 0xe0000000;
const FUNCTION = 4096;

describe('an access over the edge of two functions in memory-mapped configuration', () => {
  const machine = () => {
    const made = smallMachine();
    for (const fn of [0, 1]) {
      const each = bareFunction({ express: true, vendorId: 0x1100 + fn, deviceId: 0x3322 });
      // The last bytes of the space are written to tell them apart.
      each.config.set(FUNCTION - 4, 4, 0xa0a1a2a3 + fn * 0x10101010);
      each.config.setMasks(FUNCTION - 4, 4, 0xffffffff);
      made.plug(each, SLOT + fn);
    }
    return made;
  };
  const edge = ECAM + (SLOT + 1) * FUNCTION;

  test.each<[number, Width, number]>([
    [-1, 2, 0x01a0],
    [-1, 4, 0x221101a0],
    [-2, 4, 0x1101a0a1],
    [-3, 4, 0x01a0a1a2],
    [-4, 4, 0xa0a1a2a3],
    [-2, 2, 0xa0a1],
    [0, 4, 0x33221101],
  ])('takes each byte from its own: %d, %d bytes', (offset, width, value) => {
    expect(machine().memoryRead(edge + offset, width)).toBe(value);
  });

  test.each<[number, Width, number]>([
    [-1, 2, 0x04a1a2a3],
    [-1, 4, 0x04a1a2a3],
    [-2, 4, 0x0304a2a3],
    [-3, 4, 0x020304a3],
  ])('gives each byte to its own: %d, %d bytes', (offset, width, value) => {
    const made = machine();
    made.memoryWrite(edge + offset, width, [0, 0x5604, 0x56780304, 0x56020304][-offset]!);
    if (offset === -1) made.memoryWrite(edge - 1, width, 0x56789a04);
    expect([made.configRead(SLOT, FUNCTION - 4, 4), made.configRead(SLOT + 1, 0, 4)]).toEqual([
      value,
      0x33221101,
    ]);
  });

  it('does not split an access within a function', () => {
    const log: string[] = [];
    const ecam = new Ecam({
      configRead: (fn, offset, width) => {
        log.push(`${fn}+${offset}:${width}`);
        return 0;
      },
      configWrite: (fn, offset, width) => void log.push(`${fn}+${offset}:${width}`),
    });
    ecam.read(0xffe, 2);
    ecam.write(0xffe, 2, 0);
    ecam.read(0xffd, 4);
    ecam.write(0xfff, 2, 0);
    expect(log).toEqual(['0+4094:2', '0+4094:2', '0+4093:1', '0+4094:2', '1+0:1', '0+4095:1', '1+0:1']);
  });
});

describe("RAM that was replaced is the machine's too", () => {
  it('reads and writes the bytes that are there now, and none where none are', () => {
    const ram = GuestMemory.allocate({ start: 0, length: 0x2000 }, { start: 0x10000, length: 0x1000 });
    const machine = new Machine({ ram });
    machine.memoryWrite(0x100, 4, 0x11111111);
    const bytes = new Uint8Array(0x1000).fill(7);
    ram.replace([{ start: 0x1000, bytes }]);
    expect([
      machine.memoryRead(0x1000, 1),
      machine.memoryRead(0x100, 4),
      machine.memoryRead(0x10000, 4),
    ]).toEqual([7, 0xffffffff, 0xffffffff]);
    machine.memoryWrite(0x1ffc, 4, 0x04030201);
    expect([...bytes.subarray(0xffc)]).toEqual([1, 2, 3, 4]);
    ram.replace([{ start: 0, bytes: new Uint8Array(0x1000).fill(9) }]);
    expect([machine.memoryRead(0, 2), machine.memoryRead(0x1000, 1)]).toEqual([0x0909, 0xff]);
    expect(machine.memory.mappings.filter(({ name }) => name === 'RAM')).toHaveLength(1);
  });

  it('goes before a BAR that was put there', () => {
    const ram = GuestMemory.allocate({ start: 0, length: 0x1000 });
    const machine = new Machine({ ram });
    const fn = bareFunction();
    addScratch(fn, 0, 'memory32', 0x1000);
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    config.setBar(0, 0x10000);
    config.command(2);
    expect(machine.memoryRead(0x10000, 1)).toBe(0);
    ram.replace([{ start: 0, bytes: new Uint8Array(0x20000).fill(5) }]);
    expect(machine.memoryRead(0x10000, 1)).toBe(5);
  });
});

describe('messages that have arrived and were not handled when a machine was saved', () => {
  it('reach their handlers in the machine that is loaded, and nobody else', () => {
    const make = () => {
      const held = new HeldScheduler();
      const machine = smallMachine({ scheduler: immediate, interruptScheduler: held });
      const handled: number[] = [];
      const targets = [0, 1, 2].map((vector) =>
        machine.interrupts.allocateMessage(() => void handled.push(vector)),
      );
      return { machine, held, handled, targets };
    };
    const before = make();
    before.machine.interrupts.message(SLOT, before.targets[2]!.data);
    before.machine.interrupts.message(SLOT, before.targets[0]!.data);
    expect(before.machine.interrupts.pendingVectors).toEqual([0, 2]);
    const state = structuredClone(before.machine.save());
    const after = make();
    after.machine.load(state);
    expect([after.handled, after.machine.interrupts.pendingVectors]).toEqual([[], [0, 2]]);
    after.held.releaseAll();
    expect([after.handled, after.machine.interrupts.pendingVectors]).toEqual([[0, 2], []]);
  });
});
