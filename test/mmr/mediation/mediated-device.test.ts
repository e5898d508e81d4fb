import { describe, expect, it } from 'vitest';
import { HeldScheduler } from '../../../src/core/index.ts';
import {
  BlockDriver,
  EntropyDriver,
  NetworkDriver,
  networkDriverFeatures,
} from '../../../src/driver/index.ts';
import { fullMediation, type Mediation } from '../../../src/mmr/index.ts';
import { ReceiveFilter } from '../../../src/virtio/devices/network/filter.ts';
import {
  BlockDevice,
  EntropyDevice,
  feature,
  linuxParentPolicy,
  MemoryStorage,
  NetworkDevice,
  SeededEntropy,
} from '../../../src/virtio/index.ts';
import { networkFeature } from '../../../src/virtio/layout/index.ts';
import { listeningLink, mediate } from './support.ts';

const guests = [
  { guest: 'legacy', order: 'little' },
  { guest: 'legacy', order: 'big' },
  { guest: 'modern', order: 'little' },
] as const;
const parents = [
  { parent: 'split', transportFeatures: [feature.ringIndirectDescriptors, feature.ringEventIndex] },
  { parent: 'packed', transportFeatures: [feature.ringPacked] },
] as const;
const rings: readonly Mediation['rings'][] = ["the mediator's", "the mediator's for legacy guests"];

const cases = guests.flatMap((guest) =>
  parents.flatMap((parent) => rings.map((each) => ({ ...guest, ...parent, rings: each }))),
);

const pattern = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => i * 7 + seed);
const FRAME = Uint8Array.from({ length: 90 }, (_, i) => (i < 6 ? 0xff : i));

describe.each(cases)('a $guest guest, $order-endian, on a parent of $parent rings; $rings', (row) => {
  const { guest, order, transportFeatures } = row;
  const options = {
    guestOrder: order,
    packed: row.parent === 'packed',
    transportFeatures,
    mediation: { ...fullMediation, rings: row.rings },
  };
  const transport = (world: ReturnType<typeof mediate>) => world[guest]();

  it('writes a disk and reads it back', async () => {
    const disk = pattern(64 * 512, 3);
    const world = mediate(
      new BlockDevice({ storage: new MemoryStorage(disk), serial: 'of the parent' }),
      options,
    );
    const driver = new BlockDriver(transport(world), world.memory());
    expect(driver.capacity).toBe(64);
    const data = pattern(2048, 99);
    for (let i = 0; i < 40; i++) await driver.write(5, data);
    expect(disk.subarray(5 * 512, 9 * 512)).toEqual(data);
    expect(await driver.read(5, 4)).toEqual(data);
    expect(await driver.read(63, 1)).toEqual(pattern(64 * 512, 3).subarray(63 * 512));
    await driver.writeZeroes([{ sector: 6, sectors: 2 }]);
    expect(await driver.read(5, 3)).toEqual(Uint8Array.of(...data.subarray(0, 512), ...new Uint8Array(1024)));
    expect(await driver.getId()).toBe('of the parent');
    driver.close();
  });

  it.each([true, false])('sends frames and gets them, MRG_RXBUF %s', async (merge) => {
    const { link, sent } = listeningLink();
    const frames: Uint8Array[] = [];
    const device = new NetworkDevice({ link });
    const world = mediate(device, options);
    const features = networkDriverFeatures.filter((bit) => merge || bit !== networkFeature.mergeableBuffers);
    const driver = new NetworkDriver(transport(world), world.memory(), {
      features,
      ...(merge ? { bufferBytes: 64 } : {}),
      onFrame: (frame) => frames.push(frame),
    });
    for (let i = 0; i < 20; i++) {
      await driver.send(FRAME);
      expect(device.receive(FRAME, 0, FRAME.length, null)).toBe(true);
    }
    await driver.commands!.setMacTable([Uint8Array.of(2, 1, 1, 1, 1, 1)], [Uint8Array.of(1, 2, 3, 4, 5, 6)]);
    await driver.commands!.setVlan(5, true);
    const filter = new ReceiveFilter();
    filter.reset(device.macAddress);
    filter.setTables(Uint8Array.of(2, 1, 1, 1, 1, 1), 1, Uint8Array.of(1, 2, 3, 4, 5, 6), 1);
    filter.setVlan(5, true);
    expect(device.filter.save()).toEqual(filter.save());
    expect(sent).toEqual(new Array(20).fill(FRAME));
    expect(frames).toEqual(new Array(20).fill(FRAME));
    driver.close();
  });

  it('reads random bytes', async () => {
    const world = mediate(new EntropyDevice({ source: new SeededEntropy(7) }), options);
    const driver = new EntropyDriver(transport(world), world.memory());
    const wanted = new Uint8Array(100);
    new SeededEntropy(7).fill(wanted);
    expect(await driver.read(100)).toEqual(wanted);
    driver.close();
  });
});

describe('a guest that has its rings on the parent itself', () => {
  const honest = (order: 'little' | 'big') => ({
    guestOrder: order,
    orders: 'both' as const,
    policy: { ...linuxParentPolicy, order: 'a call' as const, config: 'driver' as const },
    mediation: { ...fullMediation, legacyFeatures: 'as they are' as const, rings: "the guest's" as const },
  });

  it.each(['little', 'big'] as const)('has nothing in between: %s-endian', async (order) => {
    const disk = new Uint8Array(64 * 512);
    const world = mediate(new BlockDevice({ storage: new MemoryStorage(disk) }), honest(order));
    const driver = new BlockDriver(world.legacy(), world.memory());
    expect(driver.capacity).toBe(64);
    await driver.write(5, pattern(1024, 8));
    expect(disk.subarray(5 * 512, 7 * 512)).toEqual(pattern(1024, 8));
    expect(world.mediated.counts.chains).toBe(0);
    driver.close();
    const again = new BlockDriver(world.legacy(), world.memory());
    expect(await again.read(5, 2)).toEqual(pattern(1024, 8));
  });

  it('leaves no trace of writes in a log of the guest, where a shadow does', async () => {
    for (const [rings, logged] of [
      ["the guest's", 0],
      ["the mediator's", 2],
    ] as const) {
      const device = new EntropyDevice({ source: new SeededEntropy(7) });
      const world = mediate(device, { mediation: { ...fullMediation, rings } });
      const driver = new EntropyDriver(world.modern(), world.memory());
      const log = world.log();
      await driver.read(4096);
      expect(log.take().length).toBe(logged);
    }
  });
});

describe('the address of a legacy network guest', () => {
  it('is written into a register, and reaches the parent by a command', async () => {
    const { link } = listeningLink();
    const device = new NetworkDevice({ link });
    const world = mediate(device);
    const transport = world.legacy();
    const driver = new NetworkDriver(transport, world.memory(), { features: [networkFeature.mac] });
    for (const [i, byte] of [2, 4, 6, 8, 10, 12].entries()) transport.writeConfig(i, 1, byte);
    expect([...device.macAddress]).toEqual([2, 4, 6, 8, 10, 12]);
    expect(transport.readConfig(5, 1)).toBe(12);
    driver.close();
  });
});

describe('a mediated function', () => {
  it.each(["the guest's", "the mediator's"] as const)(
    'goes on with what was in flight where its state is loaded: %s rings',
    async (rings) => {
      const mediation = { ...fullMediation, rings };
      const scheduler = new HeldScheduler();
      const idle = new Uint8Array(64 * 512);
      const world = mediate(new BlockDevice({ storage: new MemoryStorage(idle) }), { mediation, scheduler });
      const driver = new BlockDriver(world.modern(), world.memory());
      const answers = [1, 2, 3].map((sector) => driver.write(sector, pattern(512, sector)));
      for (const answer of answers) answer.catch(() => {});
      const state = structuredClone(world.machine.save());
      expect(idle.every((byte) => byte === 0)).toBe(true);

      const disk = new Uint8Array(64 * 512);
      const other = mediate(new BlockDevice({ storage: new MemoryStorage(disk) }), { mediation });
      other.machine.load(state);
      for (const sector of [1, 2, 3])
        expect(disk.subarray(sector * 512, (sector + 1) * 512)).toEqual(pattern(512, sector));
      const { functions } = other.machine.save() as never as { functions: unknown };
      const again = mediate(new BlockDevice({ storage: new MemoryStorage(disk) }), { mediation });
      again.machine.load(structuredClone(other.machine.save()));
      expect((again.machine.save() as never as { functions: unknown }).functions).toEqual(functions);
    },
  );
});
