import { describe, expect, it } from 'vitest';
import { lengthOf } from '../../src/core/index.ts';
import { ConfigSpace } from '../../src/pci/index.ts';
import { EXTENDED_BYTES, sriovCapability } from '../../src/pci/layout/index.ts';
import { describeImage } from '../../src/trace/index.ts';
import { dumped, dumpNames } from './support.ts';

/** Capabilities of real hardware, as the pciutils keep them for their own tests. */
const capabilities = dumpNames.flatMap((name) => {
  const { image } = dumped(name);
  const { extended } = describeImage(image);
  return extended
    .filter((each) => each.name === 'singleRootIov')
    .map(({ offset, fields }) => ({ name, image, offset, fields }));
});

describe("an SR-IOV capability of real hardware's", () => {
  it('is in the dumps of those that have one', () => {
    expect(capabilities.map(({ name }) => name)).toEqual([
      'sriov-layout-cap-dvsec-cxl',
      'sriov-layout-cap-pcie-2',
      'sriov-layout-cap-phy32',
    ]);
  });

  it.each(capabilities)('is read, and laid down again is the same byte for byte: $name', (each) => {
    const { image, offset, fields } = each;
    const space = new ConfigSpace(EXTENDED_BYTES);
    const { bar, header, ...registers } = sriovCapability;
    const values = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value!]));
    space.place(registers, offset, values);
    space.set(offset + header.offset, 4, image.read(offset, 4));
    for (let index = 0; index < bar.count; index++)
      space.set(offset + bar.offset + 4 * index, 4, values[`bar${index}`]!);
    const bytes = (read: (at: number, width: 1) => number) =>
      Array.from({ length: lengthOf(sriovCapability) }, (_, i) => read(offset + i, 1));
    expect(bytes((at, width) => space.read(at, width))).toEqual(bytes(image.read));
  });

  it.each([
    ['sriov-layout-cap-dvsec-cxl', { totalVfs: 6, firstVfOffset: 16, vfStride: 2, vfDeviceId: 0x0d52 }],
    ['sriov-layout-cap-pcie-2', { totalVfs: 8, firstVfOffset: 384, vfStride: 2, bar0: 0xd2840004 }],
    ['sriov-layout-cap-phy32', { totalVfs: 64, firstVfOffset: 32, vfStride: 1, systemPageSize: 1 }],
  ])('says what it says: %s', (name, expected) => {
    expect(capabilities.find((each) => each.name === name)!.fields).toMatchObject(expected);
  });
});
