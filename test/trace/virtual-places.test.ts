import { describe, expect, it } from 'vitest';
import type { AccessEvent, LabEvent } from '../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  enableVirtualFunctions,
  LegacyTransport,
  ModernTransport,
  runFirmware,
} from '../../src/driver/index.ts';
import { draft2023, memoryAccess, mmrVirtualFunctions } from '../../src/mmr/index.ts';
import { Decoder, placeAt, placesOf, tap } from '../../src/trace/index.ts';
import {
  BlockDevice,
  MemoryStorage,
  type VirtioFunction,
  virtioFunction,
  virtualFunctions,
} from '../../src/virtio/index.ts';
import {
  type HandmadeOptions,
  HandmadePhysical,
  memory32,
  memory64,
  plainVirtual,
  sriovAt,
  VF_ENABLE,
  VF_MSE,
} from '../driver/support/handmade-sriov.ts';
import { configOf, SLOT, smallMachine } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';

const disk = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4096).fill(3)) });
const make = () => plainVirtual(virtioFunction(new Probe({}), { kind: 'modern', express: true }).pci);

/** A physical function with modern virtual ones: MSI-X in BAR1, the structures in BAR4. */
function enabled(count: number, options: HandmadeOptions = {}) {
  const machine = smallMachine();
  const bars = [memory32(1, 0x1000), memory64(4, 0x4000)];
  const physical = new HandmadePhysical({ total: 1000, bars, make, vendorId: 0x1af4, ...options }).plug(
    machine,
    SLOT,
  );
  runFirmware(machine);
  return { machine, physical, functions: enableVirtualFunctions(machine, SLOT, count) };
}

describe('what stands in BARs of virtual functions', () => {
  it('is told of each by its number, as the first one says', () => {
    const { machine, functions } = enabled(1000, { routing: () => ({ offset: 384, stride: 2 }) });
    const places = placesOf(machine);
    const at = (index: number, bar: number, offset: number) =>
      placeAt(places, 'memory', functions.barAddress(index, bar) + offset);
    expect(at(1, 4, 20)).toEqual({ target: '01:14.0 VF1 BAR4 common', offset: 20 });
    expect(at(3, 4, 0x1001)).toEqual({ target: '01:14.4 VF3 BAR4 isr', offset: 1 });
    expect(at(1000, 1, 17)).toEqual({ target: '09:0d.6 VF1000 BAR1 msix-table', offset: 17 });
    expect(at(1000, 4, 0x4000)).toEqual({ target: '', offset: 0 });
    expect(places.filter(({ target }) => target.includes('VF'))).toHaveLength(6);
  });

  it('is told only while they are there and decoded, where their BARs are, and one answers', () => {
    for (const [options, change] of [
      [{}, (physical: HandmadePhysical) => [physical.at + sriovAt.control, VF_ENABLE]],
      [{}, (physical: HandmadePhysical) => [physical.at + sriovAt.control, 0]],
      [{}, (physical: HandmadePhysical) => [physical.at + sriovAt.control, VF_MSE]],
    ] as const) {
      const { machine, physical } = enabled(3, options);
      const found = () => placesOf(machine).filter(({ target }) => target.includes('VF')).length;
      expect(found()).toBe(6);
      const [register, value] = change(physical) as [number, number];
      configOf(machine).write(register, 2, value);
      expect(found()).toBe(0);
    }
    const { machine, physical } = enabled(3);
    configOf(machine).write(physical.at + sriovAt.bar + 4, 4, 0);
    expect(
      placesOf(machine)
        .filter(({ target }) => target.includes('VF'))
        .map(({ target }) => target),
    ).toEqual([
      '00:04.1 VF1 BAR4 common',
      '00:04.1 VF1 BAR4 isr',
      '00:04.1 VF1 BAR4 device',
      '00:04.1 VF1 BAR4 notify',
    ]);
    physical.made.clear();
    const { machine: other } = enabled(1, { make: () => plainVirtual() });
    expect(placesOf(other).filter(({ target }) => target.includes('VF'))).toEqual([]);
  });

  it('is where the BARs of the one before end, as software that measured them knows', () => {
    const bars = [memory32(1, 0x1000), memory64(4, 0x10000)];
    const machine = smallMachine();
    new HandmadePhysical({ total: 8, bars, make, vendorId: 0x1af4 }).plug(machine, SLOT);
    const events: AccessEvent[] = [];
    const bus = tap(machine, (event) => {
      if (event.kind === 'access' && event.space === 'memory') events.push(event);
    });
    runFirmware(bus);
    const functions = enableVirtualFunctions(bus, SLOT, 3);
    bus.memoryRead(functions.barAddress(3, 4) + 20, 1);
    bus.memoryRead(functions.barAddress(3, 1) + 16, 4);
    expect(events.map(({ target, offset }) => [target, offset])).toEqual([
      ['00:04.3 VF3 BAR4 common', 20],
      ['00:04.3 VF3 BAR1 msix-table', 16],
    ]);
    // Who was not there when they were measured takes them to be as long as what stands in them.
    expect(placeAt(placesOf(machine), 'memory', functions.barAddress(2, 4) + 20).target).toBe('');
    expect(placeAt(placesOf(machine), 'memory', functions.barAddress(2, 1) + 16).target).not.toBe('');
  });
});

describe('a tapped bus', () => {
  it.each([
    ['modern', (owner: VirtioFunction) => virtualFunctions(owner, { total: 3, make: disk })],
    ['mmr', (owner: VirtioFunction) => mmrVirtualFunctions(owner, { total: 3, make: disk })],
  ])(
    'tells accesses to virtual functions by the places that the machine has by its own: %s',
    async (kind, add) => {
      const machine = smallMachine();
      const owner = virtioFunction(disk(), { kind: 'modern', express: true });
      add(owner);
      machine.plug(owner.pci, SLOT);
      const [own, told]: [LabEvent[], LabEvent[]] = [[], []];
      const bus = tap(machine, (event) => void told.push(event));
      runFirmware(bus);
      const found = enableVirtualFunctions(bus, SLOT, 3).find(3)!;
      told.length = 0;
      machine.events = (event) => void own.push(event);
      const transport =
        kind === 'modern'
          ? new ModernTransport(bus, found)
          : new LegacyTransport(bus, found, memoryAccess(bus, found, draft2023));
      const driver = new BlockDriver(transport, new DmaMemory(bus.ram, 0x10000), {
        requestBytes: 4096,
        depth: 2,
      });
      expect((await driver.read(0, 1))[0]).toBe(3);
      driver.close();
      machine.events = null;
      const of = (events: readonly LabEvent[]) => {
        const decoder = new Decoder();
        decoder.add(machine, found);
        return events.flatMap((event) => {
          if (event.kind !== 'access' || event.space !== 'memory') return [];
          const { target, offset } = event;
          return [{ target, offset, ...decoder.decode(event) }];
        });
      };
      expect(of(told)).toEqual(of(own));
      const registers = of(told).map((each) => `${each.function} ${each.place} ${each.register}`);
      expect(registers).toContain(`00:04.3 ${kind === 'modern' ? 'common' : 'legacy'} deviceStatus`);
      expect(of(told).every(({ target }) => target.startsWith('00:04.3 VF3 BAR'))).toBe(true);
    },
  );
});
