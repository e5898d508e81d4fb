import { describe, expect, it } from 'vitest';
import { registers, rw, StateMismatchError } from '../../../src/core/index.ts';
import { DeviceConfig, virtioFunction } from '../../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

const probe = () =>
  new Probe({
    type: 'block',
    queueSizes: [8],
    config: new DeviceConfig(registers({ wide: rw(0, 8), half: rw(8, 2), byte: rw(10, 1) })),
  });

/** Widths of fields by offset, as the specification has them; 1 wherever no field begins. */
const widths = (bytes: number, fields: Readonly<Record<number, number>>) =>
  Array.from({ length: bytes }, (_, offset) => fields[offset] ?? 1);

const legacyFields = { 0: 4, 4: 4, 8: 4, 12: 2, 14: 2, 16: 2 };
const commonFields = {
  ...{ 0: 4, 4: 4, 8: 4, 12: 4, 16: 2, 18: 2, 22: 2, 24: 2, 26: 2, 28: 2, 30: 2 },
  ...{ 32: 4, 36: 4, 40: 4, 44: 4, 48: 4, 52: 4, 56: 2, 58: 2, 60: 2, 62: 2 },
};

describe('what a machine asks that splits accesses: how wide the field is that begins at an offset', () => {
  it('of a legacy block, by its MSI-X', () => {
    const guest = new LegacyGuest(probe());
    const bar0 = guest.function.pci.bars.find(({ index }) => index === 0)!;
    const of = () => Array.from({ length: 24 }, (_, at) => bar0.widthAt(at));
    expect(of()).toEqual(widths(24, legacyFields));
    guest.enableMsix();
    expect(of()).toEqual(widths(24, { ...legacyFields, 20: 2, 22: 2 }));
  });

  it('of the modern structures', () => {
    const guest = new ModernGuest(probe());
    const bar = guest.function.pci.bars.find(({ index }) => index === 4)!;
    const of = (type: number, bytes: number) => {
      const start = guest.structure(type) - guest.bar(4);
      return Array.from({ length: bytes }, (_, at) => bar.widthAt(start + at));
    };
    expect(of(1, 64)).toEqual(widths(64, commonFields));
    // A field of 64 bits is two of 32.
    expect(of(4, 12)).toEqual(widths(12, { 0: 4, 4: 4, 8: 2 }));
  });
});

it('LEG-VQ-02: a ring beyond what page numbers reach shows the lower 32 bits of its own', () => {
  const guest = new ModernGuest(probe());
  const ports = guest.bar(0);
  guest.block.set('queueSelect', 0);
  guest.block.set('queueDescriptorLow', 0x5000);
  guest.block.set('queueDescriptorHigh', 0x1003);
  expect(guest.machine.ioRead(ports + 8, 4)).toBe(0x00300005);
});

it('PCI-CFGW-05: vendor data are no structure, whatever place their bytes would name', () => {
  // Behind vendor id and two bytes: an offset and a length, as other capabilities have them; the id's low byte is BAR 1, which has MSI-X.
  const bytes = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0x08, 0, 0]);
  const guest = new ModernGuest(probe(), { vendorData: [{ vendorId: 0x1201, bytes }] });
  const window = guest.found.capabilities.find(
    ({ id, offset }) => id === 9 && guest.config.read(offset + 3, 1) === 5,
  )!.offset;
  guest.clauses();
  guest.config.write(window + 4, 1, 1);
  guest.config.write(window + 8, 4, 0);
  guest.config.write(window + 12, 4, 4);
  guest.config.read(window + 16, 4);
  expect(guest.clauses()).toEqual(['PCI-CFGW-05']);
});

it('a state whose pin does not go with its ISR is refused', () => {
  const fn = virtioFunction(probe(), { kind: 'legacy' }).pci;
  const state = structuredClone(fn.save()) as unknown as {
    pinLevel: boolean;
    config: Uint8Array;
  };
  state.pinLevel = true;
  // As the status register would show.
  state.config[6]! |= 8;
  const load = () => fn.load(state as never);
  expect(load).toThrow(StateMismatchError);
  expect(load).toThrow(expect.objectContaining({ part: 'function virtio-blk.pinLevel', expected: 'false' }));
});
