import { describe, expect, it, test } from 'vitest';
import {
  availableRingBytes,
  availEventOffset,
  descriptorTableBytes,
  deviceTypes,
  featureBits,
  featureWords,
  functionKindNames,
  hasFeature,
  identityOf,
  legacyRingLayout,
  usedEventOffset,
  usedRingBytes,
} from '../../src/virtio/index.ts';
import { Probe } from './support/probe.ts';

describe('the legacy ring layout (LEG-VRING-02, LEG-VRING-03)', () => {
  test.each([
    [8, 4096, 8192],
    [64, 4096, 8192],
    [128, 4096, 8192],
    [256, 8192, 12288],
    [512, 12288, 20480],
    [1024, 20480, 32768],
    [2048, 40960, 61440],
    [32768, 593920, 860160],
  ])('of %d descriptors: used ring at %d, %d bytes in all', (size, used, total) => {
    expect(legacyRingLayout(size)).toEqual({ available: 16 * size, used, total });
    expect(used).toBeGreaterThanOrEqual(descriptorTableBytes(size) + availableRingBytes(size));
    expect(total - used).toBeGreaterThanOrEqual(usedRingBytes(size));
  });

  it('keeps the event fields right behind the rings', () => {
    expect([usedEventOffset(256), availEventOffset(256)]).toEqual([4 + 512, 4 + 2048]);
    expect([availableRingBytes(256), usedRingBytes(256)]).toEqual([518, 2054]);
  });
});

describe('feature sets', () => {
  test.each([
    [[], [0, 0, 0, 0]],
    [
      [0, 31],
      [0x80000001, 0, 0, 0],
    ],
    [
      [28, 32, 63, 64, 127],
      [0x10000000, 0x80000001, 1, 0x80000000],
    ],
  ])('%j are words %j', (bits, words) => {
    const set = featureWords(bits);
    expect([...set]).toEqual(words);
    expect(featureBits(set)).toEqual(bits);
    for (const bit of [0, 28, 31, 32, 63, 127]) expect(hasFeature(set, bit)).toBe(bits.includes(bit));
  });
});

describe('identity', () => {
  // Columns: type, transitional id (LEG-ID-03, PCI-ID-09), modern id (PCI-ID-03).
  test.each([
    ['network', 1, 0x1000, 0x1041],
    ['block', 2, 0x1001, 0x1042],
    ['console', 3, 0x1003, 0x1043],
    ['entropy', 4, 0x1005, 0x1044],
    ['balloon', 5, 0x1002, 0x1045],
    ['scsi', 8, 0x1004, 0x1048],
    ['p9', 9, 0x1009, 0x1049],
  ] as const)('of a %s device', (name, type, transitional, modern) => {
    const row = deviceTypes.find((each) => each.name === name);
    expect([row?.typeNumber, row?.transitionalId]).toEqual([type, transitional]);
    const probe = new Probe({ type: name });
    // LEG-ID-01, LEG-ID-02: revision 0 and the type as subsystem id; PCI-ID-06, PCI-ID-07 the other way round.
    for (const kind of functionKindNames.filter((name) => name !== 'modern'))
      expect(identityOf(probe, kind)).toEqual({ deviceId: transitional, revisionId: 0, subsystemId: type });
    const identity = identityOf(probe, 'modern');
    expect(identity).toMatchObject({ deviceId: modern, revisionId: 1 });
    expect(identity.subsystemId).toBeGreaterThanOrEqual(0x40);
  });

  test.each([
    ['rtc', 17, 0x1051],
    ['vsock', 19, 0x1053],
  ] as const)('of a %s device, which is modern only', (name, type, modern) => {
    const row = deviceTypes.find((each) => each.name === name);
    expect([row?.typeNumber, row?.transitionalId, row?.mmrId]).toEqual([type, null, null]);
    expect(identityOf(new Probe({ type: name }), 'modern').deviceId).toBe(modern);
  });
});
