import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { functionAddress, VirtiolabError } from '../../src/core/index.ts';
import {
  disableVirtualFunctions,
  type EnabledVirtualFunctions,
  enableVirtualFunctions,
  enumerate,
  findVirtualFunctions,
  NoAnswerError,
  NoVirtualFunctionsError,
  placeFunction,
  runFirmware,
  SriovRegisterError,
  VirtualBarError,
  VirtualFunctionCountError,
  VirtualFunctionIndexError,
  VirtualFunctionsEnabledError,
  VirtualRoutingError,
} from '../../src/driver/index.ts';
import { Bridge, type Machine } from '../../src/pci/index.ts';
import { bareFunction, bridgeAt, bridgeOf, configOf, SLOT, smallMachine } from '../pci/support.ts';
import { runs } from '../properties/support/runs.ts';
import {
  type HandmadeOptions,
  HandmadePhysical,
  memory32,
  memory64,
  plainVirtual,
  VF_ARI,
  VF_ENABLE,
  VF_MSE,
} from './support/handmade-sriov.ts';

const placed = (options: HandmadeOptions = {}): { machine: Machine; physical: HandmadePhysical } => {
  const machine = smallMachine();
  const physical = new HandmadePhysical(options).plug(machine, SLOT);
  runFirmware(machine);
  return { machine, physical };
};

/** What an expression throws. */
const refusal = <E extends Error>(type: new (...args: never[]) => E, run: () => unknown): E => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(type);
    return error as E;
  }
  throw new Error(`wants a ${type.name}`);
};

describe('enabling virtual functions', () => {
  it('writes NumVFs, then VF Enable and VF MSE, and finds where each function is', () => {
    const { machine, physical } = placed({ bars: [memory64(0, 0x4000), memory32(2, 0x1000)] });
    const enabled = enableVirtualFunctions(machine, SLOT, 3);
    expect([physical.get('numVfs'), physical.get('control')]).toEqual([3, VF_ENABLE | VF_MSE]);
    expect([1, 2, 3].map((index) => enabled.addressOf(index))).toEqual([SLOT + 1, SLOT + 2, SLOT + 3]);
    expect([1, 3].map((index) => enabled.barAddress(index, 0))).toEqual([
      physical.bar(0),
      physical.bar(0) + 2 * 0x4000,
    ]);
    expect([enabled.barAddress(2, 2), enabled.barAddress(2, 5)]).toEqual([physical.bar(2) + 0x1000, 0]);
    expect([enabled.count, enabled.physical, enabled.routing]).toEqual([3, SLOT, { offset: 1, stride: 1 }]);
  });

  it('reads where they are after NumVFs was written, on which that depends', () => {
    const routing = (count: number) => ({ offset: 2 + count, stride: 2 });
    const { machine } = placed({ routing });
    expect(enableVirtualFunctions(machine, SLOT, 2).addressOf(2)).toBe(SLOT + 4 + 2);
  });

  it('sets the ARI bit first where it is asked for, on which that depends too', () => {
    const routing = (_: number, ari: boolean) => (ari ? { offset: 1, stride: 1 } : { offset: 16, stride: 2 });
    const { machine, physical } = placed({ routing });
    expect(enableVirtualFunctions(machine, SLOT, 2, { alternativeRouting: true }).addressOf(2)).toBe(
      SLOT + 2,
    );
    expect(physical.get('control')).toBe(VF_ENABLE | VF_MSE | VF_ARI);
    disableVirtualFunctions(machine, SLOT);
    expect(enableVirtualFunctions(machine, SLOT, 1).addressOf(1)).toBe(SLOT + 1);
    disableVirtualFunctions(machine, SLOT);
    const without = enableVirtualFunctions(machine, SLOT, 2, { alternativeRouting: false });
    expect([without.addressOf(2), physical.get('control')]).toEqual([SLOT + 18, VF_ENABLE | VF_MSE]);
  });

  it('makes a function that software finds with the ids and BARs that its owner tells', () => {
    const make = () =>
      plainVirtual(
        bareFunction({
          express: true,
          interruptPin: 0,
          classCode: 0x020000,
          revisionId: 1,
          subsystemId: 0x77,
        }),
      );
    const { machine, physical } = placed({ deviceId: 0x1041, make, bars: [memory32(1, 0x1000)] });
    const found = enableVirtualFunctions(machine, SLOT, 3).find(2)!;
    expect(found).toMatchObject({
      address: SLOT + 2,
      vendorId: 0x1234,
      deviceId: 0x1041,
      revisionId: 1,
      classCode: 0x020000,
      subsystemId: 0x77,
      interruptPin: 0,
      bridge: null,
    });
    expect(found.bars).toEqual([
      { index: 1, kind: 'memory32', prefetchable: false, size: 0x1000, address: physical.bar(1) + 0x1000 },
    ]);
    expect(found.capabilities.map(({ id }) => id)).toEqual([0x10]);
    expect(found.owner).toMatchObject({ physical: SLOT, index: 2 });
  });

  it('makes no function that is not asked for, of 65,535', () => {
    const machine = smallMachine();
    // The whole segment is the device's, but for the host bridge at its start.
    const total = 65535 - SLOT;
    const physical = new HandmadePhysical({ total }).plug(machine, SLOT);
    runFirmware(machine);
    const enabled = enableVirtualFunctions(machine, SLOT, total);
    expect([...physical.made.keys()]).toEqual([1]);
    expect([enabled.addressOf(total), enabled.find(total)!.owner!.index]).toEqual([0xffff, total]);
    expect([...physical.made.keys()]).toEqual([1, total]);
  });

  it('leaves enumeration what it was: who asks every place finds no virtual function', () => {
    const { machine } = placed({ routing: () => ({ offset: 4, stride: 4 }) });
    const before = enumerate(machine).map(({ address }) => address);
    enableVirtualFunctions(machine, SLOT, 8);
    expect(enumerate(machine).map(({ address }) => address)).toEqual(before);
  });

  it('is undone, and done again with another number', () => {
    const { machine, physical } = placed();
    enableVirtualFunctions(machine, SLOT, 3);
    disableVirtualFunctions(machine, SLOT);
    expect([physical.get('numVfs'), physical.get('control')]).toEqual([0, 0]);
    expect(configOf(machine, SLOT + 1).read(4, 4)).toBe(0xffffffff);
    expect(enableVirtualFunctions(machine, SLOT, 8).find(8)).not.toBeNull();
  });

  it('is found by who comes later', () => {
    const { machine, physical } = placed();
    expect(findVirtualFunctions(machine, SLOT)).toBeNull();
    const enabled = enableVirtualFunctions(machine, SLOT, 3);
    const found = findVirtualFunctions(machine, SLOT)!;
    expect([found.count, found.find(2)]).toEqual([3, enabled.find(2)]);
    expect(physical.get('control')).toBe(VF_ENABLE | VF_MSE);
  });

  it('is over for what was found where it is disabled, and where there are fewer', () => {
    const { machine } = placed();
    const enabled = enableVirtualFunctions(machine, SLOT, 3);
    disableVirtualFunctions(machine, SLOT);
    expect([enabled.find(1), enabled.find(3)]).toEqual([null, null]);
    enableVirtualFunctions(machine, SLOT, 2);
    expect([enabled.find(2) === null, enabled.find(3)]).toEqual([false, null]);
    machine.unplug(SLOT);
    expect(enabled.find(2)).toBeNull();
  });
});

describe('what is refused', () => {
  it('a function without the capability', () => {
    const machine = smallMachine();
    machine.plug(bareFunction({ express: true }), SLOT);
    runFirmware(machine);
    for (const run of [
      () => enableVirtualFunctions(machine, SLOT, 1),
      () => disableVirtualFunctions(machine, SLOT),
      () => findVirtualFunctions(machine, SLOT),
      () => enableVirtualFunctions(machine, functionAddress(0, 9), 1),
    ])
      expect(refusal(NoVirtualFunctionsError, run).message).toMatch(/^00:0[49].0 has no SR-IOV capability/);
  });

  test.each([0, 9, -1, 1.5, Number.NaN])('%d of 8 functions', (count) => {
    const { machine, physical } = placed();
    const error = refusal(VirtualFunctionCountError, () => enableVirtualFunctions(machine, SLOT, count));
    expect(error.message).toContain('from 1 to 8');
    expect([physical.get('numVfs'), physical.get('control')]).toEqual([0, 0]);
  });

  it('more than a function has for itself', () => {
    const { machine } = placed({ total: 8, initial: 4 });
    expect(
      refusal(VirtualFunctionCountError, () => enableVirtualFunctions(machine, SLOT, 5)).message,
    ).toContain('from 1 to 4');
  });

  it('functions that are enabled already, and those that are not', () => {
    const { machine } = placed();
    expect(refusal(VirtualFunctionsEnabledError, () => disableVirtualFunctions(machine, SLOT)).enabled).toBe(
      0,
    );
    enableVirtualFunctions(machine, SLOT, 3);
    const error = refusal(VirtualFunctionsEnabledError, () => enableVirtualFunctions(machine, SLOT, 4));
    expect([error.enabled, error.message]).toEqual([
      3,
      '00:04.0 has 3 virtual functions enabled: disable them first',
    ]);
  });

  it('a BAR that was never placed', () => {
    const machine = smallMachine();
    const physical = new HandmadePhysical({ bars: [memory32(3, 0x2000)] }).plug(machine, SLOT);
    runFirmware(machine, { virtualFunctions: false });
    const error = refusal(VirtualBarError, () => enableVirtualFunctions(machine, SLOT, 1));
    expect([error.bar, error.message]).toEqual([
      3,
      'BAR3 of the virtual functions of 00:04.0 has no address, and takes 8192 bytes a function: run the firmware first',
    ]);
    placeFunction(machine, SLOT);
    enableVirtualFunctions(machine, SLOT, 1);
    expect(physical.get('control')).toBe(VF_ENABLE | VF_MSE);
  });

  test.each([
    ['offset 0', { offset: 0, stride: 1 }, 2, 'wants an offset of 1 at least'],
    ['stride 0', { offset: 1, stride: 0 }, 2, 'wants a stride of 1 at least'],
    ['the end of the segment', { offset: 0xffff, stride: 1 }, 1, 'a segment has no more than 0xffff'],
    ['a stride beyond it', { offset: 1, stride: 0xffff }, 2, 'has routing id 0x10020'],
  ])('%s', (_, routing, count, why) => {
    const { machine, physical } = placed({ routing: () => routing });
    const error = refusal(VirtualRoutingError, () => enableVirtualFunctions(machine, SLOT, count));
    expect([error.offset, error.stride, error.message]).toEqual([
      routing.offset,
      routing.stride,
      expect.stringContaining(why),
    ]);
    expect([physical.get('numVfs'), physical.get('control')]).toEqual([0, 0]);
  });

  it('no stride, where one function needs none', () => {
    const { machine } = placed({ routing: () => ({ offset: 1, stride: 0 }), make: () => plainVirtual() });
    // Nobody is there, which is found out later.
    expect(() => enableVirtualFunctions(machine, SLOT, 1, { patience: 3 })).toThrow(NoAnswerError);
  });

  it('a bus beyond those that the bridge above leads to', () => {
    const machine = smallMachine();
    const port = new Bridge({ kind: 'root-port' });
    machine.plug(port, SLOT);
    new HandmadePhysical({ routing: () => ({ offset: 0x200, stride: 1 }) }).plug(machine, { behind: port });
    runFirmware(machine);
    const { read, write } = configOf(machine);
    expect(read(bridgeAt.subordinate, 1)).toBe(3);
    expect(enableVirtualFunctions(machine, 0x100, 8).addressOf(8)).toBe(0x307);
    disableVirtualFunctions(machine, 0x100);
    write(bridgeAt.subordinate, 1, 2);
    expect(refusal(VirtualRoutingError, () => enableVirtualFunctions(machine, 0x100, 8)).message).toContain(
      'bus 3 is beyond 2, the last that the bridge above leads to',
    );
  });

  it('a bus behind a bridge beside the function', () => {
    const machine = smallMachine();
    new HandmadePhysical({ routing: () => ({ offset: 0x200, stride: 1 }) }).plug(machine, SLOT);
    machine.plug(new Bridge({ kind: 'root-port' }), functionAddress(0, 2));
    runFirmware(machine);
    bridgeOf(machine, functionAddress(0, 2)).buses(1, 4);
    expect(refusal(VirtualRoutingError, () => enableVirtualFunctions(machine, SLOT, 8)).message).toContain(
      'bus 2 is behind a bridge that leads to 1..4',
    );
  });

  it('NumVFs that the function does not keep', () => {
    const { machine, physical } = placed({ keeps: (count) => Math.min(count, 2) });
    const error = refusal(SriovRegisterError, () => enableVirtualFunctions(machine, SLOT, 3));
    expect([error.register, error.written, error.read]).toEqual(['NumVFs', 3, 2]);
    expect([physical.get('numVfs'), physical.get('control')]).toEqual([0, 0]);
  });

  it('VF Enable or VF MSE that the function does not keep', () => {
    for (const controls of [0, VF_ENABLE, VF_MSE]) {
      const { machine } = placed({ controls });
      const error = refusal(SriovRegisterError, () => enableVirtualFunctions(machine, SLOT, 3));
      expect([error.written, error.read]).toEqual([VF_ENABLE | VF_MSE, controls]);
    }
  });

  it('a first function that never answers', () => {
    const { machine, physical } = placed({ make: () => undefined });
    const error = refusal(NoAnswerError, () => enableVirtualFunctions(machine, SLOT, 3, { patience: 5 }));
    expect([error.pauses, error.message]).toEqual([
      5,
      expect.stringContaining('virtual function 1 at 00:04.1'),
    ]);
    expect([physical.get('numVfs'), physical.get('control')]).toEqual([0, 0]);
  });

  it('one that still answers after they were taken away', () => {
    const { machine } = placed({ routing: () => ({ offset: 16, stride: 1 }) });
    enableVirtualFunctions(machine, SLOT, 1);
    machine.plug(bareFunction(), functionAddress(0, 6));
    expect(() => disableVirtualFunctions(machine, SLOT, { patience: 2 })).toThrow(NoAnswerError);
  });

  test.each([0, 4, -1, 1.5])('function %d of 3', (index) => {
    const { machine } = placed();
    const enabled = enableVirtualFunctions(machine, SLOT, 3);
    for (const run of [
      () => enabled.find(index),
      () => enabled.addressOf(index),
      () => enabled.barAddress(index, 0),
    ])
      expect(refusal(VirtualFunctionIndexError, run).message).toContain('from 1 to 3');
  });
});

it('a physical function may say what it likes: software ends, and enables it as it is or refuses with an error of ours', () => {
  const word = fc.oneof(fc.constantFrom(0, 1, 2, 0xffff), fc.integer({ min: 0, max: 0xffff }));
  const dword = fc.oneof(fc.constantFrom(0, 0xffffffff, 0xfffff000), fc.integer({ min: 0, max: 0xffffffff }));
  const bar = fc.record({
    index: fc.integer({ min: 0, max: 4 }),
    flags: fc.nat(15),
    low: dword,
    high: dword,
  });
  const hostile = fc.record({
    // Each of 65,535 is asked for where it would be.
    total: fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: word }),
    initial: word,
    offsets: fc.array(word, { minLength: 1, maxLength: 4 }),
    strides: fc.array(word, { minLength: 1, maxLength: 4 }),
    keep: fc.option(word, { nil: null }),
    bars: fc.uniqueArray(bar, { selector: ({ index }) => index, maxLength: 3 }),
    page: dword,
    supportedPages: dword,
    controls: fc.constantFrom(0x19, 0x19, 0, 1, 8, 0xffff),
    answering: fc.boolean(),
    count: fc.oneof(fc.nat(10), word),
    behind: fc.boolean(),
  });
  fc.assert(
    fc.property(hostile, ({ offsets, strides, keep, answering, count, behind, ...said }) => {
      const machine = smallMachine();
      const physical = new HandmadePhysical({
        ...said,
        bars: said.bars.map(({ index, flags, low, high }) =>
          (flags & 6) === 4 ? { index, flags, low, high } : { index, flags, low },
        ),
        routing: (many) => ({
          offset: offsets[many % offsets.length]!,
          stride: strides[many % strides.length]!,
        }),
        keeps: (many) => keep ?? many,
        ...(answering ? {} : { make: () => undefined }),
      });
      const port = new Bridge({ kind: 'root-port' });
      if (behind) machine.plug(port, SLOT);
      physical.plug(machine, behind ? { behind: port } : SLOT);
      const ours = <T>(run: () => T): T | null => {
        try {
          return run();
        } catch (error) {
          if (!(error instanceof VirtiolabError)) throw error;
          return null;
        }
      };
      ours(() => runFirmware(machine));
      const { address } = physical;
      const enabled = ours<EnabledVirtualFunctions>(() =>
        enableVirtualFunctions(machine, address, count, { patience: 3 }),
      );
      if (enabled === null) {
        expect(physical.get('control') & (VF_ENABLE | VF_MSE)).toBe(0);
        return;
      }
      const last = enabled.addressOf(count);
      expect([physical.get('numVfs'), last >>> 16, last > address]).toEqual([count, 0, true]);
      for (const { address: at, size } of enabled.bars) expect([at > 0, at % size]).toEqual([true, 0]);
      const found = ours(() => enabled.find(count));
      expect(found === null || found.address === last).toBe(true);
      ours(() => disableVirtualFunctions(machine, address, { patience: 3 }));
    }),
    { numRuns: runs(300) },
  );
});
