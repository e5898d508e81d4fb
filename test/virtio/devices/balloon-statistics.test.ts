import { describe, expect, it, test } from 'vitest';
import { BalloonDevice, deviceStatus, feature } from '../../../src/virtio/index.ts';
import { ALL, entries, F, legacy, modern, offer, QUEUES, tell } from '../support/balloon.ts';
import { BUFFERS, ModernGuest } from '../support/guests.ts';

describe('statistics of the balloon', () => {
  it('come with the buffer that follows a request', () => {
    const setup = modern();
    const { device, events, rings } = setup;
    expect(device.requestStatistics()).toBe(false);
    tell(setup, [[4, 5n]]);
    expect(rings[2]!.used()).toEqual([]);
    expect(device.requestStatistics()).toBe(true);
    expect(rings[2]!.used()).toEqual([[0, 0]]);
    // The driver has the buffer: there is nothing to ask with.
    expect(device.requestStatistics()).toBe(false);
    tell(setup, [
      [9, 2n ** 64n - 1n],
      [0, 1n],
    ]);
    expect(device.statistics).toEqual({ hugePageFailures: 2n ** 64n - 1n, swapIn: 1n });
    expect(events.map(({ kind }) => kind)).toEqual(['statistics', 'statistics']);
  });

  test.each([true, false])(
    'LEG-BAL-07, LEG-BAL-08: of a legacy guest, big-endian %s, but not its first',
    (big) => {
      const setup = legacy(big);
      tell(setup, [[4, 0xdeadn]], !big);
      expect([setup.device.statistics, setup.events]).toEqual([{}, []]);
      setup.device.requestStatistics();
      tell(setup, [[4, 0x0102030405060708n]], !big);
      expect(setup.device.statistics).toEqual({ freeMemory: 0x0102030405060708n });
    },
  );

  it('BAL-STAT-08, BAL-STAT-09: in any order; tags without a name in the text are kept by number', () => {
    const setup = modern();
    expect(
      tell(setup, [
        [0x1234, 7n],
        [7, 3n],
        [1, 2n],
      ]),
    ).toEqual([]);
    expect(setup.device.statistics).toEqual({ diskCaches: 3n, swapOut: 2n, 4660: 7n });
    // VIRTIO_BALLOON_S_OOM_KILL to S_DIRECT_RECLAIM, as Linux counts on.
    setup.device.requestStatistics();
    tell(
      setup,
      [10, 11, 12, 13, 14, 15].map((tag) => [tag, BigInt(tag) * 3n] as const),
    );
    expect(setup.device.statistics).toEqual({ 10: 30n, 11: 33n, 12: 36n, 13: 39n, 14: 42n, 15: 45n });
    const twin = modern();
    twin.guest.machine.load(structuredClone(setup.guest.machine.save()));
    expect(twin.device.statistics).toEqual(setup.device.statistics);
  });

  it('BAL-STAT-07: have to be the same subset every time', () => {
    const setup = modern();
    const again = (found: readonly (readonly [number, bigint])[]) => {
      setup.device.requestStatistics();
      return tell(setup, found);
    };
    // The first is exempt: initialization has it empty.
    expect([tell(setup, []), again([[1, 1n]]), again([[1, 2n]]), again([[2, 2n]])]).toEqual([
      [],
      [],
      [],
      ['BAL-STAT-07'],
    ]);
  });

  it('BAL-STAT-01: keeps a second buffer too, and hands both back', () => {
    const setup = modern();
    expect([tell(setup, [[1, 1n]]), tell(setup, [[1, 2n]], true, 1)]).toEqual([[], ['BAL-STAT-01']]);
    setup.device.requestStatistics();
    expect(setup.rings[2]!.used()).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });

  it('BAL-STAT-05: reads whole entries of a buffer that has more, and no more than a bound', () => {
    const setup = modern();
    const { ram } = setup.guest.machine;
    ram.write(BUFFERS, entries([[4, 5n]]));
    offer(setup, setup.rings[2]!, 2, [{ address: BUFFERS, length: 13 }]);
    expect([setup.guest.clauses(), setup.device.statistics]).toEqual([['BAL-STAT-05'], { freeMemory: 5n }]);
    setup.device.requestStatistics();
    offer(setup, setup.rings[2]!, 2, [{ address: BUFFERS, length: 0x8000 }]);
    expect(setup.guest.clauses()).toContain('BAL-STAT-05');
    setup.device.requestStatistics();
    offer(setup, setup.rings[2]!, 2, [{ address: 2 ** 40, length: 20 }]);
    expect(setup.guest.clauses()).toEqual(['RF-05']);
  });

  it('wait for bus mastering, and are not asked for after a reset', () => {
    const setup = modern();
    tell(setup, [[4, 5n]]);
    setup.guest.config.command(0x3);
    expect(setup.device.requestStatistics()).toBe(true);
    expect(setup.device.requestStatistics()).toBe(false);
    expect(setup.rings[2]!.used()).toEqual([]);
    setup.guest.config.command(0x7);
    expect(setup.rings[2]!.used()).toEqual([[0, 0]]);
    tell(setup, [[4, 5n]]);
    setup.guest.block.set('deviceStatus', 0);
    expect([setup.device.requestStatistics(), setup.device.statistics]).toEqual([false, {}]);
  });

  it('are kept with the buffer that is here, over a saved state', () => {
    const before = legacy(false);
    tell(before, [[4, 1n]]);
    before.device.requestStatistics();
    tell(before, [[4, 2n]]);
    const after = legacy(false);
    after.guest.machine.load(before.guest.machine.save());
    expect([after.device.statistics, after.events]).toEqual([{ freeMemory: 2n }, []]);
    expect(after.device.requestStatistics()).toBe(true);
    expect(after.rings[2]!.used()).toHaveLength(2);
    expect(after.guest.clauses()).toEqual([]);
  });
});

describe('a suspended balloon', () => {
  it('does not wait for its statistics buffer, and tells after its rest what came meanwhile', () => {
    const device = new BalloonDevice(ALL);
    const transportFeatures = [feature.suspend];
    const guest = new ModernGuest(device, { transportFeatures });
    const rings = guest.start([F.statisticsQueue, ...transportFeatures], QUEUES);
    tell({ device, guest, rings, events: [] }, [[4, 5n]]);
    const raise = (bit: number) => guest.block.set('deviceStatus', guest.block.get('deviceStatus') | bit);
    raise(deviceStatus.suspend);
    expect(guest.block.get('deviceStatus') & (deviceStatus.suspend | deviceStatus.driverOk)).toBe(
      deviceStatus.suspend,
    );
    guest.interrupts();
    const target = () => guest.machine.memoryRead(guest.structure(4), 4);
    device.setTarget(5);
    expect([device.requestStatistics(), rings[2]!.used(), target(), guest.interrupts()]).toEqual([
      true,
      [],
      0,
      [],
    ]);
    raise(deviceStatus.driverOk);
    expect([target(), rings[2]!.used(), guest.isr()]).toEqual([5, [[0, 0]], 3]);
  });

  it('interrupts nobody before DRIVER_OK', () => {
    const device = new BalloonDevice();
    const guest = new ModernGuest(device);
    guest.negotiate([]);
    device.setTarget(5);
    expect([guest.interrupts(), guest.isr()]).toEqual([[], 0]);
  });
});
