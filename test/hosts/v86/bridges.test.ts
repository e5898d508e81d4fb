import { describe, expect, it } from 'vitest';
import { functionAddress, type LabEvent } from '../../../src/core/index.ts';
import { V86Board } from '../../../src/hosts/v86/board.ts';
import { V86Bus } from '../../../src/hosts/v86/bus.ts';
import { Bridge, PlaceError } from '../../../src/pci/index.ts';
import { addScratch, bareFunction, bridgeAt } from '../../pci/support.ts';
import { fakeMachine } from './fake-machine.ts';

const PLACE = functionAddress(0, 5);

/** A bridge at 00:05.0, with a function behind it, programmed as a guest does. */
function setUp() {
  const fake = fakeMachine();
  const board = new V86Board(new V86Bus(fake.machine));
  const bridge = new Bridge({ kind: 'pci-to-pci' });
  board.plug(bridge, PLACE);
  const fn = bareFunction({ interruptPin: 1 });
  addScratch(fn, 0, 'io', 32).bytes.fill(0x11);
  addScratch(fn, 1, 'memory32', 4096).bytes.fill(0x22);
  const takeOut = board.plug(fn, { behind: bridge, device: 1 });
  const read = (place: number, register: number) => {
    fake.select(place, register & ~3);
    return fake.port(0xcfc).read32() >>> 0;
  };
  const write = (place: number, register: number, width: 1 | 2 | 4, value: number) => {
    fake.select(place, register & ~3);
    const port = fake.port(0xcfc + (register & 3));
    if (width === 4) port.write32(value);
    else if (width === 2) port.write16(value);
    else port.write8(value);
  };
  const program = () => {
    write(PLACE, bridgeAt.secondary, 1, 3);
    write(PLACE, bridgeAt.subordinate, 1, 3);
    write(PLACE, bridgeAt.ioBase, 2, 0xd0d0);
    write(PLACE, bridgeAt.memoryBase, 4, 0xfe00fe00);
    write(PLACE, 0x04, 2, 7);
    write(0x308, 0x10, 4, 0xd000);
    write(0x308, 0x14, 4, 0xfe000000);
    write(0x308, 0x04, 2, 7);
  };
  return { ...fake, board, bridge, fn, takeOut, read, write, program };
}

describe('a bridge in a v86 machine', () => {
  it('leads to a bus of its own, of which v86 knows nothing', () => {
    const { read, program, log, board, fn } = setUp();
    expect(read(0x308, 0)).toBe(0xffffffff);
    program();
    expect([read(0x308, 0), read(0x300, 0)]).toEqual([0x56781234, 0xffffffff]);
    expect(board.at(0x308)).toBe(fn);
    expect(log.filter((line) => line.startsWith('config'))).toEqual([]);
  });

  it('lets through what its windows hold, and tells whose it is', () => {
    const { program, write, port, cpu, board } = setUp();
    program();
    const events: LabEvent[] = [];
    board.events = (event) => events.push(event);
    expect([port(0xd000).read16(), cpu.mmap_read32(0xfe000010)]).toEqual([0x1111, 0x22222222]);
    expect(events.flatMap((event) => (event.kind === 'access' ? [event.target, event.offset] : []))).toEqual([
      ...['03:01.0 BAR0 scratch0', 0],
      ...['03:01.0 BAR1 scratch1', 0x10],
    ]);
    write(PLACE, 0x04, 2, 0);
    expect([port(0xd000).read16(), cpu.mmap_read32(0xfe000010)]).toEqual([0xffff, -1]);
  });

  it('turns the pin of what is behind it, and keeps the line until that is gone', () => {
    const { program, fn, log, takeOut } = setUp();
    program();
    log.length = 0;
    // INTA# of device 1 is INTB# of the bridge, at device 5.
    fn.setInterrupt(true);
    takeOut();
    takeOut();
    expect(log).toEqual(['raise 10', 'lower 10']);
    expect(fn.plugged).toBe(false);
  });

  it('stays until nothing is behind it, and a place without a bridge is refused', () => {
    const { board, bridge, takeOut } = setUp();
    expect(() => board.plug(bareFunction(), functionAddress(9, 0))).toThrow(PlaceError);
    const root = new Bridge({ kind: 'root-port' });
    const takeRoot = board.plug(root, functionAddress(0, 6));
    const takeInner = board.plug(bareFunction(), { behind: root });
    expect(takeRoot).toThrow(PlaceError);
    expect(root.plugged).toBe(true);
    takeInner();
    takeRoot();
    takeOut();
    expect([root.plugged, bridge.plugged]).toEqual([false, true]);
  });
});

describe('port 0xCF9', () => {
  it('resets the machine where bit 2 rises, and is a register for the rest', () => {
    const { port, log, program, bridge } = setUp();
    program();
    log.length = 0;
    port(0xcf9).write8(0x02);
    expect([port(0xcf9).read8(), log]).toEqual([0x02, []]);
    port(0xcf9).write8(0x06);
    expect([port(0xcf9).read8(), log, bridge.secondaryBus]).toEqual([0, ['reboot'], 0]);
    port(0xcf9).write8(0xff);
    expect(log).toEqual(['reboot', 'reboot']);
  });

  it('leaves wider accesses to the configuration address', () => {
    const { port, log } = setUp();
    port(0xcf9).write16(0x0606);
    port(0xcf9).write32(0x06060606);
    expect([port(0xcf9).read16(), port(0xcf9).read32(), log]).toEqual([0xffff, -1, []]);
  });
});
