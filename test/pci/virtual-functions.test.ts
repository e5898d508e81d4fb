import { describe, expect, it } from 'vitest';
import { DmaDomain, functionAddress, GuestMemory } from '../../src/core/index.ts';
import {
  BarError,
  Bridge,
  CapabilitySpaceError,
  Machine,
  VirtualFunction,
  VirtualFunctions,
  VirtualFunctionsError,
} from '../../src/pci/index.ts';
import {
  accessesIn,
  bareFunction,
  bridgeOf,
  configOf,
  interruptsIn,
  smallMachine,
  watch,
} from './support.ts';
import {
  BAR0,
  BAR2,
  CAP,
  ENABLE,
  MEMORY,
  PF,
  physical,
  scratchFunction,
  software,
  sriov,
  withVirtual,
} from './virtual-support.ts';

const ONES = 0xffffffff;

describe('the SR-IOV capability', () => {
  it('tells what there is', () => {
    const { read } = withVirtual({ total: 8, offset: 4, stride: 2 });
    expect(read(CAP, 4)).toBe(0x14010010);
    const registers = [
      sriov.initialVfs,
      sriov.totalVfs,
      sriov.numVfs,
      sriov.offset,
      sriov.stride,
      sriov.deviceId,
    ];
    expect(registers.map((at) => read(at, 2))).toEqual([8, 8, 0, 4, 2, 0xabcd]);
    expect([sriov.supportedPages, sriov.pages].map((at) => read(at, 4))).toEqual([0x553, 1]);
    expect(read(sriov.link, 1)).toBe(0);
    // Alternative routing ids follow, and end the list.
    expect(read(0x140, 4)).toBe(0x0001000e);
  });

  it('has no alternative routing ids where nobody wants them, and another function depends on itself', () => {
    const machine = smallMachine();
    const { pf } = physical({ alternativeRouting: false });
    machine.plug(bareFunction(), PF);
    machine.plug(pf, PF + 3);
    const { read } = configOf(machine, PF + 3);
    expect([read(CAP, 4), read(0x140, 4), read(sriov.link, 1)]).toEqual([0x00010010, 0, 3]);
  });

  it('takes what software may write, and nothing else', () => {
    const { read, write } = withVirtual();
    for (let offset = 4; offset < 0x40; offset += 4) write(CAP + offset, 4, ONES);
    const rest = [0x553, 1, 0xfffff00c, ONES, 0xfffff000, 0, 0, 0, 0];
    expect(Array.from({ length: 15 }, (_, i) => read(CAP + 4 + 4 * i, 4))).toEqual([
      ...[0, 0x19, 0x00080008, 0, 0x00010001, 0xabcd0000],
      ...rest,
    ]);
  });

  it.each([
    [1, 0x1000],
    [2, 0x2000],
    [0x10, 0x10000],
    [0x400, 0x400000],
  ])('sizes BARs in system pages: %#', (pages, bytes) => {
    const { read, write } = withVirtual();
    write(sriov.pages, 4, pages);
    for (const register of [0, 1, 2]) write(sriov.bar + 4 * register, 4, ONES);
    expect([0, 1, 2].map((register) => read(sriov.bar + 4 * register, 4))).toEqual([
      (2 ** 32 - bytes + 0xc) >>> 0,
      ONES,
      2 ** 32 - bytes,
    ]);
    // What a smaller page would have taken is lost.
    write(sriov.pages, 4, 1);
    expect(read(sriov.bar, 4)).toBe((2 ** 32 - bytes + 0xc) >>> 0);
  });
});

describe('virtual functions', () => {
  it('are there while VF Enable is set, as many as NumVFs says', () => {
    const { enable, disable, answering, vfs, made } = withVirtual();
    expect([answering(9), vfs.enabled, vfs.count, made]).toEqual([[], false, 0, []]);
    enable(3);
    expect([vfs.enabled, vfs.count, made]).toEqual([true, 3, []]);
    expect([answering(9), made]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    disable();
    expect([answering(9), vfs.enabled, vfs.count]).toEqual([[], false, 0]);
    enable(8);
    expect(answering(9)).toHaveLength(8);
  });

  it('come without NumVFs as none', () => {
    const { enable, answering, vfs } = withVirtual();
    enable(0);
    expect([answering(9), vfs.enabled, vfs.count]).toEqual([[], true, 0]);
  });

  it.each([
    [1, 1],
    [4, 3],
    [300, 128],
  ])('stand at offset %i and stride %i, on following buses too', (offset, stride) => {
    const { machine, enable, idOf } = withVirtual({ offset, stride });
    enable(5);
    const found: number[] = [];
    for (let id = 0; id < 0x1000; id++) if (machine.configRead(id, 0x0e, 2) !== 0xffff) found.push(id);
    expect(found).toEqual([0, PF, ...[1, 2, 3, 4, 5].map(idOf)]);
  });

  it('have a configuration space of their own', () => {
    const { enable, vf } = withVirtual();
    enable(2);
    const { read, write } = vf(2);
    expect(read(0x00, 4)).toBe(ONES);
    expect(read(0x08, 4)).toBe(0xff010200);
    expect(read(0x0e, 1)).toBe(0);
    expect(read(0x06, 2)).toBe(0x0010);
    expect(read(0x2c, 4)).toBe(0x00071234);
    for (let at = 4; at < 0x40; at += 4) write(at, 4, ONES);
    const header = Array.from({ length: 15 }, (_, i) => read(4 + 4 * i, 4));
    expect(header).toEqual([
      0x00100004,
      0xff010200,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0x00071234,
      0,
      read(0x34, 1),
      0,
      0,
    ]);
    // Express with a function-level reset, then MSI-X in the physical function's VF BAR2.
    const express = read(0x34, 1);
    expect([read(express, 1), read(express + 4, 4) & 0x10000000]).toEqual([0x10, 0x10000000]);
    // How the link is used is not for a virtual function to say.
    write(express + 8, 2, 0x7fff);
    write(express + 0x28, 2, 0xffff);
    expect([read(express + 8, 2), read(express + 0x28, 2)]).toEqual([0, 0]);
    const msix = read(express + 1, 1);
    expect([read(msix, 1), read(msix + 2, 2), read(msix + 4, 4), read(msix + 8, 4)]).toEqual([
      0x11, 1, 2, 0x802,
    ]);
    expect([read(msix + 1, 1), read(0x100, 4)]).toEqual([0, 0]);
  });

  it('are reset by themselves, and leave the others alone', () => {
    const { enable, vf } = withVirtual();
    enable(2);
    for (const index of [1, 2]) vf(index).write(4, 2, 4);
    const express = vf(1).read(0x34, 1);
    vf(1).write(express + 8, 2, 0x8000);
    expect([vf(1).read(4, 2), vf(2).read(4, 2), vf(1).read(express + 8, 2) & 0x8000]).toEqual([0, 4, 0]);
  });

  it.each(['a function-level reset', 'a reset of the machine', 'VF Enable cleared'])(
    'are lost by %s of the physical function, and come back fresh',
    (what) => {
      const { machine, enable, disable, vf, read, write, answering, vfs, place } = withVirtual();
      place(0, BAR0);
      enable(2);
      vf(1).write(4, 2, 4);
      machine.memoryWrite(BAR0 + 0x40, 4, 0x11223344);
      if (what === 'VF Enable cleared') disable();
      else if (what === 'a reset of the machine') machine.reset();
      else write(read(0x34, 1) + 8, 2, 0x8000);
      expect([answering(8), vfs.count, [...vfs.made]]).toEqual([[], 0, []]);
      expect(machine.memoryRead(BAR0 + 0x40, 4)).toBe(ONES);
      if (what !== 'VF Enable cleared')
        expect([read(sriov.control, 2), read(sriov.numVfs, 2)]).toEqual([0, 0]);
      place(0, BAR0);
      enable(2);
      expect([vf(1).read(4, 2), machine.memoryRead(BAR0 + 0x40, 4)]).toEqual([0, 0]);
    },
  );

  it('go with their physical function, also where it is plugged in again', () => {
    const { machine, enable, answering, pf, vfs } = withVirtual();
    enable(4);
    expect(answering(8)).toHaveLength(4);
    machine.unplug(pf);
    expect([answering(8), [...vfs.made]]).toEqual([[], []]);
    machine.plug(pf, PF);
    expect(answering(8)).toEqual([]);
    enable(4);
    expect(answering(8)).toHaveLength(4);
  });

  it('give way to a function that is plugged in where one of them stands', () => {
    const { machine, enable, idOf } = withVirtual();
    machine.plug(bareFunction({ deviceId: 0x9999 }), PF + 2);
    enable(3);
    expect([1, 2, 3].map((index) => machine.configRead(idOf(index), 2, 2))).toEqual([0xffff, 0x9999, 0xffff]);
    expect(machine.configRead(idOf(3), 0x0e, 1)).toBe(0);
  });

  it('stand behind bridges, on the buses that those have at the time', () => {
    const machine = smallMachine({ ecamBase: 2 ** 40, ecamBuses: 256 });
    const port = new Bridge({ kind: 'root-port' });
    machine.plug(port, functionAddress(0, 2));
    const { pf } = physical({ offset: 254 });
    machine.plug(pf, { behind: port });
    const bridge = bridgeOf(machine, functionAddress(0, 2));
    bridge.buses(5, 6);
    bridge.memory(0xc0000000, 0xc0100000);
    bridge.command(6);
    // Behind a link, device numbers other than 0 are function numbers of 8 bits: the port has to let them pass.
    const deviceControl2 = 0x40 + 0x28;
    machine.configWrite(functionAddress(0, 2), deviceControl2, 2, 0x20);
    const { enable, place, answering, vf } = software(machine, 0x500, { offset: 254 });
    place(2, BAR2);
    enable(4);
    expect(answering(8)).toEqual([1, 2, 3, 4]);
    // The link is their physical function's: what it can do is theirs too, how it is used they neither say nor show.
    const [its, link] = [pf.capabilities.offsets[0]! + 0x0c, vf(1).read(0x34, 1) + 0x0c];
    vf(1).write(link + 4, 4, 0xffffffff);
    machine.configWrite(0x500, its + 4, 4, 0x00000003);
    const [capabilities, controlAndStatus] = [0, 4].map((offset) => vf(1).read(link + offset, 4));
    expect([capabilities, controlAndStatus]).toEqual([machine.configRead(0x500, its, 4), 0]);
    expect(machine.configRead(0x500, its + 4, 4)).toBe(0x00110003);
    vf(3).write(4, 2, 4);
    expect(machine.memoryRead(BAR2 + 0x2000 + 12, 4)).toBe(1);
    bridge.buses(9, 9);
    const moved = software(machine, 0x900, { offset: 254 });
    // Two of them on a bus that the bridge does not lead to.
    expect(moved.answering(8)).toEqual([1, 2]);
    expect(machine.memoryRead(BAR2 + 0x2000 + 12, 4)).toBe(1);
    bridge.command(0);
    expect(machine.memoryRead(BAR2 + 0x2000 + 12, 4)).toBe(ONES);
  });

  it('end where routing ids do', () => {
    const { enable, vfs } = withVirtual({ total: 65036, offset: 500 });
    enable(65036);
    expect(vfs.count).toBe(0x10000 - PF - 500);
  });

  it('have no more than TotalVFs', () => {
    const { enable, answering, read } = withVirtual();
    enable(100);
    expect([answering(120), read(sriov.numVfs, 2)]).toEqual([[1, 2, 3, 4, 5, 6, 7, 8], 100]);
  });

  it('stay as many as they are, and their pages as large, while they are there', () => {
    const { enable, disable, write, read, vfs } = withVirtual();
    enable(3);
    write(sriov.numVfs, 2, 5);
    write(sriov.numVfs, 1, 7);
    write(sriov.pages, 4, 2);
    expect([read(sriov.numVfs, 2), read(sriov.pages, 4), vfs.count]).toEqual([3, 1, 3]);
    disable();
    write(sriov.numVfs, 2, 5);
    expect(read(sriov.numVfs, 2)).toBe(5);
  });
});

describe('the memory of virtual functions', () => {
  it('is decoded with its own enable bit, function by function', () => {
    const { machine, enable, place, command, write, memory } = withVirtual();
    place(0, BAR0);
    place(2, BAR2);
    command(2);
    enable(3, ENABLE);
    expect(memory(BAR0 + 0x40)).toBe(ONES);
    write(sriov.control, 2, ENABLE | MEMORY);
    command(0);
    for (const index of [1, 2, 3]) machine.memoryWrite(BAR0 + 0x1000 * (index - 1) + 0x40, 4, 0x100 + index);
    expect([0, 1, 2, 3].map((n) => memory(BAR0 + 0x1000 * n + 0x40))).toEqual([0x101, 0x102, 0x103, ONES]);
    expect([memory(BAR0 + 0x3c), memory(BAR0 + 0x140)]).toEqual([0, 0]);
    expect(memory(BAR2 + 0x1000 + 12)).toBe(1);
    write(sriov.control, 2, ENABLE);
    expect([memory(BAR0 + 0x40), memory(BAR2 + 12)]).toEqual([ONES, ONES]);
    write(sriov.control, 2, MEMORY);
    expect(memory(BAR0 + 0x40)).toBe(ONES);
  });

  it('is nowhere until it is placed', () => {
    const { enable, vfs, memory } = withVirtual();
    enable(8);
    expect([vfs.count, memory(0x1000_0000), memory(0xc000_0000)]).toEqual([8, ONES, ONES]);
  });

  it('moves with its registers, and a piece grows with the page', () => {
    const { machine, enable, disable, place, write, memory } = withVirtual();
    write(sriov.pages, 4, 0x10);
    place(2, BAR2);
    enable(2);
    machine.memoryWrite(BAR2 + 0x10000, 4, 0xfee00000);
    expect([memory(BAR2 + 0x10000), memory(BAR2 + 0x1000), memory(BAR2 + 0x20000)]).toEqual([
      0xfee00000,
      0,
      ONES,
    ]);
    place(2, BAR2 + 0x100000);
    expect([memory(BAR2 + 0x10000), memory(BAR2 + 0x110000)]).toEqual([ONES, 0xfee00000]);
    disable();
  });

  it('answers behind what overlaps it and is told first: the BARs of its physical function', () => {
    const { enable, place, setBar, command, memory } = withVirtual();
    place(2, BAR2);
    setBar(0, BAR2);
    command(2);
    enable(2);
    expect([memory(BAR2 + 12), memory(BAR2 + 0x1000 + 12)]).toEqual([0, 1]);
    place(0, BAR2);
    expect(memory(BAR2 + 0x1000 + 12)).toBe(0);
  });

  it('reaches all of it in one access, and goes over the edge of two', () => {
    const { machine, enable, place, memory } = withVirtual({
      bars: [{ index: 0, kind: 'memory64', lengthBytes: 0x1000 }],
      make: (index) => {
        const fn = scratchFunction(index);
        fn.addBar({ index: 4, kind: 'memory32', lengthBytes: 0x1000, regions: [] });
        return fn;
      },
    });
    place(0, BAR0);
    enable(2);
    machine.memoryWrite(BAR0 + 0x13c, 4, 0x44332211);
    expect(memory(BAR0 + 0x13e, 4)).toBe(0x4433);
    expect([memory(BAR0 + 0xffe), memory(BAR0 + 0x1ffe)]).toEqual([0, 0xffff0000]);
  });

  it('is named in traces, function by function', () => {
    const { machine, enable, place } = withVirtual();
    place(0, BAR0);
    enable(3);
    const events = watch(machine);
    machine.memoryWrite(BAR0 + 0x2044, 2, 7);
    machine.memoryRead(BAR0 + 0x10, 4);
    expect(accessesIn(events)).toEqual([
      'w2 00:04.3 VF3 BAR0 scratch+4=7',
      'r4 00:04.1 VF1 BAR0 reserved+10=0',
    ]);
  });

  it('takes writes that are on their way in their order, before anything else reaches a function', () => {
    const { machine, enable, place, vf } = withVirtual({}, { holdPostedWrites: true });
    place(0, BAR0);
    enable(3);
    machine.memoryWrite(BAR0 + 0x40, 4, 1);
    machine.memoryWrite(BAR0 + 0x1040, 4, 2);
    machine.memoryWrite(BAR0 + 0x40, 4, 3);
    expect(machine.posted!.count).toBe(3);
    vf(2).read(0, 4);
    expect([machine.posted!.count, machine.memoryRead(BAR0 + 0x40, 4)]).toEqual([0, 3]);
  });

  it('is gone while the physical function has no power', () => {
    const machine = smallMachine();
    const { pf } = physical();
    pf.addPowerManagement();
    machine.plug(pf, PF);
    const { enable, place, read, write, memory, vf } = software(machine, PF);
    place(2, BAR2);
    enable(2);
    vf(1).write(4, 2, 4);
    const fn = pf.virtualFunctions!.at(1)!;
    const power = read(read(0x34, 1) + 1, 1);
    const at = [read(0x34, 1), power].find((each) => read(each, 1) === 1)!;
    write(at + 4, 2, 3);
    expect([memory(BAR2 + 12), fn.busMaster]).toEqual([ONES, false]);
    write(at + 4, 2, 0);
    expect([memory(BAR2 + 12), fn.busMaster]).toEqual([1, true]);
  });
});

describe('what leaves a virtual function', () => {
  it('is told by messages of its own', () => {
    const { machine, enable, place, vf, vfs } = withVirtual();
    place(2, BAR2);
    enable(2);
    const msix = vf(2).read(vf(2).read(0x34, 1) + 1, 1);
    const got: number[] = [];
    const { addressLow, data } = machine.interrupts.allocateMessage(() => void got.push(2));
    machine.memoryWrite(BAR2 + 0x1000, 4, addressLow);
    machine.memoryWrite(BAR2 + 0x1008, 4, data);
    machine.memoryWrite(BAR2 + 0x100c, 4, 0);
    vf(2).write(msix + 2, 2, 0x8000);
    vf(2).write(4, 2, 4);
    const events = watch(machine);
    vfs.at(2)!.msix!.trigger(0);
    vfs.at(1)!.msix!.trigger(0);
    expect([got, interruptsIn(events)]).toEqual([[2], [`message ${data}`]]);
    expect(events.find((event) => event.kind === 'interrupt')).toMatchObject({ source: PF + 2 });
  });

  it('reaches the memory that it was given, of which the next owner finds nothing', () => {
    const { machine, enable, vf, vfs } = withVirtual();
    enable(2);
    const others = new DmaDomain(GuestMemory.allocate({ start: 0, length: 4096 }));
    expect(vfs.domainOf(2).memory).toBe(machine.ram);
    vf(2).write(4, 2, 4);
    const before = vfs.at(2)!;
    let left = 0;
    before.onUnplug.push(() => left++);
    vfs.assign(2, others);
    expect([left, before.plugged, vf(2).read(4, 2)]).toEqual([1, false, 0]);
    expect([vfs.at(2)!.slot.dma, vfs.at(1)!.slot.dma === others]).toEqual([others, false]);
    vfs.assign(2, null);
    expect(vfs.at(2)!.slot.dma.memory).toBe(machine.ram);
    expect(() => vfs.assign(9, null)).toThrow(VirtualFunctionsError);
  });

  it('tells who watches it that it is gone', () => {
    const { machine, enable, disable, idOf } = withVirtual();
    enable(2);
    const heard: string[] = [];
    const watcher = {
      moved: () => {},
      removed: () => void heard.push('removed'),
      loading: () => {},
      loaded: () => {},
      resume: () => {},
    };
    machine.watchFunction(idOf(1), watcher);
    disable();
    expect(heard).toEqual(['removed']);
  });
});

describe('virtual functions that cannot be', () => {
  const make = scratchFunction;
  const pf = () => bareFunction({ express: true });
  it.each([
    ['total', { total: 0 }],
    ['total', { total: 65536 }],
    ['total', { total: 1.5 }],
    ['initial', { total: 4, initial: 5 }],
    ['offset', { total: 4, offset: 0 }],
    ['stride', { total: 2, stride: 0 }],
    ['total', { total: 256, stride: 257 }],
    ['deviceId', { total: 1, deviceId: 0x10000 }],
    ['pageSizes', { total: 1, pageSizes: 2 }],
    ['live', { total: 1, live: 0 }],
  ])('are refused by their %s: %o', (option, options) => {
    expect(() => new VirtualFunctions(pf(), { deviceId: 1, make, ...options })).toThrow(
      expect.objectContaining({ name: 'VirtualFunctionsError', option }),
    );
  });

  it('have one place where there is one of them', () => {
    expect(new VirtualFunctions(pf(), { total: 1, stride: 0, deviceId: 1, make }).options.stride).toBe(0);
  });

  it.each([
    [{ index: 0, kind: 'memory32', lengthBytes: 3000 }],
    [{ index: 5, kind: 'memory64', lengthBytes: 4096 }],
    [{ index: 0, kind: 'io', lengthBytes: 32 }],
    [{ index: 0, kind: 'memory32', lengthBytes: 2 ** 30 }],
  ] as const)('are refused by their BAR: %o', (bar) => {
    const options = { total: 8, deviceId: 1, make, bars: [bar as never] };
    expect(() => new VirtualFunctions(pf(), options)).toThrow(BarError);
  });

  it('are refused where there are some already, on a function that is in use, and on one that is not Express', () => {
    const { pf: one } = physical();
    const options = { total: 1, deviceId: 1, make };
    expect(() => new VirtualFunctions(one, options)).toThrow(VirtualFunctionsError);
    const plugged = pf();
    new Machine().plug(plugged, PF);
    expect(() => new VirtualFunctions(plugged, options)).toThrow(VirtualFunctionsError);
    expect(() => new VirtualFunctions(bareFunction(), options)).toThrow(CapabilitySpaceError);
  });

  it('have no I/O', () => {
    const fn = new VirtualFunction({ name: 'x', vendorId: 1, deviceId: 1, classCode: 0 });
    expect(() => fn.addBar({ index: 0, kind: 'io', lengthBytes: 32, regions: [] })).toThrow(BarError);
  });
});
