import { describe, expect, it, test } from 'vitest';
import { registers, ro } from '../../src/core/index.ts';
import { findFunction, LegacyTransport, ModernTransport } from '../../src/driver/index.ts';
import {
  draft2023,
  drafts,
  fixedVectorsDraft,
  memoryAccess,
  mmrFunction,
  presentLegacy,
} from '../../src/mmr/index.ts';
import { DeviceConfig, deviceTypes } from '../../src/virtio/index.ts';
import { configOf, SLOT } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { hostWith } from './support.ts';

const map = registers({ wide: ro(0, 4) });

function probe() {
  const config = new DeviceConfig(map);
  config.set('wide', 0x44332211);
  return new Probe({ type: 'block', config, features: [3] });
}

describe('the transitional MMR function', () => {
  test.each([
    ['network', 0x10f9, 1],
    ['block', 0x10fa, 2],
    ['balloon', 0x10fb, 5],
    ['console', 0x10fc, 3],
    ['scsi', 0x10fd, 8],
    ['entropy', 0x10fe, 4],
    ['p9', 0x10ff, 9],
  ] as const)(
    'of type %s has its own device id, revision 0, and the type as subsystem id',
    (type, id, subsystem) => {
      const found = findFunction(hostWith(mmrFunction(new Probe({ type })).pci), SLOT)!;
      expect(found).toMatchObject({ vendorId: 0x1af4, deviceId: id, revisionId: 0, subsystemId: subsystem });
    },
  );

  it("has its draft's vendor, by which the translator and drivers know it again", () => {
    const draft = { ...draft2023, name: 'another vendor', vendorId: 0x1bf5 };
    const host = hostWith(mmrFunction(probe(), { draft }).pci);
    expect(findFunction(host, SLOT)).toMatchObject({ vendorId: 0x1bf5, deviceId: 0x10fa });
    expect(() => presentLegacy(host, SLOT)).toThrow(/1bf5:10fa/);
    expect(presentLegacy(host, SLOT, { draft }).type.name).toBe('block');
  });

  it('has an id for each type that a transitional function can be', () => {
    const transitional = deviceTypes.filter(({ transitionalId }) => transitionalId !== null);
    expect(Object.keys(draft2023.deviceIds).sort()).toEqual(transitional.map(({ name }) => name).sort());
    expect(new Set(Object.values(draft2023.deviceIds)).size).toBe(transitional.length);
  });

  test.each([
    [
      'own',
      [
        [0, 'memory32', 0x2000],
        [1, 'memory32', 0x1000],
        [4, 'memory64', 0x4000],
      ],
    ],
    [
      'shared',
      [
        [1, 'memory32', 0x1000],
        [4, 'memory64', 0x8000],
      ],
    ],
  ] as const)('with its block in a BAR placed %s: no I/O BAR, nothing prefetchable', (placement, bars) => {
    const { bars: found } = findFunction(hostWith(mmrFunction(probe(), { placement }).pci), SLOT)!;
    expect(found.map(({ index, kind, size }) => [index, kind, size])).toEqual(bars);
    expect(found.every(({ prefetchable }) => !prefetchable)).toBe(true);
  });

  describe.each(['own', 'shared'] as const)('placed %s', (placement) => {
    it.each(Object.values(drafts).map((draft) => [draft.name, draft] as const))(
      '%s: shows the legacy block in memory, with vectors when the draft says so',
      (_, draft) => {
        const machine = hostWith(mmrFunction(probe(), { placement, draft }).pci);
        const access = memoryAccess(machine, findFunction(machine, SLOT)!, draft);
        const config = configOf(machine);
        const msix = findFunction(machine, SLOT)!.capabilities.find(({ id }) => id === 0x11)!.offset;
        const configAt = () => [20, 24].filter((at) => access.read(at, 4) === 0x44332211);
        expect(access.read(0, 4) & 8).toBe(8);
        expect(configAt()).toEqual([draft.msixShift === 'fixed' ? 24 : 20]);
        config.write(msix + 2, 2, 0x8000);
        expect(configAt()).toEqual([24]);
      },
    );

    it('is one device behind two windows', () => {
      const machine = hostWith(mmrFunction(probe(), { placement }).pci);
      const found = findFunction(machine, SLOT)!;
      const legacy = new LegacyTransport(machine, found, memoryAccess(machine, found, draft2023));
      const modern = new ModernTransport(machine, found);
      legacy.setStatus(3);
      expect(modern.status).toBe(3);
      modern.setUpQueue(0, 4, { descriptor: 0x5000, driver: 0x6000, device: 0x7000 });
      expect(legacy.queueSize(0)).toBe(4);
      modern.setStatus(0);
      expect([legacy.status, legacy.queueSize(0)]).toEqual([0, 8]);
    });
  });

  it('reads 0 around its block, which ends with the configuration', () => {
    const machine = hostWith(mmrFunction(probe(), { draft: fixedVectorsDraft }).pci);
    const base = findFunction(machine, SLOT)!.bars[0]!.address;
    expect([
      machine.memoryRead(base + 0x1018, 4),
      machine.memoryRead(base + 0x101c, 4),
      machine.memoryRead(base, 4),
    ]).toEqual([0x44332211, 0, 0]);
  });
});
