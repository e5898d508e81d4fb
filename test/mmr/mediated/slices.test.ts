import { describe, expect, it } from 'vitest';
import { DmaDomain, functionAddress } from '../../../src/core/index.ts';
import { type BlockDriver, runFirmware } from '../../../src/driver/index.ts';
import {
  NoInstanceLeftError,
  ParentOptionError,
  SliceExistsError,
  SliceUseError,
  UnknownSliceError,
  UnknownSliceTypeError,
  UuidError,
  ways,
} from '../../../src/mmr/index.ts';
import { PlaceError } from '../../../src/pci/index.ts';
import { blockType, driverOf, guestMachine, ParentLab, SLICE, uuidOf } from './support.ts';

const ONE = 'virtiolab-block-1';
/** Reads and writes, and leaves the disk as it was. */
async function works(driver: BlockDriver): Promise<void> {
  expect(await driver.read(1, 1)).toEqual(new Uint8Array(512).fill(7));
  for (const byte of [0xa5, 7]) {
    await driver.write(2, new Uint8Array(512).fill(byte));
    expect(await driver.read(2, 1)).toEqual(new Uint8Array(512).fill(byte));
  }
}

const FOUR = 'virtiolab-block-4';

describe('types of slices', () => {
  it('have as many instances as queues are left, whatever slices took them', () => {
    const { parent } = new ParentLab({ queues: 20 });
    expect([parent.available(ONE), parent.available(FOUR)]).toEqual([10, 4]);
    parent.create(FOUR, uuidOf(1));
    expect([parent.available(ONE), parent.available(FOUR)]).toEqual([7, 3]);
    parent.create(ONE, uuidOf(2));
    expect([parent.available(ONE), parent.available(FOUR)]).toEqual([6, 2]);
    parent.remove(uuidOf(1));
    expect([parent.available(ONE), parent.available(FOUR)]).toEqual([9, 3]);
  });

  it('have fewer where slots or PASIDs are scarce, or the host takes queues for itself', () => {
    expect(new ParentLab({ queues: 20, slots: 6 }).parent.available(ONE)).toBe(3);
    expect(new ParentLab({ queues: 20, pasids: 2 }).parent.available(ONE)).toBe(2);
    const { parent } = new ParentLab({ queues: 20 });
    const giveBack = parent.reserve(10);
    expect(parent.available(ONE)).toBe(5);
    expect(() => parent.reserve(11)).toThrow(NoInstanceLeftError);
    giveBack();
    giveBack();
    expect(parent.available(ONE)).toBe(10);
  });

  it('are refused with names and words that no file can have', () => {
    const of = (change: object) => () => new ParentLab({ types: [{ ...blockType(1), ...change }] });
    for (const change of [
      { name: 'a/b' },
      { name: '' },
      { title: 'größer' },
      { description: 'a\nb' },
      { queues: 0 },
    ])
      expect(of(change)).toThrow(ParentOptionError);
    expect(() => new ParentLab({ types: [blockType(1), blockType(1)] })).toThrow(ParentOptionError);
  });

  it('that vanished make no slices, and leave those that are there', async () => {
    const lab = new ParentLab();
    const guest = lab.guest(3);
    lab.parent.removeType(ONE);
    expect(() => lab.parent.create(ONE, uuidOf(4))).toThrow(UnknownSliceTypeError);
    expect(() => lab.parent.available(ONE)).toThrow(UnknownSliceTypeError);
    expect(await driverOf(guest).read(0, 1)).toEqual(new Uint8Array(512).fill(3));
  });
});

describe('a slice', () => {
  it('is made by a UUID of its own, in either case, and once', () => {
    const { parent } = new ParentLab({ queues: 4 });
    const uuid = 'ABCDEF00-0000-4000-8000-00000000000a';
    expect(parent.create(ONE, uuid).uuid).toBe(uuid.toLowerCase());
    expect(() => parent.create(ONE, uuid.toLowerCase())).toThrow(SliceExistsError);
    for (const text of ['', 'x', `${uuid} `, uuid.slice(1), uuid.replaceAll('-', ''), uuid.replace('a', 'ä')])
      expect(() => parent.create(ONE, text)).toThrow(UuidError);
    parent.create(ONE, uuidOf(2));
    expect(() => parent.create(ONE, uuidOf(3))).toThrow(NoInstanceLeftError);
    expect(() => parent.remove(uuidOf(3))).toThrow(UnknownSliceError);
  });

  it.each([
    ['modern, messages', (lab: ParentLab) => driverOf(lab.guest(7))],
    ['modern, the pin', (lab: ParentLab) => driverOf(lab.guest(7), true)],
    ['modern, posted', (lab: ParentLab) => driverOf(lab.guest(7, ONE, { posted: true }))],
    ['modern, four queues', (lab: ParentLab) => driverOf(lab.guest(7, FOUR))],
    ['modern, slots in memory', () => driverOf(new ParentLab({ slotMemory: 0x8000 }).guest(7))],
  ])('serves a driver that knows nothing of it: %s', async (_way, driver) => {
    await works(driver(new ParentLab()));
  });

  it.each(['modern-shim', 'io-bar', 'mmr'] as const)(
    'serves a legacy driver that knows nothing of it, by the way %s',
    async (way) => {
      for (const intx of [false, true]) {
        const lab = new ParentLab({ types: [blockType(1, ways[way].build as never)] });
        await works(driverOf(lab.legacyGuest(7, way), intx));
      }
    },
  );

  it('is told of by handlers of the host, or past them, and both are counted', async () => {
    const lab = new ParentLab();
    const [by, past] = [lab.guest(1), lab.guest(2, ONE, { posted: true })];
    for (const guest of [by, past]) await driverOf(guest).read(0, 1);
    const counts = [1, 2].map((n) => lab.parent.slice(uuidOf(n)).counts);
    expect(counts).toEqual([
      { delivered: 1, posted: 0 },
      { delivered: 0, posted: 1 },
    ]);
    expect(lab.device.counts).toEqual({ delivered: 1, posted: 1, written: 0, dropped: 0 });
    lab.parent.setPosted(uuidOf(1), true);
    await driverOf(by).read(0, 1);
    expect(lab.parent.slice(uuidOf(1)).counts.posted).toBe(1);
  });

  it('is attached once, all or nothing, and is as new for the next guest', async () => {
    const lab = new ParentLab();
    const guest = lab.guest(1);
    const { parent } = lab;
    const free = parent.messages.free;
    expect(() => parent.attach(uuidOf(1), guestMachine(), SLICE)).toThrow(SliceUseError);
    parent.create(ONE, uuidOf(2));
    expect(() => parent.attach(uuidOf(2), guest, SLICE)).toThrow(PlaceError);
    expect(() => parent.detach(uuidOf(2))).toThrow(SliceUseError);
    expect(parent.messages.free).toBe(free);
    await driverOf(guest).read(0, 1);
    parent.detach(uuidOf(1));
    expect(guest.configRead(SLICE, 0, 2)).toBe(0xffff);
    const next = guestMachine();
    parent.attach(uuidOf(1), next, SLICE);
    expect(next.configRead(SLICE, 4, 2)).toBe(0);
    parent.remove(uuidOf(1), 'abort');
    expect([parent.messages.free, parent.count]).toEqual([free + 2, 1]);
  });

  it('of thousands costs a name until somebody looks at it', async () => {
    const lab = new ParentLab({ queues: 8192, pasids: 4096, types: [blockType(1)] });
    for (let n = 0; n < 4096; n++) lab.parent.create(ONE, uuidOf(n));
    expect([lab.parent.count, lab.parent.available(ONE)]).toEqual([4096, 0]);
    expect(() => lab.parent.create(ONE, uuidOf(5000))).toThrow(NoInstanceLeftError);
    expect([...lab.parent.slices].some(({ made }) => made)).toBe(false);
    for (const n of [1, 4095]) {
      const guest = guestMachine();
      lab.parent.attach(uuidOf(n), guest, SLICE);
      runFirmware(guest);
      expect(await driverOf(guest).read(0, 1)).toEqual(new Uint8Array(512).fill(n & 0xff));
    }
    expect([...lab.parent.slices].filter(({ made }) => made)).toHaveLength(2);
  });

  it('reaches the memory that it was given, and no other', async () => {
    const lab = new ParentLab();
    const guest = guestMachine();
    lab.parent.create(ONE, uuidOf(1));
    const domain = new DmaDomain(guest.ram, [{ start: 0, length: 0x8000, write: true }]);
    lab.parent.attach(uuidOf(1), guest, functionAddress(0, 5), { domain });
    runFirmware(guest);
    await expect(Promise.race([driverOf(guest).read(0, 1), Promise.resolve('nothing comes')])).resolves.toBe(
      'nothing comes',
    );
  });
});
