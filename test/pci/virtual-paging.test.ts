import { describe, expect, it } from 'vitest';
import { StateMismatchError } from '../../src/core/index.ts';
import { Machine, VirtualFunction, type VirtualFunctionsOptions } from '../../src/pci/index.ts';
import {
  BAR0,
  BAR2,
  PF,
  physical,
  scratchFunction,
  software,
  sriov,
  withVirtual,
} from './virtual-support.ts';

const PIECE = 0x1000;
const SCRATCH = BAR0 + 0x40;

/** Eight functions that are enabled and placed, of which `live` exist as objects. */
function paged(live: number, options: Partial<VirtualFunctionsOptions> = {}) {
  const functions = withVirtual({ live, ...options });
  functions.place(0, BAR0);
  functions.place(2, BAR2);
  functions.enable(8);
  return functions;
}

const ALL = [1, 2, 3, 4, 5, 6, 7, 8];

describe('virtual functions of which few exist as objects', () => {
  it('keep what software made of them', () => {
    const { machine, vf, vfs, made, memory } = paged(2);
    for (const index of ALL) {
      vf(index).write(4, 2, index % 2 === 0 ? 4 : 0);
      machine.memoryWrite(SCRATCH + PIECE * (index - 1), 4, 0x1000 + index);
      machine.memoryWrite(BAR2 + PIECE * (index - 1), 4, 0xfee00000 + 16 * index);
    }
    expect([vfs.size, made.length]).toEqual([{ live: 2, kept: 6 }, 8]);
    expect(ALL.map((index) => vf(index).read(4, 2))).toEqual([0, 4, 0, 4, 0, 4, 0, 4]);
    expect(ALL.map((index) => memory(SCRATCH + PIECE * (index - 1)))).toEqual(
      ALL.map((index) => 0x1000 + index),
    );
    expect(memory(BAR2 + PIECE * 4)).toBe(0xfee00050);
    expect(vfs.at(2)!.busMaster).toBe(true);
  });

  it('are not kept at all where they are as after power-on, and count as touched', () => {
    const { vf, vfs } = paged(1);
    for (const index of ALL.slice(0, 7)) vf(index).read(0, 4);
    expect(vfs.size).toEqual({ live: 1, kept: 0 });
    expect(ALL.map((index) => vfs.isTouched(index))).toEqual([
      true,
      true,
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  it('stay where they do not sleep, or somebody keeps or watches them', () => {
    let awake = true;
    const { machine, idOf, vf, vfs } = paged(1, {
      make: (index) => scratchFunction(index, () => index !== 3 || !awake),
    });
    const kept = vfs.keep(1)!;
    machine.watchFunction(idOf(2), {
      moved: () => {},
      removed: () => {},
      loading: () => {},
      loaded: () => {},
      resume: () => {},
    });
    const watched = vfs.at(2)!;
    const busy = vfs.at(3)!;
    for (const index of ALL) vf(index).read(0, 4);
    expect([...vfs.made]).toEqual(expect.arrayContaining([kept, watched, busy]));
    expect(vfs.size.live).toBe(4);
    awake = false;
    vfs.letGo(kept);
    for (const index of ALL) vf(index).read(0, 4);
    expect([...vfs.made].filter((fn) => fn === kept || fn === busy)).toEqual([]);
    expect(vfs.size.live).toBe(2);
  });

  it('stay until everybody has let them go', () => {
    const { vf, vfs } = paged(1);
    const kept = vfs.keep(1)!;
    vfs.keep(1);
    const stays = () => {
      for (const index of ALL) vf(index).read(0, 4);
      return [...vfs.made].includes(kept);
    };
    vfs.letGo(kept);
    expect(stays()).toBe(true);
    vfs.letGo(kept);
    vfs.letGo(kept);
    expect([stays(), vfs.keep(9)]).toEqual([false, undefined]);
  });

  it('stay while an access to them is under way, whatever it leads to', () => {
    let touchOthers = () => {};
    const { machine, vf, vfs, memory } = paged(1, {
      make: (index) => {
        const fn = scratchFunction(index);
        if (index !== 1) return fn;
        const bytes = new Uint8Array(8);
        fn.addBar({
          index: 4,
          kind: 'memory32',
          lengthBytes: 4096,
          regions: [
            {
              name: 'deep',
              offset: 0,
              length: 8,
              target: {
                read: (at) => bytes[at]!,
                write: (at, _width, value) => {
                  touchOthers();
                  bytes[at] = value;
                },
              },
            },
          ],
        });
        fn.parts.set('deep', { save: () => bytes.slice(), load: (state) => bytes.set(state as Uint8Array) });
        fn.config.onWrite(4, 2, () => touchOthers());
        return fn;
      },
      bars: [
        { index: 0, kind: 'memory64', lengthBytes: 4096 },
        { index: 4, kind: 'memory32', lengthBytes: 4096 },
      ],
    });
    software(machine, PF).place(4, 0xd0000000);
    touchOthers = () => {
      for (const index of ALL) if (index !== 1) vf(index).read(0, 4);
    };
    machine.memoryWrite(0xd0000003, 1, 77);
    vf(1).write(4, 2, 4);
    for (const index of ALL) vf(index).read(0, 4);
    expect([memory(0xd0000003, 1), vf(1).read(4, 2)]).toEqual([77, 4]);
    expect(vfs.size.live).toBe(1);
  });

  it('are configured after memory writes to others have arrived', () => {
    const functions = withVirtual({ live: 1 }, { holdPostedWrites: true });
    functions.place(0, BAR0);
    functions.enable(8);
    for (const index of [1, 2, 3]) functions.machine.memoryWrite(SCRATCH + PIECE * (index - 1), 4, index);
    functions.vf(4).write(4, 2, 4);
    for (const index of [1, 2, 3]) functions.machine.memoryWrite(SCRATCH + PIECE * (index - 1), 4, index);
    expect([functions.vf(4).read(4, 2), functions.vfs.at(4)!.busMaster]).toEqual([4, true]);
  });

  it('are forgotten with VF Enable, by a function-level reset, and when they are given away', () => {
    const { machine, vf, vfs, memory, enable, disable } = paged(1);
    const fill = () => {
      for (const index of ALL) machine.memoryWrite(SCRATCH + PIECE * (index - 1), 4, 9);
    };
    fill();
    vfs.assign(2, null);
    vf(3).write(vf(3).read(0x34, 1) + 8, 2, 0x8000);
    const read = () => ALL.map((index) => memory(SCRATCH + PIECE * (index - 1)));
    expect(read()).toEqual([9, 0, 0, 9, 9, 9, 9, 9]);
    disable();
    enable(8);
    expect([read(), vfs.size.kept]).toEqual([[0, 0, 0, 0, 0, 0, 0, 0], 0]);
  });

  it('answer a cached address by what is there now', () => {
    const { machine, vf, memory } = paged(1);
    machine.memoryWrite(SCRATCH, 4, 5);
    expect(memory(SCRATCH)).toBe(5);
    vf(2).read(0, 4);
    machine.memoryWrite(SCRATCH, 4, 6);
    expect([memory(SCRATCH + 2 * PIECE), memory(SCRATCH)]).toEqual([0, 6]);
  });
});

describe('a saved physical function', () => {
  const fresh = (live = 2) => withVirtual({ live });

  function used() {
    const functions = paged(2);
    for (const index of [2, 5, 6]) {
      functions.vf(index).write(4, 2, 4);
      functions.machine.memoryWrite(SCRATCH + PIECE * (index - 1), 4, index);
    }
    functions.vf(7).read(0, 4);
    return functions;
  }

  it('has those of its functions that were touched', () => {
    const { machine } = used();
    const saved = machine.save();
    const other = fresh();
    other.machine.load(saved);
    expect(other.machine.save()).toEqual(saved);
    expect(ALL.map((index) => other.vfs.isTouched(index))).toEqual([
      false,
      true,
      false,
      false,
      true,
      true,
      true,
      false,
    ]);
    expect(ALL.map((index) => other.memory(SCRATCH + PIECE * (index - 1)))).toEqual([0, 2, 0, 0, 5, 6, 0, 0]);
    expect([other.vf(5).read(4, 2), other.vfs.size.live, other.vfs.count]).toEqual([4, 2, 8]);
    // Into one that has others.
    const third = used();
    third.machine.memoryWrite(SCRATCH, 4, 1);
    third.machine.memoryWrite(SCRATCH + PIECE, 4, 1);
    third.machine.load(saved);
    expect(third.machine.save()).toEqual(saved);
  });

  it('takes the functions away again, where they were not enabled', () => {
    const { machine, answering, memory } = used();
    machine.load(fresh().machine.save());
    expect([answering(8), memory(SCRATCH)]).toEqual([[], 0xffffffff]);
  });

  it('says what its states look like', () => {
    const manifest = JSON.stringify(used().machine.manifest());
    expect(manifest).toBe(JSON.stringify(fresh().machine.manifest()));
    expect(manifest).toContain('scratch-vf');
  });

  type Functions = { index: number; state: { parts: { bytes: Uint8Array } } }[];
  const functionsOf = (saved: unknown): Functions => {
    const { functions } = saved as {
      functions: { state: { parts: Record<string, { functions: Functions }> } }[];
    };
    return functions[1]!.state.parts['virtual-functions']!.functions;
  };
  it.each([
    ['a number beyond those that there are', (each: Functions) => (each[3]!.index = 9)],
    ['a number twice', (each: Functions) => (each[1]!.index = 2)],
    ['number 0', (each: Functions) => (each[0]!.index = 0)],
    [
      'bytes that are no configuration space',
      (each: Functions) =>
        ((each[1]!.state as never as { config: Uint8Array }).config = new Uint8Array(4096)),
    ],
  ])('is refused with %s, and nothing has happened', (_, spoil) => {
    const saved = structuredClone(used().machine.save());
    spoil(functionsOf(saved));
    const { machine } = fresh();
    const before = machine.save();
    expect(() => machine.load(saved)).toThrow(StateMismatchError);
    expect(machine.save()).toEqual(before);
  });

  it('is refused with functions that are not enabled, and with addresses that no BAR has', () => {
    const saved = structuredClone(used().machine.save());
    const { config } = saved.functions[1]!.state as never as { config: Uint8Array };
    config[sriov.control] = 0;
    expect(() => fresh().machine.load(saved)).toThrow(/functions\[0\]\.index/);
    config[sriov.control] = 9;
    config[sriov.pages] = 2;
    config[sriov.bar + 1] = 0x10;
    expect(() => fresh().machine.load(saved)).toThrow(/multiple of its size/);
  });
});

describe('65,535 virtual functions', () => {
  it('have a segment of their own, and cost nothing that nobody touches', () => {
    const machine = new Machine({ ecamBase: 2 ** 40, ecamBuses: 256, segments: 2 });
    const first = 0x10000;
    machine.unplug(first);
    const { pf, vfs, made } = physical({ total: 65535 });
    machine.plug(pf, first);
    const { enable, place, vf, answering, memory } = software(machine, first);
    place(0, BAR0);
    enable(65535);
    expect([vfs.count, made.length]).toEqual([65535, 0]);
    expect([vf(65535).read(0x2e, 2), made]).toEqual([7, [65535]]);
    machine.memoryWrite(SCRATCH + PIECE * 65534, 4, 3);
    expect([memory(SCRATCH + PIECE * 65534), memory(BAR0 + PIECE * 65535)]).toEqual([3, 0xffffffff]);
    expect(answering(600)).toHaveLength(600);
    expect(vfs.size).toEqual({ live: 64, kept: 1 });
    expect(vfs.at(65535)).toBeInstanceOf(VirtualFunction);
  });
});
