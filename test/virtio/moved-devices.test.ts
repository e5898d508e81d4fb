import { describe, expect, it } from 'vitest';
import { DmaDomain, type Finding, GuestMemory, HeldScheduler } from '../../src/core/index.ts';
import { type DevicePlace, deviceStatus, feature, VirtioDevice } from '../../src/virtio/index.ts';
import { ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';
import { legacyParts, RawRing } from './support/ring.ts';

/* A device is taken out of one place, put into another, or loaded with a state: what was under way before is not any more. */

const SIZE = 4;
const PARTS = legacyParts(1, SIZE);

/** Memory and time of its own. */
function place(subject = 'virtio-rng') {
  const scheduler = new HeldScheduler();
  const ram = GuestMemory.allocate({ start: 0, length: 0x8000 });
  const findings: Finding[] = [];
  const report = (finding: Finding) => void findings.push(finding);
  const at: DevicePlace = { address: 0x20, subject, dma: new DmaDomain(ram), scheduler, report };
  const ring = new RawRing(ram, SIZE, PARTS);
  return { scheduler, ring, findings, at };
}

/** A device whose legacy driver is about to kick a queue with one chain in it. */
function setUp(device: VirtioDevice, { at, ring }: ReturnType<typeof place>): void {
  device.connect(at);
  device.setDmaEnabled(true);
  device.speak('legacy');
  const queue = device.queue(0)!;
  for (const area of ['descriptor', 'driver', 'device'] as const) queue.addresses.set(area, PARTS[area]);
  queue.ready = true;
  queue.relocate();
  ring.describe(0, { address: 0x6000, length: 1, flags: 2 });
  ring.offer(0);
}

const make = (options: Partial<ConstructorParameters<typeof VirtioDevice>[1]> = {}) => {
  const probe = new Probe({ queueSizes: [SIZE, 0], complete: 1 });
  return { probe, device: new VirtioDevice(probe, { legacy: true, ...options }) };
};

describe('a device in another place', () => {
  it.each([
    ['of the same name', 'virtio-rng'],
    ['of another name', 'another'],
  ])('is served there, in the time of that place: %s', (_, subject) => {
    const { probe, device } = make();
    const [one, other] = [place(), place(subject)];
    setUp(device, one);
    device.notify(0);
    one.scheduler.releaseAll();
    expect(probe.handled).toEqual(['0:0']);
    device.notify(0);
    device.disconnect();
    setUp(device, other);
    device.notify(0);
    expect(other.scheduler.pending.map(({ label }) => label)).toEqual([`${subject} queue 0`]);
    one.scheduler.releaseAll();
    expect([probe.handled, other.ring.usedIndex]).toEqual([['0:0'], 0]);
    other.scheduler.releaseAll();
    expect([probe.handled, one.ring.usedIndex, other.ring.used()]).toEqual([['0:0', '0:0'], 1, [[0, 1]]]);
  });

  it('finishes resets of its queues in the time of that place', () => {
    const { device } = make();
    const [one, other] = [place(), place()];
    device.connect(one.at);
    device.startQueueReset(0);
    device.disconnect();
    expect(device.queueResetRuns(0)).toBe(false);
    device.connect(other.at);
    device.startQueueReset(0);
    one.scheduler.releaseAll();
    expect([device.queueResetRuns(0), other.scheduler.pending.length]).toEqual([true, 1]);
    other.scheduler.releaseAll();
    expect(device.queueResetRuns(0)).toBe(false);
  });

  it('reports nothing to anybody while it is nowhere, and to those of the place afterwards', () => {
    const { device } = make();
    const [one, other] = [place(), place()];
    device.report('driver', 'INIT-01', 'nowhere');
    device.connect(one.at);
    device.report('driver', 'INIT-01', 'here', { what: 'a number', value: 3, queue: 1 });
    device.disconnect();
    device.report('driver', 'INIT-01', 'nowhere');
    device.connect(other.at);
    expect([one.findings, other.findings]).toEqual([
      [
        {
          kind: 'finding',
          address: 0x20,
          subject: 'virtio-rng',
          party: 'driver',
          clause: 'INIT-01',
          message: 'here',
          what: 'a number',
          value: 3,
          queue: 1,
          descriptor: null,
        },
      ],
      [],
    ]);
    expect([device.dma, make().device.dma]).toEqual([other.at.dma, null]);
  });
});

describe('a state that is loaded and not gone on with', () => {
  /** A kick is pending, and the reset of the other queue runs. */
  function saved() {
    const { device } = make();
    const before = place();
    setUp(device, before);
    device.notify(0);
    device.startQueueReset(1);
    return { state: device.save(), ring: before.ring };
  }

  it('is saved again as it was, and gone on with later', () => {
    const { state } = saved();
    const { probe, device } = make();
    const here = place();
    device.connect(here.at);
    device.setDmaEnabled(true);
    device.load(state);
    expect([device.queueResetRuns(1), device.queueResetRuns(0), here.scheduler.pending]).toEqual([
      true,
      false,
      [],
    ]);
    expect(device.save().queueResets).toEqual([1]);
    here.ring.describe(0, { address: 0x6000, length: 1, flags: 2 });
    here.ring.offer(0);
    device.resume();
    here.scheduler.releaseAll();
    expect([device.queueResetRuns(1), probe.handled]).toEqual([false, ['0:0']]);
    device.resume();
    expect(here.scheduler.pending).toEqual([]);
  });

  it('is forgotten by a reset', () => {
    const { state } = saved();
    const { probe, device } = make();
    const here = place();
    device.connect(here.at);
    device.setDmaEnabled(true);
    device.load(state);
    device.reset();
    expect(device.queueResetRuns(1)).toBe(false);
    device.resume();
    expect([here.scheduler.pending, probe.handled]).toEqual([[], []]);
  });
});

describe('features in a saved state', () => {
  const options = { transportFeatures: [feature.ringPacked, feature.inOrder] };
  const guest = () => new ModernGuest(new Probe({ features: [3], queueSizes: [SIZE] }), options);

  it('that were refused are in force nowhere', () => {
    const before = guest();
    expect(before.negotiate([3, 4, feature.ringPacked]) & deviceStatus.featuresOk).toBe(0);
    const after = guest();
    after.machine.load(before.machine.save());
    expect([after.device.has(3), after.device.has(feature.ringPacked)]).toEqual([false, false]);
    expect(after.device.save()).toEqual(before.device.save());
    // The driver tries again.
    expect(after.negotiate([3, feature.ringPacked]) & deviceStatus.featuresOk).not.toBe(0);
  });

  it.each([
    ['settled', true],
    ['on their way', false],
  ])('are those that were accepted and offered: %s', (_, settled) => {
    const before = guest();
    before.negotiate([3, feature.ringPacked]);
    if (!settled) {
      before.block.set('deviceStatus', 0);
      before.block.set('driverFeatureSelect', 0);
      before.block.set('driverFeature', 0x18);
      before.block.set('driverFeatureSelect', 1);
      before.block.set('driverFeature', 5);
    }
    const after = guest();
    after.machine.load(before.machine.save());
    expect([3, 4, 32, feature.ringPacked].map((bit) => after.device.has(bit))).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(after.device.features.accepts(4)).toBe(!settled);
    expect(after.device.save()).toEqual(before.device.save());
  });
});
