import { describe, expect, it, test } from 'vitest';
import { registers, ro } from '../../src/core/index.ts';
import { FunctionConfig, findFunction } from '../../src/driver/index.ts';
import {
  CapabilitySpaceError,
  capabilityHeader,
  extendedHeader,
  packExtendedHeader,
  packVendorHeader,
  unpackExtendedHeader,
  unpackVendorHeader,
} from '../../src/pci/index.ts';
import { at, bareFunction, SLOT, smallMachine } from './support.ts';

const small = registers({ ...capabilityHeader, body: ro(2, 1, '', { reset: 0x5a }) });
const wide = registers({ ...extendedHeader, body: ro(4, 4) });

describe('the ordinary capability list (PCI-CAP-15, PCI-CAP-16)', () => {
  it('links capabilities in the order of adding, aligned to four bytes, and raises the status bit', () => {
    const { capabilities, config } = bareFunction();
    expect(config.read(at.status, 2) & 0x10).toBe(0);
    const offsets = [capabilities.add(0x09, small, {}), capabilities.add(0x05, small, { body: 1 }, 9)];
    offsets.push(capabilities.add(0x09, small, {}));
    expect(offsets).toEqual([0x40, 0x44, 0x50]);
    expect(capabilities.offsets).toEqual(offsets);
    expect(config.read(at.capabilities, 1)).toBe(0x40);
    expect(offsets.map((offset) => config.read(offset, 2))).toEqual([0x4409, 0x5005, 0x0009]);
    expect(offsets.map((offset) => config.read(offset + 2, 1))).toEqual([0x5a, 1, 0x5a]);
    expect(config.read(at.status, 2) & 0x10).toBe(0x10);
    config.write(at.capabilities, 1, 0);
    config.write(0x40, 2, 0);
    expect([config.read(at.capabilities, 1), config.read(0x40, 2)]).toEqual([0x40, 0x4409]);
  });

  it('takes 192 bytes and no more', () => {
    const { capabilities } = bareFunction();
    capabilities.add(0x09, small, {}, 188);
    expect(() => capabilities.add(0x09, small, {}, 5)).toThrow(CapabilitySpaceError);
    expect(() => capabilities.add(0x09, small, {}, 5)).toThrow(
      expect.objectContaining({ capability: 0x09, lengthBytes: 5 }),
    );
    expect(capabilities.add(0x09, small, {}, 4)).toBe(0xfc);
  });
});

describe('the extended capability list', () => {
  it('links headers by 12-bit pointers from 0x100 on', () => {
    const { config, extendedCapabilities } = bareFunction({ express: true });
    expect(extendedCapabilities.add(0x0b, 1, wide, { body: 7 })).toBe(0x100);
    expect(extendedCapabilities.add(0x1234, 0xf, wide, {})).toBe(0x108);
    expect([config.read(0x100, 4), config.read(0x104, 4), config.read(0x108, 4)]).toEqual([
      0x1081000b, 7, 0x000f1234,
    ]);
  });

  it('wants a PCI Express function, and room', () => {
    expect(() => bareFunction().extendedCapabilities.add(0x0b, 1, wide, {})).toThrow(/PCI Express/);
    const { extendedCapabilities } = bareFunction({ express: true });
    const huge = registers({ ...extendedHeader, body: ro(4, 4, '', { count: 959 }) });
    extendedCapabilities.add(1, 1, huge, {});
    expect(() => extendedCapabilities.add(2, 1, wide, {})).toThrow(/no room/);
  });

  test.each([
    [0x000b, 1, 0, 0x0001000b],
    [0xffff, 0xf, 0xffc, 0xffcfffff],
    [0x0010, 2, 0x148, 0x14820010],
  ])('packs and unpacks header dwords: id %d', (id, version, next, header) => {
    expect(packExtendedHeader(id, version, next)).toBe(header);
    expect(unpackExtendedHeader(header)).toEqual({ id, version, next });
    expect(packVendorHeader(id, version, next)).toBe(header);
    expect(unpackVendorHeader(header)).toEqual({ vsecId: id, revision: version, length: next });
  });
});

/** Lists that no sound function has; software must come to an end with all of them. */
describe('malformed capability lists', () => {
  const ordinary: readonly [string, (at: readonly number[]) => [pointer: number, next: number], number[]][] =
    [
      ['a capability that points at itself', ([, second]) => [second! + 1, second!], [0x40, 0x44]],
      ['the last one pointing at the first', ([first, , third]) => [third! + 1, first!], [0x40, 0x44, 0x48]],
      ['a pointer into the header', ([, second]) => [second! + 1, 0x10], [0x40, 0x44]],
      ['a pointer with its low bits set', ([first, , third]) => [first! + 1, third! | 3], [0x40, 0x48]],
      ['a start in the header', () => [at.capabilities, 0x3c], []],
      ['a pointer at the last dword', ([, second]) => [second! + 1, 0xfc], [0x40, 0x44, 0xfc]],
    ];
  test.each(ordinary)('%s: the driver and the translator both end', (_, breakIt, found) => {
    const fn = bareFunction();
    const offsets = [1, 2, 3].map((id) => fn.capabilities.add(id, small, {}));
    fn.capabilities.link(...breakIt(offsets));
    const machine = smallMachine();
    machine.plug(fn, SLOT);
    expect(findFunction(machine, SLOT)!.capabilities.map(({ offset }) => offset)).toEqual(found);
    const host = new FunctionConfig(machine, SLOT);
    expect(host.findCapability(0x77)).toBe(0);
    if (found.includes(0x44)) expect(host.findCapability(2)).toBe(0x44);
  });

  const extended: readonly [string, number, number[]][] = [
    ['a capability that points at itself', 0x108, [0x100, 0x108]],
    ['one that points back', 0x100, [0x100, 0x108]],
    ['a pointer into ordinary space', 0x40, [0x100, 0x108]],
    ['a pointer with its low bits set', 0x113, [0x100, 0x108, 0x110]],
    ['a pointer at empty space', 0xf00, [0x100, 0x108]],
  ];
  test.each(extended)('extended, %s: the driver and the translator both end', (_, next, found) => {
    const fn = bareFunction({ express: true });
    for (const id of [0x0b, 0x0c, 0x0b]) fn.extendedCapabilities.add(id, 1, wide, {});
    fn.extendedCapabilities.link(0x108, next);
    const machine = smallMachine();
    machine.plug(fn, SLOT);
    expect(findFunction(machine, SLOT)!.extended.map(({ offset }) => offset)).toEqual(found);
    const seen = [...new FunctionConfig(machine, SLOT).extendedCapabilities()].filter(
      ({ id }) => id === 0x0b,
    );
    expect(seen.map(({ offset }) => offset)).toEqual(found.filter((offset) => offset !== 0x108));
  });

  it('a function without capabilities has an empty list, whatever its pointer says', () => {
    const fn = bareFunction();
    fn.config.set(at.capabilities, 1, 0x40);
    const machine = smallMachine();
    machine.plug(fn, SLOT);
    expect(findFunction(machine, SLOT)).toMatchObject({ capabilities: [], extended: [] });
  });
});
