import { describe, expect, it } from 'vitest';
import { V86Bus } from '../../../src/hosts/v86/bus.ts';
import { fakeMachine, PICS_AT } from './fake-machine.ts';

/** Pin INTA# of device 1 + n reaches routing register n; the fake routes them to 11, 10, 9 and nowhere. */
const DEVICE_11 = 1;
const DEVICE_10 = 2;
const UNROUTED = 4;
const AT = 0xfe000000;

describe('interrupt lines', () => {
  it('stay up until the last of the pins that share them drops', () => {
    const { machine, log } = fakeMachine();
    const { interrupts } = new V86Bus(machine);
    const [a, b] = [interrupts.connect(DEVICE_11, 1), interrupts.connect(DEVICE_11 + 4, 1)];
    a.set(true);
    a.set(true);
    b.set(true);
    a.set(false);
    expect(log.filter((entry) => entry.startsWith('lower'))).toEqual([]);
    b.release();
    expect(log.at(-1)).toBe('lower 11');
    expect(new Set(log)).toEqual(new Set(['raise 11', 'lower 11']));
  });

  it('follow the routing registers when the guest writes them', () => {
    const { machine, log, isaBridge, select, port } = fakeMachine();
    const { interrupts } = new V86Bus(machine);
    expect(interrupts.routedLine(DEVICE_10, 1)).toBe(10);
    expect(interrupts.routedLine(DEVICE_11, 2)).toBe(10);
    expect(interrupts.routedLine(UNROUTED, 1)).toBeUndefined();
    const pin = interrupts.connect(UNROUTED, 1);
    pin.set(true);
    expect(log).toEqual([]);
    isaBridge[0x63] = 5;
    select(8, 0x60);
    port(0xcff).write8(5);
    expect(log).toEqual(['config write8 +3 5', 'raise 5']);
  });

  it('change at once; within a memory access nothing is taken', () => {
    const { machine, log, cpu, port } = fakeMachine();
    const bus = new V86Bus(machine);
    const pin = bus.interrupts.connect(DEVICE_11, 1);
    const target = { read: () => 0, write: (_o: number, _w: number, value: number) => pin.set(value === 1) };
    bus.claimMemory(AT, 4, target);
    bus.claimPorts(0xc000, 4, target);
    cpu.mmap_write32(AT, 1);
    expect(log).toEqual(['raise 11 masked']);
    expect(cpu.flags[0]).toBe(0x246);
    cpu.mmap_write32(AT, 0);
    port(0xc000).write32(1);
    port(0xc000).write32(0);
    expect(log.slice(1)).toEqual(['lower 11 masked', 'raise 11', 'lower 11']);
    expect(cpu.run_hardware_timers(0, 0)).toBe(100);
  });

  it('take their request back when they drop before it is answered, unless another line has one', () => {
    const { machine, cpu } = fakeMachine();
    const pin = new V86Bus(machine).interrupts.connect(DEVICE_11, 1);
    const state = new Uint8Array(cpu.wasm_memory.buffer);
    /** What requests at the first controller, after line 11 has dropped while `others` request at the second. */
    const left = (enabled: number, others: number) => {
      pin.set(true);
      state.set([0xff, 0, 0, 0x15], PICS_AT.first);
      state.set([enabled, 0, 0, others], PICS_AT.second);
      pin.set(false);
      return state[PICS_AT.first + 3];
    };
    expect(left(0xff, 0)).toBe(0x11);
    expect(left(0xff, 0x40)).toBe(0x15);
    expect(left(0xbf, 0x40)).toBe(0x11);
  });

  it('are driven again while they are up, for a guest that set its interrupt controller up anew', () => {
    const { machine, log, cpu } = fakeMachine();
    const pin = new V86Bus(machine).interrupts.connect(DEVICE_11, 1);
    pin.set(true);
    cpu.run_hardware_timers(0, 0);
    expect(log).toEqual(['raise 11', 'raise 11']);
    pin.set(false);
    cpu.run_hardware_timers(0, 0);
    expect(log).toEqual(['raise 11', 'raise 11', 'lower 11']);
  });
});

describe('message-signalled interrupts', () => {
  it('set the vector at the local interrupt controller', () => {
    const { machine, log, requested, cpu } = fakeMachine({ acpi: true });
    const bus = new V86Bus(machine);
    expect(bus.interrupts.message(0xfee01000, 0, 0x4031)).toBe(true);
    expect(requested()[1]).toBe(1 << 0x11);
    expect(log).toEqual(['take interrupts']);
    bus.claimMemory(AT, 4, { read: () => 0, write: () => void bus.interrupts.message(0xfee00000, 0, 0xfe) });
    cpu.mmap_write32(AT, 1);
    expect(requested()[7]! >>> 0).toBe(0x40000000);
    expect(log.at(-1)).toBe('take interrupts masked');
  });

  it('are dropped where nobody takes them', () => {
    const { interrupts } = new V86Bus(fakeMachine({ acpi: true }).machine);
    expect(interrupts.message(0x1000, 0, 0x31)).toBe(false);
    expect(interrupts.message(0xfee00000, 1, 0x31)).toBe(false);
    expect(interrupts.message(0xfee00000, 0, 0x0f)).toBe(false);
    expect(new V86Bus(fakeMachine().machine).interrupts.message(0xfee00000, 0, 0x31)).toBe(false);
  });

  it('keep the hotplug ports of the ACPI tables quiet', () => {
    const { machine, port } = fakeMachine({ acpi: true });
    new V86Bus(machine);
    expect(port(0xae00).read32()).toBe(0);
    expect(port(0xae1f).read8()).toBe(0);
  });
});
