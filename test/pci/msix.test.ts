import { describe, expect, it, test } from 'vitest';
import { StateMismatchError, type Width } from '../../src/core/index.ts';
import { Msix } from '../../src/pci/index.ts';
import {
  accessesIn,
  addScratch,
  bareFunction,
  configOf,
  interruptsIn,
  SLOT,
  smallMachine,
  watch,
} from './support.ts';

/** A table of its own, with every switch in the test's hand. */
function table(vectors = 4) {
  const sent: string[] = [];
  const switches = { enabled: true, masked: false, busMaster: true };
  const msix = new Msix(vectors, {
    enabled: () => switches.enabled,
    masked: () => switches.masked,
    busMaster: () => switches.busMaster,
    send: (low, high, data) =>
      void sent.push(`${high.toString(16)}:${low.toString(16)}=${data.toString(16)}`),
  });
  const program = (vector: number, masked = false) => {
    msix.table.write(16 * vector, 4, 0xfee00000 + 0x10 * vector);
    msix.table.write(16 * vector + 8, 4, 0x100 + vector);
    msix.table.write(16 * vector + 12, 4, masked ? 1 : 0);
  };
  const pending = () => Array.from({ length: vectors }, (_, vector) => msix.isPending(vector));
  return { msix, sent, switches, program, pending };
}

describe('the MSI-X table', () => {
  it('starts masked and otherwise 0', () => {
    const { msix } = table(2);
    expect(Array.from({ length: 8 }, (_, i) => msix.table.read(4 * i, 4))).toEqual([0, 0, 0, 1, 0, 0, 0, 1]);
    expect([msix.tableBytes, msix.pendingBytes]).toEqual([32, 8]);
  });

  test.each([
    ['message address', 0, 4, 0xffffffff, 0xfffffffc],
    ['upper address', 4, 4, 0xdeadbeef, 0xdeadbeef],
    ['message data', 8, 4, 0xffffffff, 0xffffffff],
    ['vector control', 12, 4, 0xfffffffe, 0],
    ['vector control, reserved bits and mask', 12, 4, 0xffffffff, 1],
    ['one byte of the data', 9, 1, 0xab, 0xab00],
    ['the upper word of the data', 10, 2, 0x1234, 0x12340000],
    ['an unaligned word of the data', 9, 2, 0x1234, 0x123400],
  ] as const)('keeps %s', (_, offset, width, value, dword) => {
    const { msix } = table();
    msix.table.write(offset, width as Width, value);
    expect(msix.table.read(offset & ~3, 4)).toBe(dword >>> 0);
    msix.table.write(16 + offset, width as Width, value);
    const bytes = Array.from({ length: 4 }, (_, i) => msix.table.read((offset & ~3) + 16 + i, 1));
    expect(bytes).toEqual([0, 8, 16, 24].map((shift) => (dword >>> shift) & 0xff));
  });

  it('joins entries in an access across them', () => {
    const { msix } = table();
    msix.table.write(14, 4, 0xaaaa0000);
    expect([msix.table.read(16, 4), msix.table.read(14, 4)]).toEqual([0xaaa8, 0xaaa80000]);
  });
});

describe('MSI-X delivery', () => {
  it('sends the message of the vector', () => {
    const { msix, sent, program } = table();
    program(2);
    msix.table.write(16 * 2 + 4, 4, 1);
    msix.trigger(2);
    expect(sent).toEqual(['1:fee00020=102']);
  });

  it('does nothing for a vector that the table does not have, or while MSI-X is off', () => {
    const { msix, sent, program, switches, pending } = table(2);
    program(1);
    msix.trigger(2);
    msix.trigger(0xffff);
    switches.enabled = false;
    msix.trigger(1);
    expect([sent, pending()]).toEqual([[], [false, false]]);
  });

  const holds: readonly [string, (t: ReturnType<typeof table>, hold: boolean) => void][] = [
    ['its vector mask', ({ msix }, hold) => msix.table.write(16 + 12, 4, hold ? 1 : 0)],
    ['a byte write of its mask', ({ msix }, hold) => msix.table.write(16 + 12, 1, hold ? 1 : 0)],
    [
      'the function mask',
      ({ msix, switches }, hold) => {
        switches.masked = hold;
        msix.flush();
      },
    ],
    [
      'bus mastering off',
      ({ msix, switches }, hold) => {
        switches.busMaster = !hold;
        msix.flush();
      },
    ],
  ];
  test.each(holds)('holds a message back as a pending bit behind %s, and sends it once', (_, hold) => {
    const under = table();
    const { msix, sent, program, pending } = under;
    for (const vector of [0, 1]) program(vector);
    hold(under, true);
    for (let i = 0; i < 3; i++) msix.trigger(1);
    expect([sent, pending()]).toEqual([[], [false, true, false, false]]);
    expect(msix.pendingBits.read(0, 1)).toBe(2);
    hold(under, false);
    expect([sent, pending().includes(true)]).toEqual([['0:fee00010=101'], false]);
    msix.flush();
    expect(sent).toHaveLength(1);
  });

  it('sends several pending vectors lowest first, with the message that the entry holds then', () => {
    const { msix, sent, program, switches } = table();
    switches.masked = true;
    for (const vector of [3, 0, 2]) {
      program(vector);
      msix.trigger(vector);
    }
    msix.table.write(16 * 2 + 8, 4, 0x777);
    msix.table.write(16 * 3 + 12, 4, 1);
    switches.masked = false;
    msix.flush();
    expect(sent).toEqual(['0:fee00000=100', '0:fee00020=777']);
    expect(msix.isPending(3)).toBe(true);
  });

  it('keeps pending bits while MSI-X is off, and sends them when it is on again', () => {
    const { msix, sent, program, switches } = table();
    program(0, true);
    msix.trigger(0);
    switches.enabled = false;
    msix.table.write(12, 4, 0);
    expect([sent, msix.isPending(0)]).toEqual([[], true]);
    switches.enabled = true;
    msix.flush();
    expect(sent).toHaveLength(1);
  });

  it('shows pending bits in all widths, read-only', () => {
    const { msix } = table(65);
    for (const vector of [0, 9, 31, 64]) msix.trigger(vector);
    const { pendingBits } = msix;
    pendingBits.write(0, 4, 0xffffffff);
    expect([
      pendingBits.read(0, 4),
      pendingBits.read(0, 2),
      pendingBits.read(3, 1),
      pendingBits.read(8, 4),
    ]).toEqual([0x80000201, 0x0201, 0x80, 1]);
    expect([pendingBits.read(1, 2), pendingBits.read(16, 4)]).toEqual([2, 0]);
    expect(msix.pendingBytes).toBe(16);
  });

  it('forgets everything at a reset, and carries it over in a saved state', () => {
    const { msix, program } = table();
    program(1, true);
    msix.trigger(1);
    const fresh = table();
    fresh.msix.load(msix.save());
    expect(fresh.pending()).toEqual([false, true, false, false]);
    fresh.msix.table.write(16 + 12, 4, 0);
    expect(fresh.sent).toEqual(['0:fee00010=101']);
    msix.reset();
    expect([msix.isPending(1), msix.table.read(16, 4), msix.table.read(28, 4)]).toEqual([false, 0, 1]);
    expect(() => table(2).msix.load(msix.save())).toThrow(StateMismatchError);
  });
});

describe('MSI-X of a function (PCI-MSIX-02)', () => {
  const CONTROL = 0x42;
  const TABLE = 0xc0000000;

  function plugged(vectors: number) {
    const machine = smallMachine();
    const fn = bareFunction();
    addScratch(fn, 0, 'io', 16);
    const msix = fn.addMsix(1, vectors);
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    config.setBar(1, TABLE);
    config.command(0x6);
    const events = watch(machine);
    const targets = Array.from({ length: Math.min(vectors, 4) }, (_, vector) => {
      const message = machine.interrupts.allocateMessage(() => {});
      machine.memoryWrite(TABLE + 16 * vector, 4, message.addressLow);
      machine.memoryWrite(TABLE + 16 * vector + 8, 4, message.data);
      machine.memoryWrite(TABLE + 16 * vector + 12, 4, 0);
      return message;
    });
    return { machine, fn, msix, config, events, targets };
  }

  test.each([
    [1, 0x0000, 0x1000, 0x800],
    [4, 0x0003, 0x1000, 0x800],
    [129, 0x0080, 0x2000, 0x1000],
    [2048, 0x07ff, 0x10000, 0x8000],
  ])('tells the size of a table of %d vectors', (vectors, control, barBytes, pendingAt) => {
    const { fn, config } = plugged(vectors);
    expect(config.read(CONTROL, 2)).toBe(control);
    expect(config.read(0x44, 4)).toBe(1);
    expect(config.read(0x48, 4)).toBe(pendingAt | 1);
    expect(fn.bars[1]!.lengthBytes).toBe(barBytes);
    config.write(CONTROL, 2, 0xffff);
    expect(config.read(CONTROL, 2)).toBe(control | 0xc000);
  });

  it('delivers through the bus once it is enabled and may master it', () => {
    const { msix, config, events, machine } = plugged(2);
    msix.trigger(1);
    config.write(CONTROL, 2, 0x8000);
    msix.trigger(0);
    config.command(0x2);
    msix.trigger(1);
    expect(machine.memoryRead(TABLE + 0x800, 4)).toBe(2);
    config.command(0x6);
    config.write(CONTROL, 2, 0xc000);
    msix.trigger(0);
    config.write(CONTROL, 2, 0x8000);
    expect(interruptsIn(events)).toEqual(['message 0', 'message 1', 'message 0']);
  });

  it('tells in traces which of its two tables is accessed', () => {
    const { machine, events } = plugged(2);
    events.length = 0;
    machine.memoryRead(TABLE + 4, 4);
    machine.memoryRead(TABLE + 0x800, 4);
    expect(accessesIn(events)).toEqual(['r4 00:04.0 BAR1 msix-table+4=0', 'r4 00:04.0 BAR1 msix-pba+0=0']);
  });

  it('writes a message that is aimed at RAM into RAM, and only where DMA may go', () => {
    const { machine, msix, config, events } = plugged(2);
    config.write(CONTROL, 2, 0x8000);
    machine.memoryWrite(TABLE, 4, 0x3000);
    machine.memoryWrite(TABLE + 8, 4, 0x8badf00d);
    msix.trigger(0);
    expect(machine.memoryRead(0x3000, 4)).toBe(0x8badf00d);
    machine.memoryWrite(TABLE, 4, 0x8000_0000);
    msix.trigger(0);
    machine.memoryWrite(TABLE, 4, 0xfee00000);
    machine.memoryWrite(TABLE + 4, 4, 1);
    msix.trigger(0);
    expect(interruptsIn(events)).toEqual([]);
  });
});
