import { describe, expect, it, test } from 'vitest';
import {
  DmaDomain,
  functionAddress,
  type LabEvent,
  StateMismatchError,
  type Width,
} from '../../src/core/index.ts';
import { Machine, routePin } from '../../src/pci/index.ts';
import {
  accessesIn,
  addScratch,
  at,
  bareFunction,
  configOf,
  interruptsIn,
  SLOT,
  smallMachine,
  watch,
} from './support.ts';

describe('a machine', () => {
  test.each([1, 2, 4] as const)('reads and writes RAM by %d bytes, below and above 4 GiB', (width) => {
    const machine = smallMachine();
    for (const address of [0x1000, 0x1001, 2 ** 32 + 8, 2 ** 32 + 0xffff - width + 1]) {
      machine.memoryWrite(address, width, 0xa1b2c3d4);
      expect(machine.memoryRead(address, width)).toBe(0xa1b2c3d4 % 2 ** (8 * width));
      expect([...machine.ram.read(address, width)]).toEqual([0xd4, 0xc3, 0xb2, 0xa1].slice(0, width));
    }
    expect(machine.memoryRead(0x8000_0000, width)).toBe(2 ** (8 * width) - 1);
  });

  test.each([1, 2, 4] as const)('cuts values to %d bytes in every space', (width) => {
    const machine = smallMachine();
    const fn = bareFunction();
    const [ports, memory] = [addScratch(fn, 0, 'io', 16), addScratch(fn, 1, 'memory32', 16)];
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    config.setBar(0, 0xc000);
    config.setBar(1, 0xc0000000);
    config.command(3);
    machine.ioWrite(0xc000, width, -1);
    machine.memoryWrite(0xc0000000, width, 0x1_ffff_ffff);
    config.write(at.line, 1, 0x1ff);
    const ones = (2 ** (8 * width) - 1).toString(16);
    expect([ports.log, memory.log, config.read(at.line, 1)]).toEqual([
      [`w${width}@0=${ones}`],
      [`w${width}@0=${ones}`],
      0xff,
    ]);
  });

  it('has plenty of RAM at both places by default', () => {
    expect(new Machine().ram.ranges.map(({ start, end }) => [start, end - start])).toEqual([
      [0, 64 << 20],
      [2 ** 32, 64 << 20],
    ]);
  });

  test.each([
    [4, 1, 11],
    [5, 1, 10],
    [4, 2, 10],
    [7, 1, 5],
    [8, 1, 11],
    [4, 4, 5],
  ])('routes device %d, pin %d to line %d', (device, pin, line) => {
    expect(routePin(device, pin)).toBe(line);
  });

  it('carries a configuration access out as aligned pieces', () => {
    const machine = smallMachine();
    machine.plug(bareFunction({ subsystemVendorId: 0xaabb }), SLOT);
    const config = configOf(machine);
    expect([config.read(0x01, 2), config.read(0x02, 4), config.read(0x2b, 4)]).toEqual([
      0x7812,
      0x05475678 & 0xffff,
      0x00aabb00,
    ]);
    config.write(at.line - 1, 2, 0x0900);
    expect(config.read(at.line, 1)).toBe(9);
    config.write(at.line, 4, 0xffffff07);
    expect(config.read(at.line, 4)).toBe(0x00000107);
  });

  it('tells of every access, where it went and what it carried, and of nothing once it is told to stop', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    addScratch(fn, 0, 'memory32', 64, 16);
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    config.setBar(0, 0xc0000000);
    config.command(2);
    const events = watch(machine);
    machine.memoryWrite(0xc0000004, 2, 0x12345);
    machine.memoryRead(0xc0000004, 1);
    machine.memoryRead(0xc0000020, 4);
    machine.memoryRead(0x1000, 4);
    machine.ioRead(0x80, 1);
    machine.configRead(SLOT, at.line, 1);
    machine.configRead(functionAddress(0, 9), 0, 4);
    expect(accessesIn(events)).toEqual([
      'w2 00:04.0 BAR0 scratch0+4=2345',
      'r1 00:04.0 BAR0 scratch0+4=45',
      'r4 00:04.0 BAR0 reserved+20=0',
      'r4 RAM+1000=0',
      'r1 +0=ff',
    ]);
    const accesses = events.filter(
      (event): event is LabEvent & { kind: 'access' } => event.kind === 'access',
    );
    expect(accesses.map(({ space }) => space)).toEqual([...Array(4).fill('memory'), 'io', 'config']);
    expect(accesses.at(-1)).toMatchObject({
      space: 'config',
      operation: 'read',
      offset: at.line,
      width: 1,
      value: 11,
    });
    machine.events = null;
    machine.memoryRead(0x1000, 4);
    expect(accessesIn(events)).toHaveLength(5);
  });

  it('gives a function its own view: reports, DMA domain, address', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    const domain = new DmaDomain(machine.ram, [{ start: 0x1000, length: 16, write: true }]);
    machine.plug(fn, SLOT, domain);
    const events = watch(machine);
    expect([fn.slot.address, fn.slot.dma]).toEqual([SLOT, domain]);
    fn.report('device', 'PCI-BUS-01', 'm', { what: 'a number', value: 3 });
    expect(events).toEqual([
      {
        kind: 'finding',
        clause: 'PCI-BUS-01',
        party: 'device',
        address: SLOT,
        subject: fn.name,
        queue: null,
        descriptor: null,
        message: 'm',
        value: 3,
        what: 'a number',
      },
    ]);
    events.length = 0;
    fn.slot.sendMessage(0x1008, 0, 7);
    fn.slot.sendMessage(0x2000, 0, 7);
    expect([machine.memoryRead(0x1008, 4), machine.memoryRead(0x2000, 4)]).toEqual([7, 0]);
    fn.slot.sendMessage(0xfee01000, 0, 3);
    fn.slot.sendMessage(0xfee01000, 1, 4);
    expect(interruptsIn(events)).toEqual(['message 3']);
  });
});

describe('a saved machine', () => {
  const make = () => {
    const machine = smallMachine();
    const fn = bareFunction();
    const target = addScratch(fn, 0, 'memory32', 16);
    fn.addMsix(1, 2);
    const part = { value: 0, resumed: 0 };
    fn.parts.set('part', {
      save: () => part.value,
      load: (state) => void (part.value = state as number),
      resume: () => void part.resumed++,
    });
    machine.plug(fn, SLOT);
    return { machine, fn, target, part, config: configOf(machine) };
  };

  it('goes on in a fresh one: RAM, configuration, decoding, vectors, lines, parts', () => {
    const before = make();
    before.config.setBar(0, 0xc0000000);
    before.config.setBar(1, 0xc0001000);
    before.config.command(6);
    before.machine.memoryWrite(2 ** 32 + 4, 4, 0x1234);
    before.machine.memoryWrite(0xc0001000, 4, 0xfee00000);
    before.machine.ioWrite(0xcf8, 4, 0x80002000);
    before.fn.setInterrupt(true);
    before.part.value = 5;
    const state = structuredClone(before.machine.save());
    before.machine.memoryWrite(2 ** 32 + 4, 4, 0);

    const after = make();
    after.machine.load(state);
    expect(after.machine.memoryRead(2 ** 32 + 4, 4)).toBe(0x1234);
    expect(after.machine.ioRead(0xcfc, 4)).toBe(0x56781234);
    after.machine.memoryWrite(0xc0000004, 1, 3);
    expect(after.target.log).toEqual(['w1@4=3']);
    expect(after.machine.memoryRead(0xc0001000, 4)).toBe(0xfee00000);
    expect([after.fn.busMaster, after.machine.interrupts.isAsserted(11), after.part]).toEqual([
      true,
      true,
      { value: 5, resumed: 1 },
    ]);
    // The state is a copy: what happens to the machine that it was taken from does not reach it.
    expect(before.machine.memoryRead(2 ** 32 + 4, 4)).toBe(0);
  });

  it('saves the same again once it was loaded', () => {
    const before = make();
    before.config.command(6);
    before.config.write(0x42, 2, 0x8000);
    before.fn.msix!.trigger(1);
    const after = make();
    after.machine.load(before.machine.save());
    const withoutRam = ({ ram, ...rest }: ReturnType<Machine['save']>) => ({ ...rest, ram: ram.length });
    expect(withoutRam(after.machine.save())).toEqual(withoutRam(before.machine.save()));
    expect(after.fn.msix!.isPending(1)).toBe(true);
  });

  test.each([
    ['other functions', (machine: Machine) => void machine.plug(bareFunction(), functionAddress(0, 9))],
    [
      'functions elsewhere',
      (machine: Machine) => {
        const fn = machine.unplug(SLOT)!;
        machine.plug(fn, functionAddress(0, 9));
      },
    ],
    [
      'functions of another name',
      (machine: Machine) => {
        machine.unplug(SLOT);
        machine.plug(bareFunction({ name: 'other' }), SLOT);
      },
    ],
  ])('is refused by a machine with %s', (_, change) => {
    const { machine } = make();
    const state = machine.save();
    const other = make().machine;
    change(other);
    expect(() => other.load(state)).toThrow(StateMismatchError);
  });

  it('is refused by a function with other parts', () => {
    const { machine } = make();
    const other = make();
    other.fn.parts.set('more', { save: () => null, load: () => {} });
    expect(() => other.machine.load(machine.save())).toThrow(/parts\.more: found undefined/);
  });
});

test.each<Width>([1, 2, 4])('a machine that is watched answers as one that is not: %d bytes', (width) => {
  const [plain, watched] = [smallMachine(), smallMachine()];
  watch(watched);
  for (const machine of [plain, watched]) {
    machine.plug(bareFunction(), SLOT);
    machine.memoryWrite(0x1003, width, 0xcafebabe);
    machine.ioWrite(0xcf8, 4, 0x80002000);
  }
  for (const address of [0x1000, 0x1002, 0x1003, 0xfffff, 2 ** 33])
    expect(watched.memoryRead(address, width)).toBe(plain.memoryRead(address, width));
  for (const port of [0xcf8, 0xcfb, 0xcfd, 0xffff])
    expect(watched.ioRead(port, width)).toBe(plain.ioRead(port, width));
  for (const offset of [0, 1, 0x3c, 0xff])
    expect(watched.configRead(SLOT, offset, width)).toBe(plain.configRead(SLOT, offset, width));
});
