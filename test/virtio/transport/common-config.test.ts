import { describe, expect, it, test } from 'vitest';
import { lengthOf, type Width } from '../../../src/core/index.ts';
import { commonConfig, feature, structureCapability, structureType } from '../../../src/virtio/index.ts';
import { BlockModel } from '../../core/register-model.ts';
import { ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';
import { legacyParts } from '../support/ring.ts';

const guestWith = (queueSizes: readonly number[] = [256, 0, 64]) =>
  new ModernGuest(new Probe({ features: [1], queueSizes }));

describe('the common configuration structure', () => {
  it('PCI-LAY-01: table and behaviour agree at every offset and width', () => {
    const { block } = guestWith();
    block.set('driverFeatureSelect', 1);
    block.set('driverFeature', 0x12345678);
    for (const [i, name] of (['queueDescriptorLow', 'queueDriverHigh', 'queueDeviceLow'] as const).entries())
      block.set(name, 0x01020304 * (i + 1));
    const values = Object.fromEntries(
      Object.entries(commonConfig).map(([name, { offset, width }]) => [
        name,
        block.readAt(offset, width as Width),
      ]),
    );
    const model = new BlockModel(commonConfig, values, lengthOf(commonConfig), 'zeros');
    for (let offset = 0; offset < 0x50; offset++)
      for (const width of [1, 2, 4] as const)
        expect(block.readAt(offset, width), `${width} bytes at ${offset}`).toBe(
          model.read(offset, width).value,
        );
    expect(block.readAt(0xffc, 4)).toBe(0);
  });

  it.each(Object.entries(commonConfig).filter(([, { access }]) => access === 'ro'))(
    'PCI-COM-18: %s cannot be written',
    (_, { offset, width }) => {
      const { block } = guestWith();
      const before = block.readAt(offset, width as Width);
      block.writeAt(offset, width as Width, ~before >>> 0);
      expect(block.readAt(offset, width as Width)).toBe(before);
    },
  );

  it('PCI-COM-14: shows nothing of a queue that does not exist, and takes nothing for it', () => {
    const { block } = guestWith();
    for (const queue of [1, 3, 0xffff]) {
      block.set('queueSelect', queue);
      for (const name of [
        'queueSize',
        'queueEnable',
        'queueDescriptorLow',
        'queueDeviceHigh',
        'queueMsixVector',
      ] as const)
        block.set(name, 1);
      expect([block.get('queueSelect'), block.get('queueSize'), block.get('queueEnable')]).toEqual([
        queue,
        0,
        0,
      ]);
      expect([
        block.get('queueDescriptorLow'),
        block.get('queueDeviceHigh'),
        block.get('queueMsixVector'),
      ]).toEqual([0, 0, 0xffff]);
      expect(block.get('queueNotifyOffset')).toBe(0xffff);
    }
    expect(block.get('numQueues')).toBe(3);
  });

  test.each([
    [64, 64, []],
    [1, 1, []],
    [256, 256, []],
    [0, 256, ['PCI-COM-20']],
    [100, 256, ['PCI-COM-20']],
    [512, 256, ['PCI-VQ-01']],
    [0x8000, 256, ['PCI-VQ-01']],
  ])('PCI-COM-15, PCI-COM-20: a queue size of %d is taken as %d', (written, size, clauses) => {
    const guest = guestWith();
    guest.block.set('queueSize', written);
    expect([guest.block.get('queueSize'), guest.clauses()]).toEqual([size, clauses]);
  });

  it('PCI-LAY-03: keeps each half of an address, by queue', () => {
    const { block } = guestWith();
    const names = [
      'queueDescriptorLow',
      'queueDescriptorHigh',
      'queueDriverLow',
      'queueDriverHigh',
      'queueDeviceLow',
      'queueDeviceHigh',
    ] as const;
    for (const queue of [0, 2])
      for (const [i, name] of [...names].reverse().entries()) {
        block.set('queueSelect', queue);
        block.set(name, 0xf0000000 + 16 * queue + i);
      }
    for (const queue of [0, 2]) {
      block.set('queueSelect', queue);
      expect([...names].reverse().map((name) => block.get(name))).toEqual(
        names.map((_, i) => 0xf0000000 + 16 * queue + i),
      );
    }
  });

  it('PCI-COM-21, PCI-COM-23: an enabled queue cannot be moved, resized or disabled, and trying is reported', () => {
    const guest = guestWith();
    guest.start([], [0], 32);
    guest.clauses();
    guest.block.set('queueDescriptorLow', 0x5000);
    guest.block.set('queueSize', 16);
    guest.block.set('queueEnable', 0);
    guest.block.set('queueEnable', 2);
    expect([
      guest.block.get('queueDescriptorLow'),
      guest.block.get('queueSize'),
      guest.block.get('queueEnable'),
    ]).toEqual([0x10000, 32, 1]);
    expect(guest.clauses()).toEqual(['PCI-COM-21', 'PCI-COM-21', 'PCI-COM-23', 'PCI-COM-23']);
  });

  it('is carried over in a saved state, selectors included', () => {
    const guest = guestWith();
    guest.block.set('queueSelect', 2);
    guest.block.set('deviceFeatureSelect', 1);
    guest.block.set('driverFeatureSelect', 3);
    const fresh = guestWith();
    fresh.machine.load(guest.machine.save());
    expect([
      fresh.block.get('queueSelect'),
      fresh.block.get('deviceFeature'),
      fresh.block.get('driverFeatureSelect'),
    ]).toEqual([2, 0x101, 3]);
  });
});

describe('the capabilities', () => {
  const found = (guest: ModernGuest) =>
    guest.found.capabilities.flatMap(({ id, offset }) => {
      const field = (name: keyof typeof structureCapability) =>
        guest.config.read(
          offset + structureCapability[name].offset,
          structureCapability[name].width as Width,
        );
      if (id !== 0x09) return [];
      return [
        {
          at: offset,
          type: field('structureType'),
          bar: field('bar'),
          from: field('offset'),
          length: field('length'),
          size: field('capabilityLength'),
        },
      ];
    });

  it('PCI-COM-01, PCI-COM-02, PCI-ISR-01, PCI-NOT-01, PCI-DEV-01, PCI-DEV-02, PCI-CFGW-01: name each structure once, aligned, apart', () => {
    const list = found(guestWith());
    expect(list.map(({ type }) => type).sort()).toEqual([1, 2, 3, 4, 5]);
    const places = list
      .filter(({ type }) => type !== structureType.pciConfig)
      .sort((a, b) => a.from - b.from);
    for (const [i, place] of places.entries()) {
      expect([place.from % 4, place.bar]).toEqual([0, 4]);
      const next = places[i + 1]?.from ?? 0x4000;
      expect(place.from + place.length).toBeLessThanOrEqual(next);
    }
    expect(list.map(({ type, size }) => [type, size])).toEqual([
      [1, 16],
      [3, 16],
      [4, 16],
      [2, 20],
      [5, 20],
    ]);
  });

  test.each([1, 3, 1025])(
    'PCI-NOT-02..05: with %d queues the notification structure holds them all',
    (queues) => {
      const guest = guestWith(Array<number>(queues).fill(2));
      const notify = found(guest).find(({ type }) => type === structureType.notify)!;
      const multiplier = guest.config.read(notify.at + 16, 4);
      expect([notify.from % 2, multiplier % 2, Math.log2(multiplier) % 1]).toEqual([0, 0, 0]);
      guest.block.set('queueSelect', queues - 1);
      const last = guest.block.get('queueNotifyOffset') * multiplier + 2;
      expect([guest.block.get('queueSize'), last <= notify.length]).toEqual([2, true]);
      guest.negotiate();
      guest.setUp(queues - 1, undefined, legacyParts(0x10, 2));
      guest.block.set('deviceStatus', 0x0f);
      guest.clauses();
      guest.kick(queues - 1);
      expect(guest.clauses()).toEqual([]);
    },
  );

  test.each([1, 3, 1025])(
    'PCI-NOT-06..09: and with NOTIFICATION_DATA a place of four bytes for each of %d',
    (queues) => {
      const guest = new ModernGuest(new Probe({ queueSizes: Array<number>(queues).fill(2) }), {
        transportFeatures: [feature.notificationData],
      });
      const notify = found(guest).find(({ type }) => type === structureType.notify)!;
      const multiplier = guest.config.read(notify.at + 16, 4);
      expect([notify.from % 4, multiplier % 4, Math.log2(multiplier) % 1]).toEqual([0, 0, 0]);
      guest.block.set('queueSelect', queues - 1);
      expect(guest.block.get('queueNotifyOffset') * multiplier + 4).toBeLessThanOrEqual(notify.length);
    },
  );

  it('PCI-COM-16, PCI-COM-17: without ADMIN_VQ there is no administration queue', () => {
    const { block } = guestWith();
    expect([block.get('adminQueueIndex'), block.get('adminQueueNum')]).toEqual([0, 0]);
  });
});
