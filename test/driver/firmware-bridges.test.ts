import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { findBuses, functionsOf, placeFunction, ResourceError, runFirmware } from '../../src/driver/index.ts';
import {
  Bridge,
  type BridgeKind,
  type BridgeOptions,
  type Machine,
  type PciFunction,
  type Place,
} from '../../src/pci/index.ts';
import { addScratch, at, bareFunction, bridgeAt, bridgeOf, configOf, smallMachine } from '../pci/support.ts';

const DEVICE = functionAddress(0, 2);

interface Sizes {
  readonly io?: number;
  readonly memory32?: number;
  readonly memory64?: number;
  readonly prefetchable?: number;
}

/** A function with a BAR of each kind that has a size. */
function withBars({ io, memory32, memory64, prefetchable }: Sizes): PciFunction {
  const fn = bareFunction();
  if (io !== undefined) addScratch(fn, 0, 'io', io, 16);
  if (memory32 !== undefined) addScratch(fn, 1, 'memory32', memory32, 16);
  if (memory64 !== undefined) addScratch(fn, 2, 'memory64', memory64, 16);
  if (prefetchable !== undefined)
    fn.addBar({ index: 4, kind: 'memory64', lengthBytes: prefetchable, prefetchable: true, regions: [] });
  return fn;
}

function plugBridge(machine: Machine, place: Place, options: Partial<BridgeOptions> = {}): Bridge {
  const bridge = new Bridge({ kind: 'pci-to-pci', ...options });
  machine.plug(bridge, place);
  return bridge;
}

const placesOf = (fn: PciFunction) => fn.bars.map(({ mappedAt }) => mappedAt);
const numbersOf = (machine: Machine, address: number) => {
  const { read } = configOf(machine, address);
  return [bridgeAt.primary, bridgeAt.secondary, bridgeAt.subordinate].map((offset) => read(offset, 1));
};

/** Base and limit registers of the three windows, and the command register. */
const windowsOf = (machine: Machine, address: number) => {
  const { read } = configOf(machine, address);
  return {
    io: read(bridgeAt.ioBase, 2),
    memory: read(bridgeAt.memoryBase, 4),
    prefetchable: read(bridgeAt.prefetchableBase, 4),
    upper: [read(bridgeAt.prefetchableBaseUpper, 4), read(bridgeAt.prefetchableLimitUpper, 4)],
    command: read(at.command, 2),
  };
};

describe('bus numbers', () => {
  it('are given depth first, each bridge with those behind it between its own and its last', () => {
    const machine = smallMachine();
    const outer = plugBridge(machine, functionAddress(0, 1));
    const inner = plugBridge(machine, { behind: outer, device: 4 });
    plugBridge(machine, { behind: inner });
    plugBridge(machine, { behind: outer, device: 9 });
    plugBridge(machine, functionAddress(0, 3));
    const found = runFirmware(machine);
    expect(found.map(({ address }) => address.toString(16))).toEqual(['0', '8', '120', '200', '148', '18']);
    expect([0x08, 0x120, 0x200, 0x148, 0x18].map((address) => numbersOf(machine, address))).toEqual([
      [0, 1, 4],
      [1, 2, 3],
      [2, 3, 3],
      [1, 4, 4],
      [0, 5, 5],
    ]);
    expect(found.map(({ bridge }) => bridge?.subordinateBus)).toEqual([undefined, 4, 3, 3, 4, 5]);
  });

  it('stay where they make sense, and what was plugged in later gets what is free', () => {
    const machine = smallMachine();
    const first = plugBridge(machine, functionAddress(0, 5));
    machine.plug(withBars({ memory32: 4096 }), { behind: first });
    bridgeOf(machine, functionAddress(0, 5)).buses(7, 9);
    // At a lower place: firmware comes to it first.
    plugBridge(machine, functionAddress(0, 1));
    plugBridge(machine, { behind: first, device: 1 });
    runFirmware(machine);
    expect(
      [functionAddress(0, 5), functionAddress(0, 1), functionAddress(7, 1)].map((each) =>
        numbersOf(machine, each),
      ),
    ).toEqual([
      [0, 7, 9],
      [0, 10, 10],
      [7, 8, 8],
    ]);
  });

  test.each([
    ['that lead nowhere: the last before the first', 6, 5],
    ['of the bus that the bridge stands on', 0, 5],
  ])('%s are replaced', (_, secondary, subordinate) => {
    const machine = smallMachine();
    plugBridge(machine, DEVICE);
    bridgeOf(machine, DEVICE).buses(secondary, subordinate);
    runFirmware(machine);
    expect(numbersOf(machine, DEVICE)).toEqual([0, 1, 1]);
  });

  it('that two bridges have, the first keeps', () => {
    const machine = smallMachine();
    for (const device of [1, 2]) {
      const bridge = plugBridge(machine, functionAddress(0, device));
      machine.plug(bareFunction({ deviceId: device }), { behind: bridge });
      bridgeOf(machine, functionAddress(0, device)).buses(3, 4);
    }
    const found = runFirmware(machine).filter(({ bridge }) => bridge === null);
    expect(found.slice(1).map(({ address, deviceId }) => [address, deviceId])).toEqual([
      [0x300, 1],
      [0x500, 2],
    ]);
  });

  it('are all given anew where firmware is told to reassign', () => {
    const machine = smallMachine();
    for (const device of [1, 2]) plugBridge(machine, functionAddress(0, device));
    bridgeOf(machine, functionAddress(0, 1)).buses(9);
    bridgeOf(machine, functionAddress(0, 2)).buses(1);
    runFirmware(machine, { reassign: true });
    expect([1, 2].map((device) => numbersOf(machine, functionAddress(0, device))[1])).toEqual([1, 2]);
  });

  it('are kept free behind slots for hot plug, where firmware is told how many', () => {
    const machine = smallMachine();
    for (const [i, slotNumber] of [0, null, 1].entries())
      plugBridge(machine, functionAddress(0, i + 1), { kind: 'root-port', slotNumber });
    runFirmware(machine, { spare: { buses: 2 } });
    expect([1, 2, 3].map((device) => numbersOf(machine, functionAddress(0, device)).slice(1))).toEqual([
      [1, 3],
      [4, 4],
      [5, 7],
    ]);
  });

  it('are no more than there are between the others: for spare ones, and for new bridges', () => {
    const machine = smallMachine();
    for (const device of [1, 2]) plugBridge(machine, functionAddress(0, device), { kind: 'root-port' });
    bridgeOf(machine, functionAddress(0, 2)).buses(4, 255);
    runFirmware(machine, { spare: { buses: 9 } });
    expect([1, 2].map((device) => numbersOf(machine, functionAddress(0, device)).slice(1))).toEqual([
      [1, 3],
      [4, 255],
    ]);
    const full = smallMachine();
    for (const device of [1, 2, 3, 4]) plugBridge(full, functionAddress(0, device));
    bridgeOf(full, functionAddress(0, 4)).buses(3, 255);
    expect(() => runFirmware(full)).toThrow(/bus behind 00:03.0: no number is left/);
    expect([1, 2, 3].map((device) => numbersOf(full, functionAddress(0, device)))).toEqual(
      Array(3).fill([0, 0, 0]),
    );
  });

  it('of a new bridge are of the largest gap between those that stay', () => {
    const machine = smallMachine();
    const kept = [
      [1, 39],
      [46, 99],
      [121, 200],
      [220, 255],
    ] as const;
    for (const [i, [first, last]] of kept.entries()) {
      plugBridge(machine, functionAddress(0, i + 1));
      bridgeOf(machine, functionAddress(0, i + 1)).buses(first, last);
    }
    const added = functionAddress(0, 9);
    plugBridge(machine, added, { kind: 'root-port' });
    // Free are 40..45, 100..120 and 201..219; of the longest as much as the port wants to keep.
    runFirmware(machine, { spare: { buses: 99 } });
    expect(numbersOf(machine, added)).toEqual([0, 100, 120]);
  });

  it('that run out are told, and then nothing has been written', () => {
    const machine = smallMachine();
    const outer = plugBridge(machine, DEVICE);
    bridgeOf(machine, DEVICE).buses(254, 255);
    for (const device of [1, 2]) plugBridge(machine, { behind: outer, device });
    const before = machine.save().functions;
    expect(() => runFirmware(machine)).toThrow(ResourceError);
    expect(() => runFirmware(machine)).toThrow(/bus behind fe:02.0: no number is left in 255..255/);
    expect(machine.save().functions).toEqual(before);
  });
});

describe('windows', () => {
  it('are opened as far as what is behind needs, and the others closed', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE);
    const fn = withBars({ memory32: 0x1000 });
    machine.plug(fn, { behind: bridge });
    runFirmware(machine);
    expect(windowsOf(machine, DEVICE)).toEqual({
      io: 0x00f0,
      memory: 0xc000c000,
      prefetchable: 0x0001fff1,
      upper: [0, 0],
      command: 7,
    });
    expect(placesOf(fn)).toEqual([0xc0000000]);
  });

  it('have room for everything behind, the largest first, in their own granules', () => {
    const machine = smallMachine();
    const outer = plugBridge(machine, DEVICE);
    const inner = plugBridge(machine, { behind: outer, device: 1 });
    const [small, large, deep] = [
      withBars({ io: 64, memory32: 0x1000, prefetchable: 0x1000 }),
      withBars({ io: 256, memory32: 0x400000, prefetchable: 0x2000 }),
      withBars({ io: 16, memory64: 0x100000, prefetchable: 0x1_0000_0000 }),
    ];
    machine.plug(small, { behind: outer, device: 2 });
    machine.plug(large, { behind: outer, device: 3 });
    machine.plug(deep, { behind: inner });
    runFirmware(machine);
    expect(windowsOf(machine, DEVICE)).toMatchObject({
      io: 0xd0c0,
      memory: 0xc050c000,
      prefetchable: 0x00010001,
      upper: [0x80, 0x81],
    });
    expect(placesOf(large)).toEqual([0xd000, 0xc0000000, 0x81_0000_0000]);
    expect(placesOf(small)).toEqual([0xd100, 0xc0500000, 0x81_0000_2000]);
    expect(placesOf(deep)).toEqual([0xc000, 0xc0400000, 0x80_0000_0000]);
  });

  test.each<[string, Partial<BridgeOptions>]>([
    ['a bridge without that window', { prefetchableWindow: null }],
    ['a bridge with one of 32 bits', { prefetchableWindow: 32 }],
  ])('of the ordinary kind hold prefetchable memory behind %s', (_, options) => {
    const machine = smallMachine();
    const outer = plugBridge(machine, DEVICE, options);
    const inner = plugBridge(machine, { behind: outer });
    const fn = withBars({ prefetchable: 0x1000 });
    machine.plug(fn, { behind: inner });
    runFirmware(machine);
    expect(placesOf(fn)).toEqual([0xc0000000]);
  });

  it('of 32 bits hold prefetchable memory where that of the board is below 4 GiB', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE, { prefetchableWindow: 32 });
    const fn = withBars({ prefetchable: 0x1000 });
    machine.plug(fn, { behind: bridge });
    runFirmware(machine, { prefetchable64: { start: 0xd0000000, end: 0xd8000000 } });
    expect([placesOf(fn), windowsOf(machine, DEVICE).prefetchable]).toEqual([[0xd0000000], 0xd000d000]);
  });

  it('that a bridge does not have are told', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE, { ioWindow: null });
    const fn = withBars({ io: 32, memory32: 4096 });
    machine.plug(fn, { behind: bridge });
    expect(() => runFirmware(machine)).toThrow(/BAR0 of 01:00.0 of 32 bytes: no io window leads there/);
    expect(placesOf(fn)).toEqual([null, null]);
    // A board that gives nobody ports.
    runFirmware(machine, { io: null });
    expect([placesOf(fn), configOf(machine, 0x100).read(at.command, 2)]).toEqual([[null, 0xc0000000], 2]);
  });

  it('that run out are told: a window of I/O takes 4 KiB, however little is behind it', () => {
    const machine = smallMachine();
    for (const device of [1, 2, 3, 4, 5])
      machine.plug(withBars({ io: 16 }), { behind: plugBridge(machine, functionAddress(0, device)) });
    expect(() => runFirmware(machine)).toThrow(
      /io window of 00:05.0 of 4096 bytes: no room is left in 0xc000..0x10000/,
    );
    expect(windowsOf(machine, functionAddress(0, 1)).command).toBe(0);
  });

  it('are written with upper halves where the bridge has them', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE, { ioWindow: 32 });
    machine.plug(withBars({ io: 16, prefetchable: 4096 }), { behind: bridge });
    runFirmware(machine, { prefetchable64: { start: 0x1ff_fff0_0000, end: 0x200_0000_0000 } });
    expect(windowsOf(machine, DEVICE)).toMatchObject({
      io: 0xc1c1,
      prefetchable: 0xfff1fff1,
      upper: [0x1ff, 0x1ff],
    });
  });

  it('have spare room behind slots for hot plug, where firmware is told how much', () => {
    const machine = smallMachine();
    plugBridge(machine, DEVICE, { kind: 'root-port' });
    plugBridge(machine, functionAddress(0, 3), { kind: 'root-port', slotNumber: null });
    runFirmware(machine, { spare: { io: 1, memory: 0x180000, prefetchable64: 0x100000 } });
    expect(windowsOf(machine, DEVICE)).toEqual({
      io: 0xc0c0,
      memory: 0xc010c000,
      prefetchable: 0x00010001,
      upper: [0x80, 0x80],
      command: 7,
    });
    expect(windowsOf(machine, functionAddress(0, 3)).memory).toBe(0x0000fff0);
  });
});

describe('firmware that runs again', () => {
  it('leaves windows alone that are open, and what is behind them', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE);
    const old = withBars({ io: 32, memory32: 4096, prefetchable: 4096 });
    machine.plug(old, { behind: bridge });
    runFirmware(machine);
    const before = [windowsOf(machine, DEVICE), placesOf(old)];
    const added = withBars({ io: 32, memory32: 4096, prefetchable: 4096 });
    machine.plug(added, { behind: bridge, device: 1 });
    const another = plugBridge(machine, functionAddress(0, 1));
    machine.plug(withBars({ memory32: 4096 }), { behind: another });
    runFirmware(machine);
    expect([windowsOf(machine, DEVICE), placesOf(old)]).toEqual(before);
    expect(placesOf(added)).toEqual([0xc020, 0xc0001000, 0x80_0000_1000]);
    expect(windowsOf(machine, functionAddress(0, 1)).memory).toBe(0xc010c010);
  });

  it('leaves what is decoded where it is, also where two overlap', () => {
    const machine = smallMachine();
    const fns = [4, 5].map((device) => {
      const fn = withBars({ memory32: 4096 });
      machine.plug(fn, functionAddress(0, device));
      const config = configOf(machine, functionAddress(0, device));
      config.setBar(1, 0xd0000000);
      config.command(2);
      return fn;
    });
    runFirmware(machine);
    expect(fns.map(placesOf)).toEqual([[0xd0000000], [0xd0000000]]);
  });

  it('moves what its bridge does not reach', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE);
    const fn = withBars({ memory32: 4096 });
    machine.plug(fn, { behind: bridge });
    const upper = bridgeOf(machine, DEVICE);
    upper.buses(1);
    upper.memory(0xd0000000, 0xd0100000);
    upper.command(7);
    const lower = configOf(machine, 0x100);
    lower.setBar(1, 0xd0200000);
    lower.command(2);
    runFirmware(machine);
    expect([fn.bars[0]!.address, machine.memoryRead(0xd0000000, 4)]).toEqual([0xd0000000, 0]);
  });

  it('gives addresses again to what lost them in a reset of the secondary bus', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE);
    const fn = withBars({ io: 16, memory32: 4096, prefetchable: 4096 });
    machine.plug(fn, { behind: bridge });
    runFirmware(machine);
    const before = placesOf(fn);
    const { write } = configOf(machine, DEVICE);
    write(bridgeAt.control, 2, 0x40);
    write(bridgeAt.control, 2, 0);
    expect(placesOf(fn)).toEqual([null, null, null]);
    runFirmware(machine);
    expect(placesOf(fn)).toEqual(before);
  });
});

describe('placing one function that was plugged in later', () => {
  /** A switch whose ports have room to spare, and a function behind the first. */
  function withSwitch(spare = { buses: 1, io: 4096, memory: 0x100000 }) {
    const machine = smallMachine();
    const root = plugBridge(machine, DEVICE, { kind: 'root-port' });
    const up = plugBridge(machine, { behind: root }, { kind: 'upstream-port' });
    const ports = [0, 1].map((device) =>
      plugBridge(machine, { behind: up, device }, { kind: 'downstream-port' }),
    );
    const old = withBars({ io: 32, memory32: 4096 });
    machine.plug(old, { behind: ports[0]! });
    runFirmware(machine, { spare });
    return { machine, ports, old };
  }

  it('takes what is free in the window of its port, and touches nothing else', () => {
    const { machine, ports, old } = withSwitch();
    const before = [old.config.save(), windowsOf(machine, DEVICE), windowsOf(machine, functionAddress(2, 1))];
    const added = withBars({ io: 32, memory32: 4096 });
    machine.plug(added, { behind: ports[1]! });
    const { address } = added.slot;
    const written: string[] = [];
    machine.events = (event) => {
      if (event.kind === 'access' && event.operation === 'write') written.push(event.target);
    };
    const found = placeFunction(machine, address);
    expect([found.address, placesOf(added)]).toEqual([address, [0xd000, 0xc0100000]]);
    expect([
      old.config.save(),
      windowsOf(machine, DEVICE),
      windowsOf(machine, functionAddress(2, 1)),
    ]).toEqual(before);
    expect(machine.memoryRead(0xc0100000, 4)).toBe(0);
  });

  it('opens what is closed on the way to it, where the buses above have room', () => {
    const { machine, ports } = withSwitch({ buses: 1, io: 0, memory: 0 });
    const added = withBars({ prefetchable: 4096 });
    machine.plug(added, { behind: ports[1]! });
    placeFunction(machine, added.slot.address);
    expect(placesOf(added)).toEqual([0x80_0000_0000]);
  });

  it('says which window is too small, and then has written nothing', () => {
    const { machine, ports } = withSwitch();
    const added = withBars({ memory32: 0x200000 });
    machine.plug(added, { behind: ports[1]! });
    const before = machine.save().functions;
    expect(() => placeFunction(machine, added.slot.address)).toThrow(
      /BAR1 of 05:00.0 of 2097152 bytes: no room is left in 0xc0100000..0xc0200000/,
    );
    expect(machine.save().functions).toEqual(before);
    runFirmware(machine, { reassign: true });
    expect(placesOf(added)).not.toContain(null);
  });

  it('finds room on the root bus beside windows of bridges that do not lead to it', () => {
    const { machine } = withSwitch();
    const added = withBars({ io: 32, memory32: 4096 });
    machine.plug(added, functionAddress(0, 7));
    placeFunction(machine, functionAddress(0, 7));
    expect(placesOf(added)).toEqual([0xe000, 0xc0200000]);
  });
});

describe('looking without touching', () => {
  it('finds what bridges lead to as they are', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE);
    machine.plug(bareFunction(), { behind: bridge });
    const addresses = () => [...functionsOf(findBuses(machine))].map(({ address }) => address);
    expect(addresses()).toEqual([0, DEVICE]);
    bridgeOf(machine, DEVICE).buses(4);
    expect(addresses()).toEqual([0, DEVICE, 0x400]);
    // Back to where it comes from: nobody runs in circles.
    bridgeOf(machine, DEVICE).buses(0, 255);
    expect(addresses()).toEqual([0, DEVICE]);
  });

  it('follows, toward a bus, only the bridges that lead there', () => {
    const machine = smallMachine();
    for (const [device, first, last] of [
      [1, 1, 3],
      [2, 5, 9],
    ] as const) {
      const place = functionAddress(0, device);
      const inner = plugBridge(machine, { behind: plugBridge(machine, place) });
      bridgeOf(machine, place).buses(first, last);
      bridgeOf(machine, functionAddress(first, 0)).buses(first + 1, last);
      machine.plug(bareFunction(), { behind: inner });
    }
    const all = [0, 0x08, 0x10];
    const toward = (bus: number) =>
      [...functionsOf(findBuses(machine, 0, bus))].map(({ address }) => address).sort((a, b) => a - b);
    expect([0, 1, 2, 3, 4, 5, 6, 9, 10].map(toward)).toEqual([
      all,
      [...all, 0x100],
      [...all, 0x100, 0x200],
      [...all, 0x100, 0x200],
      all,
      [...all, 0x500],
      [...all, 0x500, 0x600],
      [...all, 0x500, 0x600],
      all,
    ]);
  });

  it('measures no more than the two BARs of a bridge', () => {
    const machine = smallMachine();
    const bridge = plugBridge(machine, DEVICE);
    addScratch(bridge, 1, 'memory32', 4096);
    bridgeOf(machine, DEVICE).buses(4);
    const found = runFirmware(machine).find(({ address }) => address === DEVICE)!;
    expect(found.bars).toEqual([
      { index: 1, kind: 'memory32', prefetchable: false, size: 4096, address: 0xc0000000 },
    ]);
    expect(found).toMatchObject({ subsystemId: 0, bridge: { secondaryBus: 4, subordinateBus: 4 } });
    expect(machine.memoryRead(0xc0000000, 4)).toBe(0);
  });
});

it('every kind of bridge is numbered alike', () => {
  const kinds: BridgeKind[] = ['root-port', 'pci-to-pci', 'express-to-pci'];
  const machine = smallMachine();
  for (const [i, kind] of kinds.entries()) plugBridge(machine, functionAddress(0, i + 1), { kind });
  expect(runFirmware(machine).map(({ bridge }) => bridge?.secondaryBus)).toEqual([undefined, 1, 2, 3]);
});
