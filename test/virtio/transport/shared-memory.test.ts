import { describe, expect, it, test } from 'vitest';
import { detailLines } from '../../../src/cli/function-view.ts';
import { sharedMemoryOf, vendorDataOf } from '../../../src/driver/index.ts';
import { describeFunction } from '../../../src/trace/index.ts';
import { SharedMemoryError, VendorDataError, virtioFunction } from '../../../src/virtio/index.ts';
import { ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

const VENDOR = 0x1234;
const region = (id: number, length: number) => ({ id, bytes: new Uint8Array(length).fill(id) });

describe('shared memory', () => {
  const guestWith = (...sharedMemory: ReturnType<typeof region>[]) =>
    new ModernGuest(new Probe(), { kind: 'modern', vectors: 0, sharedMemory });

  it('PCI-SHM-01, PCI-SHM-02: each region has a capability, and lies apart in a BAR', () => {
    const guest = guestWith(region(7, 0x1800), region(0, 16), region(255, 0x1000));
    const found = sharedMemoryOf(guest.machine, guest.found);
    const bar = guest.found.bars.find(({ index }) => index === 2)!;
    expect([...found].map(([id, { address, length }]) => [id, address - bar.address, length])).toEqual([
      [7, 0, 0x1800],
      [0, 0x2000, 16],
      [255, 0x3000, 0x1000],
    ]);
    expect([bar.kind, bar.size]).toEqual(['memory64', 0x4000]);
  });

  it('PCI-CAP-15: the capability is 24 bytes long', () => {
    const guest = guestWith(region(3, 0x40));
    const { capability } = sharedMemoryOf(guest.machine, guest.found).get(3)!;
    expect([2, 3, 5].map((at) => guest.config.read(capability + at, 1))).toEqual([24, 8, 3]);
    expect([8, 12, 16, 20].map((at) => guest.config.read(capability + at, 4))).toEqual([0, 0x40, 0, 0]);
  });

  it('is memory for either side, at each width, and ends where it ends', () => {
    const shared = region(1, 6);
    const guest = guestWith(shared);
    const { address } = sharedMemoryOf(guest.machine, guest.found).get(1)!;
    guest.machine.memoryWrite(address, 4, 0x44332211);
    guest.machine.memoryWrite(address + 4, 2, 0x6655);
    guest.machine.memoryWrite(address + 1, 1, 0x99);
    expect([...shared.bytes]).toEqual([0x11, 0x99, 0x33, 0x44, 0x55, 0x66]);
    shared.bytes[2] = 0xab;
    expect(guest.machine.memoryRead(address, 4)).toBe(0x44ab9911);
    expect(guest.machine.memoryRead(address + 4, 2)).toBe(0x6655);
    guest.machine.memoryWrite(address + 4, 4, 0);
    expect(guest.machine.memoryRead(address, 1)).toBe(0x11);
  });

  it('is carried over in a saved state', () => {
    const guest = guestWith(region(1, 32));
    const fresh = guestWith({ id: 1, bytes: new Uint8Array(32) });
    fresh.machine.load(guest.machine.save());
    const { address } = sharedMemoryOf(fresh.machine, fresh.found).get(1)!;
    expect(fresh.machine.memoryRead(address + 28, 4)).toBe(0x01010101);
  });

  it('is none of a function that has none, nor of one without a modern window', () => {
    const plain = new ModernGuest(new Probe());
    expect(sharedMemoryOf(plain.machine, plain.found).size).toBe(0);
    const { pci } = virtioFunction(new Probe(), { kind: 'legacy', sharedMemory: [region(1, 16)] });
    expect(pci.bars.map(({ index }) => index)).toEqual([1, 0]);
  });

  test.each([
    ['an id twice', [region(1, 16), region(1, 16)]],
    ['an id of nine bits', [region(256, 16)]],
    ['no bytes', [region(1, 0)]],
  ])('with %s cannot be had', (_, sharedMemory) => {
    expect(() => virtioFunction(new Probe(), { kind: 'modern', sharedMemory })).toThrow(SharedMemoryError);
  });

  it('that leaves its BAR, or is in none, is passed over by the driver, as is a second of one id', () => {
    const guest = guestWith(region(1, 16), region(2, 16), region(3, 16), region(4, 16));
    const at = [...sharedMemoryOf(guest.machine, guest.found).values()].map(({ capability }) => capability);
    const { config } = guest.function.pci;
    config.set(at[0]! + 16, 4, 1);
    config.set(at[1]! + 4, 1, 6);
    config.set(at[3]! + 5, 1, 3);
    const found = sharedMemoryOf(guest.machine, guest.found);
    expect([...found].map(([id, { capability }]) => [id, capability])).toEqual([[3, at[2]]]);
  });
});

describe('vendor data', () => {
  const of = (vendorId: number, ...bytes: number[]) => ({ vendorId, bytes: Uint8Array.from(bytes) });
  const guestWith = (...vendorData: ReturnType<typeof of>[]) =>
    new ModernGuest(new Probe(), { kind: 'modern', vendorData });

  it('PCI-VND-02, PCI-VND-04: is shown by vendor, several of one too, each padded to a multiple of 4', () => {
    const guest = guestWith(of(VENDOR, 1, 2, 3), of(0x5678, 9), of(VENDOR));
    const texts = (vendor: number) =>
      vendorDataOf(guest.machine, guest.found, vendor).map((bytes) => [...bytes]);
    expect([texts(VENDOR), texts(0x5678), texts(0x1af4)]).toEqual([
      [
        [1, 2, 3, 0, 0, 0],
        [0, 0],
      ],
      [[9, 0]],
      [],
    ]);
    const lengths = guest.found.capabilities
      .filter(({ id, offset }) => id === 9 && guest.config.read(offset + 3, 1) === 9)
      .map(({ offset }) => guest.config.read(offset + 2, 1));
    expect(lengths).toEqual([12, 8, 8]);
  });

  it('PCI-VND-05: reads the same again, and is not written', () => {
    const guest = guestWith(of(VENDOR, 1, 2, 3));
    const { offset } = guest.found.capabilities.at(-1)!;
    guest.config.write(offset + 4, 4, 0xffffffff);
    expect([0, 1].map(() => guest.config.read(offset + 4, 4))).toEqual([0x02011234, 0x02011234]);
  });

  test.each([
    ["virtio's own vendor id (PCI-VND-03)", of(0x1af4)],
    ['no vendor id', of(-1)],
    ['a vendor id of 17 bits', of(0x10000)],
    ['more bytes than a capability has', of(VENDOR, ...Array<number>(247).fill(0))],
  ])('with %s cannot be had', (_, data) => {
    expect(() => guestWith(data)).toThrow(VendorDataError);
  });

  it('may fill a capability', () => {
    expect(() => guestWith(of(VENDOR, ...Array<number>(60).fill(1)))).not.toThrow();
  });
});

describe('what configuration space says', () => {
  it('is told in words', () => {
    const guest = new ModernGuest(new Probe(), {
      kind: 'modern',
      sharedMemory: [region(5, 0x2000)],
      vendorData: [{ vendorId: VENDOR, bytes: new Uint8Array(6) }],
    });
    const described = describeFunction(guest.machine, guest.found);
    const fields = (name: string) => described.capabilities.find((each) => each.name === name)!.fields;
    expect(fields('virtio sharedMemory')).toMatchObject({
      id: 5,
      bar: 2,
      offset: 0,
      length: 0x2000,
      offsetHigh: 0,
      lengthHigh: 0,
    });
    expect(fields('virtio vendor')).toMatchObject({ capabilityLength: 12, vendorId: VENDOR });
    const lines = detailLines(described, '').join('\n');
    expect(lines).toMatch(/virtio sharedMemory +region 5, BAR2 \+0x0, 8 KiB/);
    expect(lines).toMatch(/virtio vendor +of vendor 1234/);
  });
});
