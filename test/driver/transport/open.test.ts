import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../../src/core/index.ts';
import {
  FunctionGoneError,
  findFunction,
  identifyFunction,
  legacyAccess,
  NoDeviceError,
  NoStructureError,
  openTransport,
  runFirmware,
  WrongIdsError,
} from '../../../src/driver/index.ts';
import {
  blockDeviceType,
  type FunctionKind,
  functionKindNames,
  networkDeviceType,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';
import { Probe } from '../../virtio/support/probe.ts';

interface Change {
  readonly vendorId?: number;
  readonly deviceId?: number;
  readonly revisionId?: number;
  readonly subsystemId?: number;
  /** Capabilities of these types point to a BAR that there is not. */
  readonly unusable?: readonly number[];
  /** Capabilities of no type that there is. */
  readonly hidden?: boolean;
}

function plug(kind: FunctionKind, change: Change = {}) {
  const machine = smallMachine();
  const { pci } = virtioFunction(new Probe({ type: 'block' }), { kind });
  const ids = [
    [0x00, 2, change.vendorId],
    [0x02, 2, change.deviceId],
    [0x08, 1, change.revisionId],
    [0x2e, 2, change.subsystemId],
  ] as const;
  for (const [at, width, value] of ids) if (value !== undefined) pci.config.set(at, width, value);
  for (const at of pci.capabilities.offsets) {
    if (pci.config.get(at, 1) !== 9) continue;
    if (change.unusable?.includes(pci.config.get(at + 3, 1))) pci.config.set(at + 4, 1, 3);
    if (change.hidden) pci.config.set(at + 3, 1, 0x77);
  }
  machine.plug(pci, SLOT);
  runFirmware(machine);
  return { machine, pci, found: findFunction(machine, SLOT)! };
}

describe('the way to a function', () => {
  test.each<readonly [string, FunctionKind, Change, 'modern' | 'legacy']>([
    ['PCI-ID-08: modern', 'modern', {}, 'modern'],
    ['PCI-ID-09: transitional', 'transitional', {}, 'modern'],
    ['LEG-DET-03: legacy', 'legacy', {}, 'legacy'],
    ['PCI-ID-10: transitional, revision 1', 'transitional', { revisionId: 1 }, 'modern'],
    ['PCI-ID-10: modern, revision 0', 'modern', { revisionId: 0 }, 'modern'],
    ['PCI-ID-10: modern, revision 255', 'modern', { revisionId: 255 }, 'modern'],
    ['PCI-ID-11: modern, odd subsystem', 'modern', { subsystemId: 0x1234 }, 'modern'],
    ['transitional, no usable common structure', 'transitional', { unusable: [1] }, 'legacy'],
    ['transitional, no usable notify structure', 'transitional', { unusable: [2] }, 'legacy'],
    ['transitional, capabilities of no known type', 'transitional', { hidden: true }, 'legacy'],
    ['the first of the ids', 'legacy', { deviceId: 0x1000 }, 'legacy'],
    ['the last transitional id', 'legacy', { deviceId: 0x103f }, 'legacy'],
    ['the last id', 'modern', { deviceId: 0x107f }, 'modern'],
  ])('%s: %s %j by the %s interface', (_, kind, change, way) => {
    const { machine, found } = plug(kind, change);
    for (const fn of [found, SLOT]) {
      const transport = openTransport(machine, fn);
      expect(transport.name).toBe(way);
      transport.reset();
      expect([transport.status, transport.queueSize(0)]).toEqual([0, 8]);
    }
  });

  test.each<readonly [string, FunctionKind, Change, new (...args: never[]) => Error]>([
    ['another vendor', 'modern', { vendorId: 0x1af5 }, WrongIdsError],
    ['an id below the range', 'legacy', { deviceId: 0x0fff }, WrongIdsError],
    ['an id above the range', 'modern', { deviceId: 0x1080 }, WrongIdsError],
    ['LEG-DET-05: modern ids without structures', 'modern', { hidden: true }, NoStructureError],
    ['modern ids without a usable structure', 'modern', { unusable: [3] }, NoStructureError],
    ['LEG-ID-01: legacy, revision 1', 'legacy', { revisionId: 1 }, WrongIdsError],
    [
      'transitional, unusable, revision 1',
      'transitional',
      { unusable: [1], revisionId: 1 },
      NoStructureError,
    ],
    ['LEG-ID-03: a legacy block behind modern ids', 'legacy', { deviceId: 0x1042 }, NoStructureError],
  ])('there is none to %s', (_, kind, change, error) => {
    const { machine, found } = plug(kind, change);
    expect(() => openTransport(machine, found)).toThrow(error);
    expect(() => openTransport(machine, found)).toThrow(NoDeviceError);
  });

  test.each<readonly [Change, boolean]>([
    [{}, true],
    [{ revisionId: 1 }, false],
    [{ deviceId: 0x1042 }, false],
    [{ deviceId: 0x103f }, true],
    [{ deviceId: 0x0fff }, false],
    [{ vendorId: 0x1b36 }, false],
  ])('LEG-ID-01, LEG-ID-03: a legacy driver takes %j: %s', (change, taken) => {
    const { machine, found } = plug('legacy', change);
    if (taken) expect(legacyAccess(machine, found).read(0x12, 1)).toBe(0);
    else {
      const ids = { vendorId: 0x1af4, deviceId: 0x1001, revisionId: 0, ...change };
      const hex = (id: number) => id.toString(16).padStart(4, '0');
      expect(() => legacyAccess(machine, found)).toThrow(WrongIdsError);
      expect(() => legacyAccess(machine, found)).toThrow(
        expect.objectContaining({
          ...ids,
          message: `function ${hex(ids.vendorId)}:${hex(ids.deviceId)}, revision ${ids.revisionId}: wants 1af4:1000 to 103f, revision 0`,
        }),
      );
    }
  });

  it('is refused to a function of another type than is wanted', () => {
    const { machine, found } = plug('modern');
    expect(openTransport(machine, found, { type: blockDeviceType }).name).toBe('modern');
    expect(() => openTransport(machine, found, { type: networkDeviceType })).toThrow(
      /type 1 \(network\), not 2/,
    );
  });

  it('has an error of its own where the function is gone, and another where there was none', () => {
    for (const kind of functionKindNames) {
      const { machine, found } = plug(kind);
      machine.unplug(SLOT);
      expect(() => openTransport(machine, found)).toThrow(FunctionGoneError);
    }
    const { machine } = plug('modern');
    expect(() => openTransport(machine, functionAddress(0, 9))).toThrow(/no function 00:09.0/);
  });

  it('carries the driver\u2019s wishes on', () => {
    const { machine, found } = plug('legacy');
    expect(openTransport(machine, found, { bigEndian: true }).littleEndian).toBe(false);
  });

  it.each(['legacy', 'legacy-memory'] as const)('has a BAR0 with room for the header: %s', (kind) => {
    const { machine, found } = plug(kind);
    const bars = (size: number) => found.bars.map((bar) => (bar.index === 0 ? { ...bar, size } : bar));
    expect(() => legacyAccess(machine, { ...found, bars: bars(16) })).toThrow(NoDeviceError);
    legacyAccess(machine, { ...found, bars: bars(32) });
  });
});

describe('ids', () => {
  const ids = { vendorId: 0x1af4, revisionId: 0 };
  test.each([
    [0x1041, 0x1100, 'modern', 1, 'network'],
    [0x1042, 1, 'modern', 2, 'block'],
    [0x107f, 0, 'modern', 0x3f, null],
    [0x1040, 0, 'modern', 0, null],
    [0x1001, 2, 'transitional', 2, 'block'],
    // LEG-ID-02: the subsystem tells; what it does not tell, the table of PCI-ID-09 does.
    [0x1001, 1, 'transitional', 1, 'network'],
    [0x103f, 9, 'transitional', 9, 'p9'],
    [0x1009, 0, 'transitional', 9, 'p9'],
    [0x1002, 0x1100, 'transitional', 5, 'balloon'],
    [0x1004, 0x40, 'transitional', 8, 'scsi'],
    [0x1004, 0x3f, 'transitional', 0x3f, null],
    [0x1020, 0, 'transitional', 0, null],
  ] as const)('%i, subsystem %i: %s, type %i (%s)', (deviceId, subsystemId, kind, typeNumber, type) => {
    const identity = identifyFunction({ ...ids, deviceId, subsystemId });
    expect({ ...identity, type: identity.type?.name ?? null }).toEqual({ ids: kind, typeNumber, type });
  });
});
