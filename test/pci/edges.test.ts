import { describe, expect, it, test } from 'vitest';
import { HeldScheduler, immediate, registers, ro } from '../../src/core/index.ts';
import { type BarKind, capabilityHeader, extendedHeader, routePin } from '../../src/pci/index.ts';
import { addScratch, bareFunction, configOf, interruptsIn, SLOT, smallMachine, watch } from './support.ts';

/** Values at the edges of what is allowed, and one beyond. */
describe('a BAR at the edge of its space', () => {
  test.each<[BarKind, number, number, boolean]>([
    ['io', 32, 0xffe0, true],
    ['io', 32, 0x10000, false],
    ['io', 32, 0x20, true],
    ['io', 32, 0, false],
    ['memory32', 0x1000, 0xffffe000, true],
    // What measuring leaves.
    ['memory32', 0x1000, 0xfffff000, false],
    ['memory32', 0x1000, 0x200000, true],
    ['memory64', 0x1000, 0xfffff000, true],
    ['memory64', 0x1000, 2 ** 32, false],
    ['memory64', 0x1000, 2 ** 33, true],
  ])('of kind %s and %d bytes at %d is decoded: %s', (kind, bytes, address, decoded) => {
    const machine = smallMachine();
    const fn = bareFunction();
    const target = addScratch(fn, 0, kind, bytes);
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    config.setBar(0, address % 2 ** 32);
    config.setBar(1, Math.floor(address / 2 ** 32));
    config.command(3);
    const write = (at: number) => (kind === 'io' ? machine.ioWrite(at, 1, 7) : machine.memoryWrite(at, 1, 7));
    write(address);
    write(address + bytes - 1);
    // RAM goes before the BAR that stands on it, which is decoded all the same.
    const onRam = kind !== 'io' && address === 2 ** 32;
    expect([fn.bars[0]!.mappedAt !== null, target.log.length]).toEqual(
      onRam ? [true, 0] : [decoded, decoded ? 2 : 0],
    );
  });
});

describe('a message at the edge of the controllers’ page', () => {
  test.each([
    [0xfedffffc, 0, false],
    [0xfee00000, 0, true],
    [0xfeeffffc, 0, true],
    [0xfef00000, 0, false],
    [0xfee00000, 1, false],
  ])('at 0x%x, upper half %d, interrupts: %s', (low, high, arrives) => {
    const machine = smallMachine();
    const fn = bareFunction();
    machine.plug(fn, SLOT);
    const events = watch(machine);
    fn.slot.sendMessage(low, high, 5);
    expect(interruptsIn(events)).toEqual(arrives ? ['message 5'] : []);
  });

  it('is four bytes, little-endian, where it goes to RAM', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    machine.plug(fn, SLOT);
    machine.ram.fill(0x1000, 8, 0xee);
    fn.slot.sendMessage(0x1000, 0, 0x04030201);
    fn.slot.sendMessage(0x20, 1, 0x99);
    expect([...machine.ram.read(0x1000, 5), machine.memoryRead(2 ** 32 + 0x20, 4)]).toEqual([
      1, 2, 3, 4, 0xee, 0x99,
    ]);
  });
});

test.each([
  [0, 1, 11],
  [1, 1, 10],
  [2, 1, 9],
  [3, 1, 5],
  [4, 1, 11],
  [4, 2, 10],
  [4, 3, 9],
  [4, 4, 5],
  [31, 4, 9],
])('pin %2$d of device %1$d reaches its line', (device, pin, line) => {
  expect(routePin(device, pin)).toBe(line);
});

describe('capabilities of odd lengths', () => {
  const odd = registers({ ...capabilityHeader, more: ro(2, 1, '', { count: 11 }) });
  const odder = registers({ ...extendedHeader, more: ro(4, 1, '', { count: 2 }) });

  it('begin at multiples of four, each pointing to the next', () => {
    const { capabilities, config } = bareFunction();
    expect([1, 2, 3].map((id) => capabilities.add(id, odd, {}))).toEqual([0x40, 0x50, 0x60]);
    expect([0x34, 0x41, 0x51, 0x61].map((at) => config.get(at, 1))).toEqual([0x40, 0x50, 0x60, 0]);
    expect(config.get(0x06, 2)).toBe(0x10);
  });

  it('so do extended ones', () => {
    const { extendedCapabilities, config } = bareFunction({ express: true });
    expect([1, 2].map((id) => extendedCapabilities.add(id, 1, odder, {}))).toEqual([0x100, 0x108]);
    expect([config.get(0x100, 4), config.get(0x108, 4)]).toEqual([0x10810001, 0x00010002]);
  });
});

describe('a line that stays up', () => {
  it('asks its handlers 64 times, and again when it is raised anew', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    machine.plug(fn, SLOT);
    let asked = 0;
    machine.interrupts.connectLine(11, () => {
      asked++;
      return true;
    });
    fn.setInterrupt(true);
    expect(asked).toBe(64);
    fn.setInterrupt(false);
    fn.setInterrupt(true);
    expect(asked).toBe(128);
  });
});

describe('a loaded function', () => {
  function make() {
    const held = new HeldScheduler();
    const machine = smallMachine({ scheduler: immediate, interruptScheduler: held, holdPostedWrites: true });
    const fn = bareFunction();
    const target = addScratch(fn, 0, 'memory32', 16);
    fn.addMsix(1, 3);
    fn.addPowerManagement();
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    return { machine, fn, target, config, events: watch(machine) };
  }
  const started = () => {
    const under = make();
    under.config.setBar(0, 0xc0000000);
    under.config.setBar(1, 0xc0001000);
    under.config.command(6);
    under.config.write(0x42, 2, 0x8000);
    under.machine.memoryWrite(0xc0001020, 4, 0xfee00000);
    under.machine.memoryWrite(0xc0001028, 4, 9);
    under.machine.posted!.flushAll();
    return under;
  };

  it('sends what was pending, once its vector is unmasked', () => {
    const before = started();
    before.fn.msix!.trigger(2);
    const after = make();
    after.machine.load(before.machine.save());
    expect(interruptsIn(after.events)).toEqual([]);
    after.machine.memoryWrite(0xc000102c, 4, 0);
    after.machine.posted!.flushAll();
    expect([interruptsIn(after.events), after.fn.msix!.isPending(2)]).toEqual([['message 9'], false]);
    // Nothing is pending any more: masking and unmasking sends nothing.
    for (const mask of [1, 0]) after.machine.memoryWrite(0xc000102c, 4, mask);
    after.machine.posted!.flushAll();
    expect(interruptsIn(after.events)).toEqual(['message 9']);
  });

  it('gets the memory writes that were on their way, in order', () => {
    const before = started();
    for (const value of [1, 2, 3]) before.machine.memoryWrite(0xc0000000 + value, 1, value);
    const after = make();
    after.machine.load(before.machine.save());
    expect([after.machine.posted!.count, after.target.log]).toEqual([3, []]);
    after.config.read(0, 4);
    expect(after.target.log).toEqual(['w1@1=1', 'w1@2=2', 'w1@3=3']);
  });

  it('is in the power state that it was in, and decodes again in D0', () => {
    const before = started();
    before.config.write(0x50, 2, 3);
    const after = make();
    after.machine.load(before.machine.save());
    expect([after.fn.powered, after.fn.busMaster, after.fn.bars[0]!.mappedAt]).toEqual([false, false, null]);
    after.config.write(0x50, 2, 0);
    expect([after.fn.powered, after.fn.busMaster, after.fn.bars[0]!.mappedAt]).toEqual([
      true,
      true,
      0xc0000000,
    ]);
  });

  it('lets its line down where the state that is loaded had it down', () => {
    const quiet = make();
    const state = quiet.machine.save();
    const after = make();
    after.fn.setInterrupt(true);
    after.machine.load(state);
    expect(interruptsIn(after.events)).toEqual(['line 11 up', 'line 11 down']);
  });
});
