import { describe, expect, it, test } from 'vitest';
import type { DmaWindow } from '../../src/core/index.ts';
import { deviceStatus, feature } from '../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';
import { legacyParts, RawRing } from './support/ring.ts';

const { accessPlatform } = feature;
const { featuresOk, needsReset } = deviceStatus;
const RAM_BYTES = 1 << 20;
/** All RAM, at bus addresses a gigabyte higher. */
const BUS = 0x4000_0000;
const translated: readonly DmaWindow[] = [{ start: BUS, length: RAM_BYTES, write: true, target: 0 }];
const restricted: readonly DmaWindow[] = [{ start: 0, length: 0x90000, write: true }];

const offers = (guest: ModernGuest) => {
  guest.block.set('deviceFeatureSelect', 1);
  return (guest.block.get('deviceFeature') & 2) !== 0;
};

describe('ACCESS_PLATFORM', () => {
  test.each([
    ['reaches all memory', undefined, [], false],
    ['is told to', undefined, [accessPlatform], true],
    ['reaches some memory only', restricted, [], true],
    ['may not write some', [{ start: 0, length: Number.MAX_SAFE_INTEGER, write: false }], [], true],
    ['reaches memory by other addresses', translated, [], true],
    ['reaches nothing yet', [], [], true],
  ])('RF-16: a function that %s', (_, windows, transportFeatures, offered) => {
    const guest = new ModernGuest(new Probe(), {
      transportFeatures,
      ...(windows === undefined ? {} : { windows }),
    });
    expect(offers(guest)).toBe(offered);
  });

  it('RF-16: the offer is that of the place where the function is plugged in now', () => {
    const guest = new ModernGuest(new Probe(), { windows: translated });
    const { pci } = guest.function;
    guest.machine.unplug(pci.slot.address);
    guest.machine.plug(pci, 0x28);
    expect(guest.device.features.offered[1]).toBe(0x101);
  });

  it('RF-17: a device whose addresses are translated works with it, by bus addresses', () => {
    const probe = new Probe({ complete: 4 });
    probe.onChain = (chain) => void chain.write(0, Uint8Array.of(1, 2, 3, 4), 0, 4);
    const guest = new ModernGuest(probe, { windows: translated });
    expect(guest.negotiate([accessPlatform]) & featuresOk).not.toBe(0);
    const parts = legacyParts(0x10, 8);
    const bus = {
      descriptor: parts.descriptor + BUS,
      driver: parts.driver + BUS,
      device: parts.device + BUS,
    };
    guest.setUp(0, 8, bus);
    const ring = new RawRing(guest.machine.ram, 8, parts);
    guest.block.set('deviceStatus', 0x0f);
    ring.describe(0, { address: BUFFERS + BUS, length: 4, flags: 2 });
    ring.offer(0);
    guest.kick(0);
    expect([[...guest.machine.ram.read(BUFFERS, 4)], ring.used()]).toEqual([[1, 2, 3, 4], [[0, 4]]]);
    expect(guest.clauses()).toEqual([]);
  });

  it('RF-17: a device whose addresses are translated refuses to work without', () => {
    const guest = new ModernGuest(new Probe(), { windows: translated });
    expect(guest.negotiate([]) & featuresOk).toBe(0);
    expect(guest.clauses()).toEqual(['RF-03']);
    expect(guest.negotiate([accessPlatform]) & featuresOk).not.toBe(0);
  });

  it('RF-17: as it does with a legacy driver, which knows nothing of it', () => {
    const probe = new Probe();
    const guest = new LegacyGuest(probe, { windows: translated });
    const [ring] = guest.start();
    expect([guest.block.get('deviceStatus') & needsReset, guest.clauses()]).toEqual([needsReset, ['RF-17']]);
    ring!.offer(0);
    guest.kick(0);
    expect(probe.handled).toEqual([]);
  });

  it('a device that is only kept from some memory works without', () => {
    const probe = new Probe({ complete: 0 });
    const guest = new ModernGuest(probe, { windows: restricted });
    const [ring] = guest.start([]);
    ring!.describe(0, { address: BUFFERS, length: 1 });
    ring!.offer(0);
    guest.kick(0);
    expect([probe.handled, guest.clauses()]).toEqual([['0:0'], []]);
  });

  it('and ORDER_PLATFORM with it, as an add-in card has it (RF-21), can be accepted or left (RF-20)', () => {
    for (const accepted of [[accessPlatform, feature.orderPlatform], [accessPlatform], []]) {
      const guest = new ModernGuest(new Probe(), {
        transportFeatures: [accessPlatform, feature.orderPlatform],
      });
      expect(guest.negotiate(accepted) & featuresOk).not.toBe(0);
    }
  });
});
