import { describe, expect, it, test } from 'vitest';
import type { Width } from '../../src/core/index.ts';
import type { PciFunction } from '../../src/pci/index.ts';
import { EntropyDevice, virtioFunction } from '../../src/virtio/index.ts';
import { addScratch, bareFunction, configOf, SLOT, smallMachine } from './support.ts';

/** Offsets that PCI Express 5.0, section 7.5.3, gives; the capability is the first one. */
const CAP = 0x40;
const at = {
  capabilities: CAP + 0x02,
  deviceCapabilities: CAP + 0x04,
  deviceControl: CAP + 0x08,
  deviceStatus: CAP + 0x0a,
  linkCapabilities: CAP + 0x0c,
  linkControl: CAP + 0x10,
  linkStatus: CAP + 0x12,
  deviceCapabilities2: CAP + 0x24,
  deviceControl2: CAP + 0x28,
} as const;

function plugged(prepare: (fn: PciFunction) => void = () => {}) {
  const machine = smallMachine();
  const fn = bareFunction({ express: true });
  prepare(fn);
  machine.plug(fn, SLOT);
  return { fn, ...configOf(machine) };
}

const integrated = (fn: PciFunction) => void addScratch(fn, 0, 'memory32', 4096, 16);
const withPorts = (fn: PciFunction) => {
  addScratch(fn, 0, 'memory32', 4096, 16);
  addScratch(fn, 2, 'io', 32);
};

type Row = readonly [name: string, offset: number, width: Width, reset: number, allOnes: number];

/** What both kinds of function have: value after reset, and after all ones were written. */
const common: Row[] = [
  ['command', 0x04, 2, 0x0000, 0x0547],
  ['cache line size', 0x0c, 1, 0, 0xff],
  ['latency timer', 0x0d, 1, 0, 0],
  ['minimum grant and maximum latency', 0x3e, 2, 0, 0],
  ['device capabilities', at.deviceCapabilities, 4, 0x10008000, 0x10008000],
  ['device control', at.deviceControl, 2, 0x2810, 0x781f],
  ['device status', at.deviceStatus, 2, 0, 0],
  ['device capabilities 2', at.deviceCapabilities2, 4, 0x10, 0x10],
  ['device control 2', at.deviceControl2, 2, 0, 0x10],
];

describe('a PCI Express function (PCI Express 5.0, section 7.5)', () => {
  test.each<Row>([
    ...common,
    ['Express capabilities', at.capabilities, 2, 0x0092, 0x0092],
    ['link capabilities', at.linkCapabilities, 4, 0, 0],
    ['link control', at.linkControl, 2, 0, 0],
    ['link status', at.linkStatus, 2, 0, 0],
  ])('is an integrated endpoint without I/O: %s', (_, offset, width, reset, allOnes) => {
    const { read, write } = plugged(integrated);
    expect(read(offset, width)).toBe(reset);
    // All but the bit of device control that starts a reset.
    write(offset, width, offset === at.deviceControl ? 0x7fff : 2 ** (8 * width) - 1);
    expect(read(offset, width)).toBe(allOnes);
  });

  test.each<Row>([
    ...common,
    ['Express capabilities', at.capabilities, 2, 0x0012, 0x0012],
    ['link capabilities', at.linkCapabilities, 4, 0x00400011, 0x00400011],
    ['link control', at.linkControl, 2, 0, 0xc3],
    ['link status', at.linkStatus, 2, 0x0011, 0x0011],
  ])('is a legacy endpoint with I/O (section 1.3.2): %s', (_, offset, width, reset, allOnes) => {
    const { read, write } = plugged(withPorts);
    expect(read(offset, width)).toBe(reset);
    write(offset, width, offset === at.deviceControl ? 0x7fff : 2 ** (8 * width) - 1);
    expect(read(offset, width)).toBe(allOnes);
  });

  it('has all of that again after a function-level reset', () => {
    const { read, write } = plugged(withPorts);
    for (const offset of [at.deviceControl, at.linkControl, at.deviceControl2]) write(offset, 2, 0x7fff);
    write(at.deviceControl, 2, 0x8000);
    expect(
      [at.capabilities, at.deviceControl, at.linkControl, at.linkStatus, at.deviceControl2].map((offset) =>
        read(offset, 2),
      ),
    ).toEqual([0x0012, 0x2810, 0, 0x0011, 0]);
  });

  test.each([
    ['transitional', 0x0012],
    ['modern', 0x0092],
  ] as const)('around a virtio device says what its BARs ask for: %s', (kind, capabilities) => {
    const { pci } = virtioFunction(new EntropyDevice(), { kind, express: true });
    expect(pci.config.get(at.capabilities, 2)).toBe(capabilities);
  });
});

it('a conventional function has a latency timer and no Express capability', () => {
  const machine = smallMachine();
  machine.plug(bareFunction(), SLOT);
  const { read, write } = configOf(machine);
  write(0x0d, 1, 0x40);
  expect([read(0x0d, 1), read(0x34, 1), read(0x100, 4)]).toEqual([0x40, 0, 0xffffffff]);
});
