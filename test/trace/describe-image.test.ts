import { describe, expect, it } from 'vitest';
import { ConfigImage } from '../../src/driver/index.ts';
import { drafts, mmrFunction } from '../../src/mmr/index.ts';
import { Bridge } from '../../src/pci/index.ts';
import { describeImage, type ImageDescription } from '../../src/trace/index.ts';
import { EntropyDevice } from '../../src/virtio/index.ts';
import { cut, dumped, imageOf } from '../conformance/support.ts';

const blk = () => dumped('qemu-blk-1001-transitional').image;

/** The same bytes, but for those from `start` up to `end`, which nobody knows. */
function without(image: ConfigImage, start: number, end: number): ConfigImage {
  const left = new ConfigImage();
  for (let at = 0; at < image.length; at++) if (at < start || at >= end) left.set(at, image.read(at, 1));
  return left;
}

/** The same bytes, with others in their places. */
function changed(
  image: ConfigImage,
  ...bytes: readonly (readonly [at: number, byte: number])[]
): ConfigImage {
  for (const [at, byte] of bytes) image.set(at, byte);
  return image;
}

/** Bytes of another vendor id. */
const otherMaker = [
  [0x00, 0x86],
  [0x01, 0x80],
] as const;

const capabilityAt = ({ capabilities }: ImageDescription, at: number) =>
  capabilities.find(({ offset }) => offset === at);

describe('description of an image', () => {
  it('has everything that the bytes say', () => {
    const structure = (structureType: number, offset: number) => ({
      capabilityLength: 16,
      structureType,
      bar: 4,
      id: 0,
      padding: 0,
      offset,
      length: 0x1000,
    });
    const vendorSpecific = 9;
    expect(describeImage(blk())).toEqual({
      vendorId: 0x1af4,
      deviceId: 0x1001,
      revisionId: 0,
      classCode: 0x010000,
      header: 'function',
      subsystemVendorId: 0x1af4,
      subsystemId: 2,
      interruptPin: 1,
      interruptLine: 10,
      buses: null,
      typeNumber: 2,
      device: 'virtio-blk',
      kind: 'transitional',
      bars: [
        { index: 0, kind: 'io', prefetchable: false, address: 0xe040 },
        { index: 1, kind: 'memory32', prefetchable: false, address: 0xfea24000 },
        { index: 4, kind: 'memory64', prefetchable: true, address: 0xfe404000 },
      ],
      capabilities: [
        {
          offset: 0x98,
          id: 0x11,
          name: 'msix',
          fields: { messageControl: 0x8001, table: 1, pendingBits: 0x801 },
        },
        {
          offset: 0x84,
          id: vendorSpecific,
          name: 'virtio pciConfig',
          fields: { ...structure(5, 0), capabilityLength: 20, bar: 0, length: 0, data: 0 },
        },
        {
          offset: 0x70,
          id: vendorSpecific,
          name: 'virtio notify',
          fields: { ...structure(2, 0x3000), capabilityLength: 20, notifyOffMultiplier: 4 },
        },
        { offset: 0x60, id: vendorSpecific, name: 'virtio device', fields: structure(4, 0x2000) },
        { offset: 0x50, id: vendorSpecific, name: 'virtio isr', fields: structure(3, 0x1000) },
        { offset: 0x40, id: vendorSpecific, name: 'virtio common', fields: structure(1, 0) },
      ],
      extended: [],
      ends: { capabilities: 'end', extended: 'end' },
      knownBytes: 256,
    });
  });

  it('knows a field from its last byte on, and what follows from several with the last of them', () => {
    // The first length with which each is known, by the header's layout.
    const lengths = {
      vendorId: 2,
      deviceId: 4,
      revisionId: 9,
      classCode: 12,
      header: 15,
      typeNumber: 15,
      device: 15,
      subsystemVendorId: 46,
      subsystemId: 48,
      interruptLine: 61,
      interruptPin: 62,
    } as const;
    const names = Object.keys(lengths) as (keyof typeof lengths)[];
    const { image } = dumped('hw-blk-1001-memory-bars-sriov-pf');
    const whole = describeImage(image);
    expect(whole).toMatchObject({ classCode: 0xfe0130, header: 'function', kind: 'transitional-memory' });
    for (let length = 0; length <= 64; length++) {
      const described = describeImage(cut(image, length));
      expect(described.knownBytes).toBe(length);
      for (const name of names)
        expect(described[name], `${name} of ${length} bytes`).toBe(
          length < lengths[name] ? null : whole[name],
        );
    }
  });

  it('has a class code where all three bytes of it are known', () => {
    for (const at of [9, 10, 11]) expect(describeImage(without(blk(), at, at + 1)).classCode).toBe(null);
    expect(describeImage(without(blk(), 8, 9))).toMatchObject({ classCode: 0x010000, revisionId: null });
  });

  it('has null for the fields of a capability that are unknown, and no fields where its kind is', () => {
    const { fields } = capabilityAt(describeImage(without(blk(), 0x48, 0x49)), 0x40)!;
    expect(fields).toMatchObject({ bar: 4, offset: null, length: 0x1000 });
    expect(capabilityAt(describeImage(without(blk(), 0x43, 0x44)), 0x40)).toEqual({
      offset: 0x40,
      id: 9,
      name: 'vendorSpecific',
      fields: {},
    });
  });

  it.each<readonly [string, () => ConfigImage, ImageDescription['kind']]>([
    ['structures, and the rest of the list unknown', () => without(blk(), 0x40, 0x50), 'transitional'],
    ['none yet, and the rest of the list unknown', () => without(blk(), 0x84, 0x88), 'unknown'],
    ['none, and a list that ends', () => changed(blk(), [0x99, 0]), 'legacy'],
    ['none, an end, and a memory BAR', () => changed(blk(), [0x99, 0], [0x10, 0x40]), 'legacy-memory'],
    ['ids of a modern function', () => changed(blk(), [0x02, 0x42]), 'modern'],
    ['ids of somebody else', () => changed(blk(), ...otherMaker), null],
    ['the header of a bridge', () => changed(blk(), [0x0e, 1]), null],
  ])('tells the kind of a function with %s', (_, image, kind) => {
    expect(describeImage(image()).kind).toBe(kind);
  });

  it('claims nothing of a function whose vendor or device is unknown', () => {
    const none = { typeNumber: null, device: null, kind: null, header: 'function', subsystemId: 2 };
    expect(describeImage(without(blk(), 1, 2))).toMatchObject({ ...none, vendorId: null, deviceId: 0x1001 });
    expect(describeImage(without(blk(), 2, 3))).toMatchObject({ ...none, vendorId: 0x1af4, deviceId: null });
  });

  it("tells a type's number without knowing the type", () => {
    const described = describeImage(changed(blk(), [0x02, 0x40 + 16]));
    expect(described).toMatchObject({ typeNumber: 16, device: null, kind: 'modern' });
  });

  it("takes another vendor's capabilities for its own", () => {
    const described = describeImage(changed(blk(), ...otherMaker));
    expect(described).toMatchObject({ typeNumber: null, device: null });
    expect(capabilityAt(described, 0x40)).toMatchObject({ name: 'vendorSpecific', fields: {} });
  });

  it('has the buses of a bridge, whose bytes are no BARs, and nothing of a subsystem', () => {
    const bridge = ConfigImage.of(imageOf(new Bridge({ kind: 'root-port' }), 4096));
    changed(bridge, [0x10, 0x00], [0x13, 0xc0], [0x18, 1], [0x19, 2], [0x1a, 7], [0x2c, 1], [0x2e, 1]);
    expect(describeImage(bridge)).toMatchObject({
      header: 'bridge',
      classCode: 0x060400,
      buses: { primary: 1, secondary: 2, subordinate: 7 },
      bars: [{ index: 0, kind: 'memory32', address: 0xc0000000 }],
      subsystemVendorId: null,
      subsystemId: null,
      typeNumber: null,
      kind: null,
    });
    expect(describeImage(cut(bridge, 0x19)).buses).toEqual({
      primary: 1,
      secondary: null,
      subordinate: null,
    });
  });

  it('has neither BARs nor buses of a CardBus bridge', () => {
    const described = describeImage(changed(blk(), [0x0e, 0x82]));
    expect(described).toMatchObject({ header: 'cardBus', bars: [], buses: null, subsystemId: null });
    expect(described).toMatchObject({ typeNumber: null, kind: null });
  });

  it('has extended capabilities by name, with the fields of those that have a table', () => {
    const { extended, ends, knownBytes } = describeImage(dumped('sriov-layout-cap-pcie-2').image);
    expect(extended.map(({ offset, id, name }) => [offset, id, name])).toEqual([
      [0x100, 0x01, 'advancedErrorReporting'],
      [0x140, 0x03, 'deviceSerialNumber'],
      [0x150, 0x0e, 'alternativeRoutingId'],
      [0x160, 0x10, 'singleRootIov'],
    ]);
    expect(extended[0]!.fields).toEqual({});
    expect(extended[3]!.fields).toMatchObject({ initialVfs: 8, totalVfs: 8, numVfs: 1, vfDeviceId: 0x10ca });
    expect({ ends, knownBytes }).toEqual({
      ends: { capabilities: 'end', extended: 'end' },
      knownBytes: 4096,
    });
  });

  it.each([
    ['mmr-2023', 'virtio mmr-2023'],
    // Its capability is the same.
    ['mmr-fixed-vectors', 'virtio mmr-2023'],
    ['mmr-bare-capability', 'virtio mmr-bare-capability'],
  ])('reads the capability of an MMR function by the draft that it follows: %s', (name, shown) => {
    const { pci } = mmrFunction(new EntropyDevice(), { draft: drafts[name]! });
    const bytes = imageOf(pci, 4096);
    const described = describeImage(ConfigImage.of(bytes));
    expect(described).toMatchObject({ kind: 'mmr', typeNumber: 4, device: 'virtio-rng' });
    expect(described.extended.map((each) => [each.offset, each.id, each.name])).toEqual([
      [0x100, 0xb, shown],
    ]);
    // The bare encoding's places are not aligned, and are read a byte each.
    expect(described.extended[0]!.fields).toMatchObject({ bar: 0, offset: 0x1000, length: 24 });
    const foreign = describeImage(changed(ConfigImage.of(bytes), ...otherMaker));
    expect(foreign.extended[0]).toMatchObject({ offset: 0x100, name: 'vendorSpecific' });
    expect(Object.keys(foreign.extended[0]!.fields)).toEqual(['vendorHeader']);
  });
});
