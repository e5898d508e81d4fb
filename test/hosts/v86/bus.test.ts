import { describe, expect, it } from 'vitest';
import { AddressRangeError, type Width } from '../../../src/core/index.ts';
import { V86Bus } from '../../../src/hosts/v86/bus.ts';
import { SlotUnavailableError } from '../../../src/hosts/v86/errors.ts';
import { fakeMachine } from './fake-machine.ts';

function recorder(value = 0x8899aabb) {
  const accesses: string[] = [];
  return {
    accesses,
    read: (offset: number, width: Width) => {
      accesses.push(`r${width}@${offset}`);
      return value;
    },
    write: (offset: number, width: Width, written: number) => {
      accesses.push(`w${width}@${offset}=${written.toString(16)}`);
    },
  };
}

function recordedFunction(pin = 0) {
  const { accesses, read, write } = recorder();
  return {
    accesses,
    configRead: (offset: number, width: Width) => (offset === 0x3d ? pin : read(offset, width)),
    configWrite: write,
  };
}

const PLACE = 4 << 3;

describe('configuration accesses', () => {
  it('reach the function at the place with exact offset and width', () => {
    const { machine, select, port, log } = fakeMachine();
    const fn = recordedFunction();
    new V86Bus(machine).plug(PLACE, fn);
    select(PLACE, 0x40);
    expect(port(0xcfc).read32()).toBe(0x8899aabb | 0);
    expect(port(0xcfe).read16()).toBe(0xaabb);
    expect(port(0xcfd).read8()).toBe(0xbb);
    port(0xcfc).write32(-1);
    port(0xcff).write8(0x112);
    expect(fn.accesses).toEqual(['r4@64', 'r2@66', 'r1@65', 'w4@64=ffffffff', 'w1@67=12']);
    expect(log).toEqual([]);
  });

  it('go to v86 for everybody else, for other buses and while 0xCF8 is not enabled; writes to nobody are dropped', () => {
    const { machine, select, port, log } = fakeMachine();
    const fn = recordedFunction();
    const bus = new V86Bus(machine);
    const slot = bus.plug(PLACE, fn);
    select(8, 0);
    expect(port(0xcfc).read32()).toBe(0x44332211);
    port(0xcfd).write8(7);
    select(PLACE, 0, false);
    port(0xcfe).read16();
    select((1 << 8) | PLACE, 0);
    port(0xcfc).read8();
    port(0xcfc).write8(1);
    slot.unplug();
    select(PLACE, 0);
    port(0xcfc).read8();
    expect(log).toEqual([
      'config read32 +0',
      'config write8 +1 7',
      'config read16 +2',
      'config read8 +0',
      'config read8 +0',
    ]);
    expect(fn.accesses).toEqual([]);
  });

  it('cannot be given two functions at one place, nor one of v86 itself', () => {
    const bus = new V86Bus(fakeMachine().machine);
    bus.plug(PLACE, recordedFunction());
    for (const place of [PLACE, 0, 8, 9, 7 << 3, 0x12 << 3, 0x1e << 3, 256, -1, 1.5]) {
      expect(bus.isFree(place)).toBe(false);
      expect(() => bus.plug(place, recordedFunction())).toThrow(SlotUnavailableError);
    }
    expect(bus.isFree(PLACE + 1)).toBe(true);
  });

  it("fill in the interrupt line as firmware would, where the guest's routing knows one", () => {
    const bus = new V86Bus(fakeMachine().machine);
    const unrouted = recordedFunction(1);
    bus.plug(PLACE, unrouted);
    expect(unrouted.accesses).toEqual([]);
    const known = recordedFunction(1);
    bus.plug(5 << 3, known);
    expect(known.accesses).toEqual(['w1@60=b']);
    const own = recordedFunction(1);
    bus.plug(6 << 3, own, { presetInterruptLine: false });
    expect(own.accesses).toEqual([]);
  });
});

describe('I/O ports', () => {
  it('answer while claimed, with unsigned values of the right width', () => {
    const { machine, port } = fakeMachine();
    const target = recorder();
    const release = new V86Bus(machine).claimPorts(0xc000, 8, target);
    expect(port(0xc000).read8()).toBe(0xbb);
    expect(port(0xc002).read16()).toBe(0xaabb);
    expect(port(0xc004).read32()).toBe(0x8899aabb | 0);
    port(0xc004).write32(-2);
    port(0xc006).write16(0x12345);
    expect(target.accesses).toEqual(['r1@0', 'r2@2', 'r4@4', 'w4@4=fffffffe', 'w2@6=2345']);
    release();
    release();
    expect(port(0xc000).read8()).toBe(0xff);
  });

  it('split an access that leaves the claim', () => {
    const { machine, port } = fakeMachine();
    const bus = new V86Bus(machine);
    const [first, second] = [recorder(0x11), recorder(0x22)];
    bus.claimPorts(0xc000, 4, first);
    bus.claimPorts(0xc004, 1, second);
    expect(port(0xc002).read32() >>> 0).toBe(0xff221111);
    port(0xc003).write16(0xabcd);
    expect(first.accesses).toEqual(['r1@2', 'r1@3', 'w1@3=cd']);
    expect(second.accesses).toEqual(['r1@0', 'w1@0=ab']);
  });

  it("leave v86's devices alone, and the first claim wins until it is given back", () => {
    const { machine, port, log } = fakeMachine();
    const bus = new V86Bus(machine);
    bus.claimPorts(0xcfc, 4, recorder());
    expect(port(0xcfc).read8()).toBe(0x11);
    expect(log).toEqual(['config read8 +0']);
    const release = bus.claimPorts(0xc000, 4, recorder(1));
    const releaseLater = bus.claimPorts(0xc000, 8, recorder(2));
    expect([port(0xc000).read8(), port(0xc004).read8()]).toEqual([1, 2]);
    release();
    expect(port(0xc000).read8()).toBe(2);
    releaseLater();
    expect(port(0xc000).read8()).toBe(0xff);
  });

  it('must lie in I/O space', () => {
    const bus = new V86Bus(fakeMachine().machine);
    for (const [start, length] of [
      [0xfff0, 0x20],
      [-1, 4],
      [0, 0],
      [1.5, 1],
    ] as const)
      expect(() => bus.claimPorts(start, length, recorder())).toThrow(AddressRangeError);
  });
});

describe('memory addresses', () => {
  const AT = 0xfe000000;

  it('answer with the widths of the accesses; eight and sixteen bytes arrive as fours', () => {
    const { machine, cpu, log } = fakeMachine();
    const target = recorder();
    const release = new V86Bus(machine).claimMemory(AT, 0x1000, target);
    expect(cpu.mmap_read32(AT | 0) >>> 0).toBe(0x8899aabb);
    expect(cpu.mmap_read8((AT + 1) | 0)).toBe(0xbb);
    cpu.mmap_write8((AT + 2) | 0, 0x1ff);
    cpu.mmap_write16((AT + 4) | 0, 0x12345);
    cpu.mmap_write32((AT + 8) | 0, -1);
    cpu.mmap_write64((AT + 0x10) | 0, 1, 2);
    cpu.mmap_write128((AT + 0x20) | 0, 1, 2, 3, 4);
    expect(target.accesses).toEqual([
      ...['r4@0', 'r1@1', 'w1@2=ff', 'w2@4=2345', 'w4@8=ffffffff', 'w4@16=1', 'w4@20=2'],
      ...['w4@32=1', 'w4@36=2', 'w4@40=3', 'w4@44=4'],
    ]);
    expect(log).toEqual([]);
    release();
    expect(cpu.mmap_read32(AT | 0)).toBe(-1);
    cpu.mmap_write16(AT | 0, 1);
    expect(log).toEqual([`own read32 ${AT}`, `own write16 ${AT}`]);
  });

  it('put two one-byte reads together where a register of two bytes begins', () => {
    const { machine, cpu } = fakeMachine();
    const target = { ...recorder(0x1234), widthAt: (offset: number): Width => (offset === 2 ? 2 : 1) };
    new V86Bus(machine).claimMemory(AT, 0x10, target);
    const read16 = (at: number) => cpu.mmap_read8(at) | (cpu.mmap_read8(at + 1) << 8);
    expect(read16(AT + 2)).toBe(0x1234);
    expect(read16(AT + 4)).toBe(0x3434);
    // A half that nobody asks for is forgotten at the next access.
    cpu.mmap_read8(AT + 2);
    cpu.mmap_write8(AT + 8, 0);
    cpu.mmap_read8(AT + 3);
    expect(target.accesses).toEqual(['r2@2', 'r1@4', 'r1@5', 'r2@2', 'w1@8=0', 'r1@3']);
  });

  it('split an access that leaves the claim; nobody reads all ones', () => {
    const { machine, cpu } = fakeMachine();
    const target = recorder(0x77);
    new V86Bus(machine).claimMemory(AT, 2, target);
    expect(cpu.mmap_read32(AT) >>> 0).toBe(0xffff7777);
    cpu.mmap_write32(AT, 0x04030201);
    expect(target.accesses).toEqual(['r1@0', 'r1@1', 'w1@0=1', 'w1@1=2']);
  });
});

describe('guest RAM', () => {
  it('is seen around the display hole', () => {
    const { ram } = new V86Bus(fakeMachine().machine);
    expect(ram.length).toBe(0x100000);
    expect(ram.ranges().map(({ start, bytes }) => [start, bytes.length])).toEqual([
      [0, 0xa0000],
      [0xc0000, 0x40000],
    ]);
  });

  it('follows the memory when it moves: at an access, at the timers, when compiled code arrives', () => {
    const { machine, cpu, grow, port } = fakeMachine();
    const bus = new V86Bus(machine);
    const { ram } = bus;
    let moves = 0;
    const stop = ram.watch(() => moves++);
    ram.bytes[5] = 42;
    // Told before the function is called.
    bus.claimPorts(0xc000, 1, { read: () => moves, write: () => {} });
    grow();
    expect(port(0xc000).read8()).toBe(1);
    grow();
    cpu.run_hardware_timers(0, 0);
    expect(moves).toBe(2);
    grow();
    cpu.codegen_finalize_finished(0, 0, 0);
    expect(moves).toBe(3);
    expect(ram.bytes[5]).toBe(42);
    stop();
    grow();
    ram.refresh();
    expect(moves).toBe(3);
  });

  it('forgets code compiled from written ranges after the access, or before the emulator runs again', async () => {
    const { machine, log, port } = fakeMachine();
    const bus = new V86Bus(machine);
    bus.claimPorts(0xc000, 1, {
      read: () => {
        bus.ram.dirty(0x1000, 0x1100);
        bus.ram.dirty(0x1100, 0x1200);
        bus.ram.dirty(7, 7);
        bus.ram.dirty(0x5000, 0x5001);
        return log.length;
      },
      write: () => {},
    });
    expect(port(0xc000).read8()).toBe(0);
    expect(log).toEqual(['dirty 4096..4608', 'dirty 20480..20481']);
    bus.ram.dirty(1, 2);
    expect(log).toHaveLength(2);
    await Promise.resolve();
    expect(log.at(-1)).toBe('dirty 1..2');
  });
});

describe('a function that throws', () => {
  it('is reported, and the access answers all ones', () => {
    const { machine, port, cpu, select } = fakeMachine();
    const bus = new V86Bus(machine);
    const faults: unknown[] = [];
    bus.onFault((fault) => faults.push(fault));
    const fail = (): never => {
      throw new RangeError('defect');
    };
    bus.claimPorts(0xc000, 4, { read: fail, write: fail });
    bus.claimMemory(0xfe000000, 4, { read: fail, write: fail });
    bus.plug(PLACE, { configRead: (offset) => (offset === 0x3d ? 0 : fail()), configWrite: fail });
    expect(port(0xc000).read16()).toBe(0xffff);
    expect(cpu.mmap_read32(0xfe000000)).toBe(-1);
    cpu.mmap_write8(0xfe000000, 1);
    select(PLACE, 0);
    expect(port(0xcfc).read32()).toBe(-1);
    expect(faults).toHaveLength(4);
  });
});
