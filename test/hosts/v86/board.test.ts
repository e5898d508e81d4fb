import { describe, expect, it } from 'vitest';
import { type LabEvent, StateMismatchError, type Width } from '../../../src/core/index.ts';
import { V86Board } from '../../../src/hosts/v86/board.ts';
import { V86Bus } from '../../../src/hosts/v86/bus.ts';
import { SlotUnavailableError } from '../../../src/hosts/v86/errors.ts';
import { PciFunction } from '../../../src/pci/index.ts';
import { EntropyDevice, virtioFunction } from '../../../src/virtio/index.ts';
import { fakeMachine } from './fake-machine.ts';

/** Device 1 is v86's; device 5 shares its routing and reaches line 11. */
const PLACE = 5 << 3;
const PORTS_AT = 0xc000;
const MEMORY_AT = 0xfe000000;

function setUp() {
  const fake = fakeMachine({ acpi: true });
  const board = new V86Board(new V86Bus(fake.machine));
  const events: LabEvent[] = [];
  board.events = (event) => events.push(event);
  const accesses: string[] = [];
  const target = {
    read: (offset: number, width: Width) => {
      accesses.push(`r${width}@${offset}`);
      return 0x1234;
    },
    write: (offset: number, width: Width, value: number) =>
      void accesses.push(`w${width}@${offset}=${value}`),
  };
  const fn = new PciFunction({
    name: 'probe',
    vendorId: 1,
    deviceId: 2,
    classCode: 0xff0000,
    interruptPin: 1,
  });
  fn.addBar({
    index: 0,
    kind: 'io',
    lengthBytes: 32,
    regions: [{ name: 'legacy', offset: 0, length: 32, target }],
  });
  fn.addBar({
    index: 1,
    kind: 'memory32',
    lengthBytes: 4096,
    regions: [{ name: 'common', offset: 0, length: 64, target }],
  });
  const config = (register: number, value: number) => {
    fake.select(PLACE, register);
    fake.port(0xcfc).write32(value);
  };
  /** What firmware does. */
  const enable = () => {
    config(0x10, PORTS_AT);
    config(0x14, MEMORY_AT);
    config(0x04, 0x7);
  };
  return { ...fake, board, fn, events, accesses, config, enable };
}

describe("virtiolab's functions in a v86 machine", () => {
  it('answer where the guest puts their BARs, and nowhere after they are taken out', () => {
    const { board, fn, port, cpu, accesses, enable, select } = setUp();
    const takeOut = board.plug(fn, PLACE);
    expect(port(PORTS_AT).read16()).toBe(0xffff);
    enable();
    expect(port(PORTS_AT + 2).read16()).toBe(0x1234);
    port(PORTS_AT + 16).write8(5);
    expect(cpu.mmap_read32(MEMORY_AT)).toBe(0x1234);
    // Past the region, the BAR's reserved rest.
    expect(cpu.mmap_read32(MEMORY_AT + 64)).toBe(0);
    expect(accesses).toEqual(['r2@2', 'w1@16=5', 'r4@0']);
    takeOut();
    expect(port(PORTS_AT + 2).read16()).toBe(0xffff);
    expect(cpu.mmap_read32(MEMORY_AT)).toBe(-1);
    select(PLACE, 0);
    expect(port(0xcfc).read32()).toBe(0x44332211);
    expect(accesses).toHaveLength(3);
  });

  it('have two-byte registers read whole, in whatever window they stand', () => {
    const { board, cpu, events, config } = setUp();
    const { pci } = virtioFunction(new EntropyDevice(), { kind: 'modern', vectors: 0 });
    board.plug(pci, PLACE);
    config(0x20, MEMORY_AT);
    config(0x24, 0);
    config(0x04, 0x6);
    events.length = 0;
    // numQueues has two bytes, deviceStatus one, deviceFeature four.
    expect(cpu.mmap_read8(MEMORY_AT + 18) | (cpu.mmap_read8(MEMORY_AT + 19) << 8)).toBe(1);
    cpu.mmap_read8(MEMORY_AT + 20);
    cpu.mmap_read32(MEMORY_AT + 4);
    const widths = events.flatMap((event) => (event.kind === 'access' ? [[event.offset, event.width]] : []));
    expect(widths).toEqual([
      [18, 2],
      [20, 1],
      [4, 4],
    ]);
  });

  it('tell whoever listens of accesses and interrupts', () => {
    const { board, fn, port, events, enable, log } = setUp();
    board.plug(fn, PLACE);
    enable();
    events.length = 0;
    port(PORTS_AT + 19).read8();
    fn.setInterrupt(true);
    expect(log).toContain('raise 11');
    expect(events).toEqual([
      { kind: 'enter' },
      {
        kind: 'access',
        space: 'io',
        operation: 'read',
        address: PORTS_AT + 19,
        width: 1,
        value: 0x1234,
        target: '00:05.0 BAR0 legacy',
        offset: 19,
        posted: false,
      },
      { kind: 'leave' },
      { kind: 'interrupt', signal: 'line', vector: 11, asserted: true, source: PLACE },
    ]);
    fn.setInterrupt(false);
    expect(log.at(-1)).toBe('lower 11');
  });

  it('send messages to the interrupt controller, or to the RAM they were aimed at', () => {
    const { board, fn, requested, log } = setUp();
    board.plug(fn, PLACE);
    fn.slot.sendMessage(0xfee00000, 0, 0x41);
    expect(requested()[2]).toBe(2);
    fn.slot.sendMessage(0x2000, 0, 0xcafe);
    expect(board.ram.read(0x2000, 4)).toEqual(Uint8Array.of(0xfe, 0xca, 0, 0));
    expect(log.filter((entry) => entry.startsWith('raise'))).toEqual([]);
  });

  it('write to RAM that follows the machine, and have compiled code forgotten', async () => {
    const { board, fn, grow, cpu, log } = setUp();
    board.plug(fn, PLACE);
    grow();
    cpu.run_hardware_timers(0, 0);
    fn.slot.dma.write(0x3000, Uint8Array.of(1, 2, 3), 0, 3);
    expect(board.bus.ram.bytes.slice(0x3000, 0x3003)).toEqual(Uint8Array.of(1, 2, 3));
    await Promise.resolve();
    expect(log).toContain('dirty 12288..12291');
  });

  it('are reset when the guest reboots', () => {
    const { board, fn, cpu, port, enable, log, select } = setUp();
    board.plug(fn, PLACE);
    enable();
    fn.setInterrupt(true);
    cpu.reboot_internal();
    expect(log).toContain('reboot');
    expect(port(PORTS_AT + 2).read16()).toBe(0xffff);
    select(PLACE, 0x10);
    expect(port(0xcfc).read32()).toBe(1);
  });

  it('are saved together, and go on in another machine', () => {
    const first = setUp();
    first.board.plug(first.fn, PLACE);
    first.enable();
    first.fn.setInterrupt(true);
    const saved = structuredClone(first.board.save());
    const second = setUp();
    second.board.plug(second.fn, PLACE);
    second.board.load(saved);
    expect(second.port(PORTS_AT + 2).read16()).toBe(0x1234);
    expect(second.log).toContain('raise 11');
    const other = setUp();
    other.board.plug(other.fn, PLACE + 8);
    expect(() => other.board.load(saved)).toThrow(StateMismatchError);
  });

  it('sit in one slot each', () => {
    const { board, fn } = setUp();
    board.plug(fn, PLACE);
    expect(() => board.plug(fn, PLACE)).toThrow(SlotUnavailableError);
    expect(() => board.plug(fn, PLACE + 8)).toThrow('probe sits in slot 00:05.0 already');
    expect(board.bus.isFree(PLACE + 8)).toBe(true);
  });
});
