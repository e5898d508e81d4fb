import { describe, expect, it, test } from 'vitest';
import { deviceDemos } from '../../src/cli/demos/index.ts';
import { registers, rw } from '../../src/core/index.ts';
import { findFunction, openTransport, runFirmware } from '../../src/driver/index.ts';
import { draft2023, identify, mmrFunction, presentLegacy } from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { Decoder, describeFunction } from '../../src/trace/index.ts';
import {
  DeviceConfig,
  DeviceTypeError,
  type DeviceTypeOptions,
  defineDeviceType,
  deviceTypes,
  functionKindNames,
  functionKinds,
  ModernOnlyTypeError,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { hostWith } from '../mmr/support.ts';
import { SLOT } from '../pci/support.ts';
import { kitTypes } from '../properties/kits/index.ts';
import { Probe } from './support/probe.ts';

const lamp: DeviceTypeOptions = {
  name: 'lamp',
  functionName: 'virtio-lamp',
  typeNumber: 60,
  classCode: 0x118000,
};

describe('a device type of this project', () => {
  test.each(deviceTypes.map((type) => [type.name, type] as const))(
    '%s has a demonstration and a kit for the properties over all types',
    (name, type) => {
      expect(deviceDemos.find((demo) => demo.type === type)?.sample().type).toBe(type);
      expect(kitTypes).toContain(name);
    },
  );

  it('has a name, a number and ids of its own', () => {
    for (const field of ['name', 'functionName', 'typeNumber', 'transitionalId'] as const) {
      const values = deviceTypes.map((type) => type[field]).filter((value) => value !== null);
      expect(new Set(values).size).toBe(values.length);
    }
  });
});

describe("a device type's row", () => {
  it('may leave out what a type need not have', () => {
    expect(defineDeviceType(lamp)).toEqual({
      ...lamp,
      transitionalId: null,
      mmrId: null,
      features: {},
      dependencies: [],
      config: {},
      smallRequest: null,
    });
  });

  test.each([
    ['name', { name: 'Lamp' }],
    ['functionName', { functionName: '' }],
    ['typeNumber', { typeNumber: 64 }],
    ['typeNumber', { typeNumber: 0 }],
    ['transitionalId', { transitionalId: 0x1040 }],
    ['mmrId', { mmrId: 0x10000 }],
    ['classCode', { classCode: 2 ** 24 }],
    ['features', { features: { ring: 28 } }],
    ['dependencies', { features: { dim: 0 }, dependencies: [[0, [1]]] }],
  ] as const)('with a wrong %s is refused: %j', (field, change) => {
    const define = () => defineDeviceType({ ...lamp, ...change });
    expect(define).toThrow(DeviceTypeError);
    expect(define).toThrow(expect.objectContaining({ field }));
  });
});

describe('a modern-only type', () => {
  const type = defineDeviceType(lamp);

  it('is a modern function', () => {
    const { found } = plugged(virtioFunction(new Probe({ type }), { kind: 'modern' }).pci);
    expect(found).toMatchObject({ deviceId: 0x1040 + 60, classCode: 0x118000 });
  });

  test.each(functionKindNames.filter((kind) => kind !== 'modern'))(
    'is no %s function, and free for another kind',
    (kind) => {
      const probe = new Probe({ type });
      expect(() => virtioFunction(probe, { kind })).toThrow(ModernOnlyTypeError);
      expect(() => virtioFunction(probe, { kind })).toThrow(
        `virtio-lamp cannot be a function of kind ${kind}: the type has no transitional id; wants kind modern`,
      );
      expect(virtioFunction(probe, { kind: 'modern' }).device.name).toBe('virtio-lamp');
    },
  );

  it('is no MMR function without an id for it', () => {
    expect(() => mmrFunction(new Probe({ type }))).toThrow(ModernOnlyTypeError);
    expect(() => mmrFunction(new Probe({ type }))).toThrow(
      'the type has no id, nor has the draft mmr-2023 one for it',
    );
  });
});

const place = (pci: Parameters<Machine['plug']>[0]) => {
  const machine = new Machine();
  machine.plug(pci, SLOT);
  runFirmware(machine);
  return machine;
};

function plugged(pci: Parameters<Machine['plug']>[0]) {
  const machine = place(pci);
  return { machine, found: findFunction(machine, SLOT)! };
}

describe('a device type from outside', () => {
  const config = registers({ brightness: rw(0, 4, '', { writable: 0xff }) });
  const type = defineDeviceType({
    ...lamp,
    transitionalId: 0x103c,
    mmrId: 0x1234,
    features: { dim: 3 },
    config,
  });
  const probe = () => new Probe({ type, features: [3], config: new DeviceConfig(config) });
  const types = [...deviceTypes, type];

  it('is known by its ids of every kind', () => {
    expect(identify(0x1af4, 0x103c, draft2023, types)).toEqual({ type, ids: 'legacy' });
    expect(identify(0x1af4, 0x1040 + 60, draft2023, types)).toEqual({ type, ids: 'modern' });
    expect(identify(0x1af4, 0x1234, draft2023, types)).toEqual({ type, ids: 'mmr' });
    expect(identify(0x1af4, 0x1234)).toBeNull();
  });

  test.each(functionKindNames)('is opened and described as a %s function', (kind) => {
    const { machine, found } = plugged(virtioFunction(probe(), { kind }).pci);
    expect(openTransport(machine, found, { type }).name).toBe(
      functionKinds[kind].modern ? 'modern' : 'legacy',
    );
    const described = describeFunction(machine, found, draft2023, types);
    expect(described).toMatchObject({ type: 'lamp', device: 'virtio-lamp', kind });
  });

  it.each([
    ['MMR', () => mmrFunction(probe())],
    ['transitional', () => virtioFunction(probe(), { kind: 'transitional' })],
  ])('is presented to a legacy guest from a %s function', (_, make) => {
    const presented = presentLegacy(hostWith(make().pci), SLOT, { types });
    expect(presented.type).toBe(type);
    expect(plugged(presented.pci).found).toMatchObject({ deviceId: 0x103c, subsystemId: 60 });
  });

  it('is in traces, with the names of its features and fields', () => {
    const { machine, found } = plugged(virtioFunction(probe(), { kind: 'legacy' }).pci);
    const decoder = new Decoder();
    decoder.add(machine, found, draft2023, types);
    const access = { kind: 'access', operation: 'read', space: 'io', target: '00:04.0 BAR0 legacy' } as const;
    const decoded = (offset: number, value: number) =>
      decoder.decode({ ...access, address: 0, offset, width: 4, value, duration: 0 } as never);
    expect(decoded(0, 8)).toMatchObject({ register: 'deviceFeatures', meaning: 'dim' });
    expect(decoded(20, 77)).toMatchObject({ register: 'config.brightness', meaning: '77' });
  });
});
