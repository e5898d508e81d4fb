import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { type PciFunction, SlotError } from '../../src/pci/index.ts';
import {
  addScratch,
  at,
  bareFunction,
  configOf,
  interruptsIn,
  SLOT,
  smallMachine,
  watch,
} from './support.ts';

const INTERRUPT = 0x0008;
const INTX_OFF = 0x0400;
const BUS_MASTER = 0x0004;
/** Line that pin A of device 4 reaches. */
const LINE = 11;

function plugged(
  prepare: (fn: PciFunction) => void = () => {},
  options: Parameters<typeof bareFunction>[0] = {},
) {
  const machine = smallMachine();
  const fn = bareFunction(options);
  addScratch(fn, 0, 'memory32', 64);
  prepare(fn);
  machine.plug(fn, SLOT);
  const config = configOf(machine);
  config.setBar(0, 0xc0000000);
  return { machine, fn, config, events: watch(machine) };
}

describe('identity in configuration space (PCI-ID-02, PCI-ID-03)', () => {
  it('shows the ids it was made with, read-only', () => {
    const { config } = plugged(undefined, { revisionId: 3, subsystemVendorId: 0xaaaa, subsystemId: 0xbbbb });
    for (const offset of [0x00, 0x08, 0x2c]) config.write(offset, 4, 0xffffffff);
    expect([0x00, 0x08, 0x2c].map((offset) => config.read(offset, 4))).toEqual([
      0x56781234, 0xff010203, 0xbbbbaaaa,
    ]);
    expect([config.read(0x0e, 1), config.read(0x3d, 1), config.read(at.line, 1)]).toEqual([0, 1, LINE]);
  });

  it('lets software change the command bits that exist, and the interrupt line', () => {
    const { config } = plugged();
    config.command(0xffff);
    config.write(at.line, 1, 5);
    expect([config.read(at.command, 2), config.read(at.line, 1)]).toEqual([0x0547, 5]);
  });
});

describe('the interrupt pin (PCI-ISR-04)', () => {
  it('follows the level that the device wants, and so does the status bit', () => {
    const { fn, config, events, machine } = plugged();
    fn.setInterrupt(true);
    fn.setInterrupt(true);
    expect([config.read(at.status, 2) & INTERRUPT, machine.interrupts.isAsserted(LINE)]).toEqual([
      INTERRUPT,
      true,
    ]);
    fn.setInterrupt(false);
    expect([config.read(at.status, 2) & INTERRUPT, machine.interrupts.isAsserted(LINE)]).toEqual([0, false]);
    expect(interruptsIn(events)).toEqual(['line 11 up', 'line 11 down']);
  });

  it('is held low by interrupt disable, while the status bit tells', () => {
    const { fn, config, events } = plugged();
    config.command(INTX_OFF);
    fn.setInterrupt(true);
    expect([config.read(at.status, 2) & INTERRUPT, interruptsIn(events)]).toEqual([INTERRUPT, []]);
    config.command(0);
    expect(interruptsIn(events)).toEqual(['line 11 up']);
    config.command(INTX_OFF);
    expect(interruptsIn(events)).toEqual(['line 11 up', 'line 11 down']);
  });

  it('is silent with MSI-X on, status bit included, and comes back with MSI-X off', () => {
    const { fn, config, events } = plugged((each) => each.addMsix(1, 2));
    fn.setInterrupt(true);
    config.write(0x42, 2, 0x8000);
    expect(config.read(at.status, 2) & INTERRUPT).toBe(0);
    config.write(0x42, 2, 0);
    expect(config.read(at.status, 2) & INTERRUPT).toBe(INTERRUPT);
    expect(interruptsIn(events)).toEqual(['line 11 up', 'line 11 down', 'line 11 up']);
  });

  it('cannot be cleared through the status register', () => {
    const { fn, config } = plugged();
    fn.setInterrupt(true);
    config.write(at.status, 2, 0xffff);
    expect(config.read(at.status, 2) & INTERRUPT).toBe(INTERRUPT);
  });

  it('stays up on a shared line until every function let go', () => {
    const { machine, fn, events } = plugged();
    const other = bareFunction();
    // Device 8, pin A: the wiring repeats every four devices.
    machine.plug(other, functionAddress(0, 8));
    fn.setInterrupt(true);
    other.setInterrupt(true);
    fn.setInterrupt(false);
    expect(machine.interrupts.isAsserted(LINE)).toBe(true);
    other.setInterrupt(false);
    expect(machine.interrupts.isAsserted(LINE)).toBe(false);
    expect(interruptsIn(events)).toHaveLength(4);
  });
});

describe('bus mastering', () => {
  it('is told to the device when it changes, and only then', () => {
    const changes: boolean[] = [];
    const { config } = plugged((fn) => fn.onBusMaster.push(() => changes.push(fn.busMaster)));
    for (const command of [0x2, 0x6, 0x7, 0x3, 0x3, 0x4]) config.command(command);
    expect(changes).toEqual([true, false, true]);
  });

  it('is told as off when the function is reset', () => {
    const changes: boolean[] = [];
    const { config, fn } = plugged((each) => each.onBusMaster.push(() => changes.push(each.busMaster)));
    config.command(BUS_MASTER);
    fn.reset();
    expect([changes, fn.busMaster]).toEqual([[true, false], false]);
  });
});

describe('power management', () => {
  const STATE = 0x44;
  const powered = () => plugged((fn) => fn.addPowerManagement());

  it('below D0 decodes nothing, masters nothing, and drops its interrupt; D0 brings all of it back', () => {
    const { machine, fn, config, events } = powered();
    config.command(0x6);
    fn.setInterrupt(true);
    machine.memoryWrite(0xc0000004, 1, 7);
    config.write(STATE, 2, 3);
    expect([machine.memoryRead(0xc0000004, 1), fn.busMaster]).toEqual([0xff, false]);
    expect(config.read(at.command, 2)).toBe(6);
    config.write(STATE, 2, 0);
    expect([machine.memoryRead(0xc0000004, 1), fn.busMaster]).toEqual([7, true]);
    expect(interruptsIn(events)).toEqual(['line 11 up', 'line 11 down', 'line 11 up']);
  });

  test.each([
    [0, 1, 0],
    [0, 2, 0],
    [3, 1, 3],
    [3, 2, 3],
    [3, 0, 0],
    [0, 3, 3],
  ])('in D%d takes a write of D%d as D%d: there is no D1 and no D2', (before, wanted, after) => {
    const { config } = powered();
    config.write(STATE, 2, before);
    config.write(STATE, 2, wanted);
    expect(config.read(STATE, 2)).toBe(0x0008 | after);
  });

  it('after a reset from D3hot is in D0, and takes D1 as D0', () => {
    const { config, fn } = powered();
    config.write(STATE, 2, 3);
    fn.reset();
    config.write(STATE, 2, 1);
    expect(config.read(STATE, 2)).toBe(0x0008);
  });

  it('loaded in D3hot stays there when D1 is written', () => {
    const { config, fn } = powered();
    config.write(STATE, 2, 3);
    const fresh = powered();
    fresh.fn.load(fn.save());
    expect(fresh.fn.busMaster).toBe(false);
    fresh.config.write(STATE, 2, 1);
    expect(fresh.config.read(STATE, 2)).toBe(0x000b);
  });
});

describe('function-level reset', () => {
  const DEVICE_CONTROL = 0x48;

  it('clears what software programmed, keeps what the hardware is, and reads 0 again', () => {
    const resets: string[] = [];
    const { config, fn, machine, events } = plugged(
      (each) => {
        each.onReset.push(() => resets.push('reset'));
        each.addMsix(1, 2);
      },
      { express: true },
    );
    config.setBar(1, 0xc0001000);
    config.command(0x6);
    machine.memoryWrite(0xc0001008, 4, 0x55);
    fn.setInterrupt(true);
    config.write(DEVICE_CONTROL, 2, 0x8000);
    expect(resets).toEqual(['reset']);
    expect([at.command, DEVICE_CONTROL].map((offset) => config.read(offset, 2))).toEqual([0, 0x2810]);
    expect([config.read(at.bar, 4), config.read(at.bar + 4, 4)]).toEqual([0, 0]);
    expect([config.read(at.vendor, 4), config.read(at.line, 1), config.read(at.capabilities, 1)]).toEqual([
      0x56781234,
      LINE,
      0x40,
    ]);
    expect(machine.memoryRead(0xc0000000, 4)).toBe(0xffffffff);
    config.setBar(1, 0xc0001000);
    config.command(0x2);
    expect([machine.memoryRead(0xc0001008, 4), machine.memoryRead(0xc000100c, 4)]).toEqual([0, 1]);
    expect(interruptsIn(events)[0]).toBe('line 11 up');
  });

  it('does not start from the other bits of device control, or on conventional PCI', () => {
    let resets = 0;
    const { config } = plugged((fn) => fn.onReset.push(() => resets++), { express: true });
    config.write(DEVICE_CONTROL, 2, 0x7fff);
    expect([resets, config.read(DEVICE_CONTROL, 2)]).toEqual([0, 0x781f]);
  });

  it('switches MSI-X off and says so', () => {
    const changes: boolean[] = [];
    const { config, fn } = plugged((each) => {
      each.addMsix(1, 1);
      each.onMsixEnable.push(() => changes.push(each.msixEnabled));
    });
    config.write(0x42, 2, 0x8000);
    config.write(0x42, 2, 0xc000);
    fn.reset();
    expect([changes, config.read(0x42, 2)]).toEqual([[true, false], 0]);
  });
});

describe('a slot', () => {
  it('is needed before the function is used, and holds it once', () => {
    const fn = bareFunction();
    expect(() => fn.slot).toThrow(SlotError);
    expect(fn.plugged).toBe(false);
    const machine = smallMachine();
    machine.plug(fn, SLOT);
    expect(() => machine.plug(fn, functionAddress(0, 5))).toThrow(/sits in slot 00:04.0/);
    expect(() => machine.plug(bareFunction(), SLOT)).toThrow(/taken by scratch/);
    expect(machine.functions.has(functionAddress(0, 5))).toBe(false);
  });

  it('lets go of everything when the function is taken out', () => {
    const told: string[] = [];
    const { machine, fn, config, events } = plugged((each) => each.onUnplug.push(() => told.push('unplug')));
    config.command(0x2);
    fn.setInterrupt(true);
    expect(machine.unplug(SLOT)).toBe(fn);
    expect(told).toEqual(['unplug']);
    expect([config.read(0, 2), machine.memoryRead(0xc0000000, 1)]).toEqual([0xffff, 0xff]);
    expect(interruptsIn(events)).toEqual(['line 11 up', 'line 11 down']);
    expect(machine.unplug(SLOT)).toBeUndefined();
  });

  it('finds a function that was in another slot as after power-on', () => {
    const { machine, fn, config } = plugged((each) => each.addMsix(1, 1));
    config.setBar(1, 0xc0001000);
    config.command(0x6);
    machine.memoryWrite(0xc0001008, 4, 0x55);
    config.write(0x42, 2, 0x8000);
    machine.unplug(SLOT);
    const next = functionAddress(0, 5);
    machine.plug(fn, next);
    const again = configOf(machine, next);
    expect([again.read(at.command, 2), again.read(at.bar, 4), again.read(0x42, 2)]).toEqual([0, 0, 0]);
    expect([fn.busMaster, fn.msixEnabled, fn.msix!.table.read(8, 4)]).toEqual([false, false, 0]);
    // A reset goes back to power-on as well, not to what the first slot's software had programmed.
    fn.reset();
    expect([again.read(at.command, 2), again.read(at.line, 1)]).toEqual([0, 10]);
  });
});
