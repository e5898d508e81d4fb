import { describe, expect, it, test } from 'vitest';
import { ModernShimBackend, presentLegacy, TranslatorError, ways } from '../../src/mmr/index.ts';
import { blockDeviceType, feature } from '../../src/virtio/index.ts';
import { SLOT } from '../pci/support.ts';
import { handmade } from './support/handmade.ts';
import { configProbe, hostWith, Pair, UP } from './support.ts';

const way = 'modern-shim';
const ANY_LAYOUT = 2 ** feature.anyLayout;
const findings = (under: Pair) =>
  under.guestEvents.flatMap((event) => (event.kind === 'finding' ? [`${event.party} ${event.clause}`] : []));

/** A guest's driver has set queue 0 up, and has not said DRIVER_OK. */
function setUp(options: ConstructorParameters<typeof Pair>[1] = {}) {
  const under = new Pair(configProbe(), { way, ...options });
  under.set('deviceStatus', 1);
  under.set('deviceStatus', 3);
  under.set('driverFeatures', ANY_LAYOUT + 8);
  return { under, ring: under.setUp() };
}

describe('what the guest is shown', () => {
  it('has ANY_LAYOUT and the unused bit, and not NOTIFY_ON_EMPTY', () => {
    const under = new Pair(configProbe(), { way });
    const features = under.get('deviceFeatures');
    expect([24, 27, 30].map((bit) => (features >>> bit) & 1)).toEqual([0, 1, 1]);
  });

  it('INIT-05: has no FEATURES_OK, which its function has from DRIVER_OK on', () => {
    const { under } = setUp();
    const seen = [[under.get('deviceStatus'), under.function.device.status]];
    under.set('deviceStatus', 7);
    seen.push([under.get('deviceStatus'), under.function.device.status]);
    expect(seen).toEqual([
      [3, 3],
      [7, 15],
    ]);
    expect(findings(under)).toEqual([]);
  });

  it('has NEEDS_RESET when the function asks for a reset', () => {
    const { under } = setUp();
    under.set('deviceStatus', 7);
    under.function.device.statusRegister.fail();
    expect(under.get('deviceStatus')).toBe(0x47);
    under.set('deviceStatus', 0);
    expect([under.get('deviceStatus'), under.function.device.status]).toEqual([0, 0]);
  });
});

describe('the function', () => {
  it('gets three addresses, and the size that the guest saw, when it is started', () => {
    const { under } = setUp();
    const queue = under.function.device.queue(0)!;
    expect([queue.ready, under.get('queueAddress')]).toEqual([false, 0x10]);
    under.set('deviceStatus', 7);
    const areas = (['descriptor', 'driver', 'device'] as const).map((area) => queue.addresses.get(area));
    expect([queue.ready, queue.size, ...areas]).toEqual([true, 8, 0x10000, 0x10080, 0x11000]);
  });

  it('has VERSION_1, and what the guest accepted of what it offers', () => {
    const { under } = setUp();
    under.set('deviceStatus', 7);
    const { device } = under.function;
    expect([feature.version1, feature.ringReset, 3, feature.anyLayout].map((bit) => device.has(bit))).toEqual(
      [true, true, true, false],
    );
    expect(under.get('driverFeatures')).toBe(ANY_LAYOUT + 8);
  });

  it('LEG-INIT-03: serves a queue that is kicked before DRIVER_OK', () => {
    const { under, ring } = setUp();
    ring.offer(0);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect([under.interrupts(), under.get('deviceStatus')]).toEqual([[UP], 3]);
    under.set('deviceStatus', 7);
    ring.offer(1);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect([ring.usedIndex, under.function.device.status]).toEqual([2, 15]);
  });

  it('may be given other features and queues until it is started', () => {
    const { under } = setUp();
    under.set('queueAddress', 0);
    under.set('driverFeatures', 0);
    under.set('driverFeatures', 8);
    under.set('queueAddress', 0x30);
    under.set('deviceStatus', 7);
    expect(under.function.device.queue(0)!.addresses.get('descriptor')).toBe(0x30000);
    expect([under.function.device.has(3), findings(under)]).toEqual([true, []]);
  });

  it('takes a single queue down, and anew, where it has RING_RESET; the vector stays', () => {
    const { under } = setUp();
    under.enableMsix();
    under.set('queueMsixVector', 1);
    under.set('deviceStatus', 7);
    const queue = under.function.device.queue(0)!;
    under.set('queueAddress', 0);
    expect([queue.ready, under.get('queueMsixVector'), under.get('queueAddress')]).toEqual([false, 1, 0]);
    const ring = under.setUp(0, 0x40);
    ring.offer(0);
    under.interrupts();
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect([queue.addresses.get('descriptor'), under.interrupts()]).toEqual([0x40000, ['message 1']]);
    expect(findings(under)).toEqual([]);
  });

  it('keeps it where it has none, and the shim says so', () => {
    const { under } = setUp({ transportFeatures: [] });
    under.set('deviceStatus', 7);
    under.set('queueAddress', 0x40);
    expect(under.function.device.queue(0)!.addresses.get('descriptor')).toBe(0x10000);
    expect([under.get('queueAddress'), findings(under)]).toEqual([0x40, ['device LEG-FEAT-04']]);
  });

  it('takes no features once it works', () => {
    const { under } = setUp();
    under.set('deviceStatus', 7);
    under.set('driverFeatures', 0);
    expect([under.function.device.has(3), findings(under)]).toEqual([true, ['device LEG-FEAT-04']]);
  });

  it('is followed where firmware moves its structures', () => {
    const { under, ring } = setUp();
    under.set('deviceStatus', 7);
    under.host.configWrite(SLOT, 4, 2, 0);
    under.host.configWrite(SLOT, 0x20, 4, 0xd8000000);
    under.host.configWrite(SLOT, 4, 2, 2);
    expect(under.get('deviceStatus')).toBe(7);
    ring.offer(0);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect([under.interrupts(), under.in(20, 4)]).toEqual([[UP], 0x44332211]);
  });

  it('goes on from a saved state, kicks and all', () => {
    const { under, ring } = setUp();
    under.set('deviceStatus', 7);
    const states = [under.host.save(), under.guest.save()] as const;
    under.set('deviceStatus', 0);
    under.host.load(states[0]);
    under.guest.load(states[1]);
    expect([under.get('deviceStatus'), under.get('queueAddress')]).toEqual([7, 0x10]);
    ring.offer(0);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect(ring.usedIndex).toBe(1);
  });
});

describe('a function that the shim cannot stand on', () => {
  test.each([['no structures', handmade({ window: 'mmr' }).fn, /no usable common structure/]] as const)(
    '%s',
    (_, fn, why) => {
      const host = hostWith(fn);
      const open = () => new ModernShimBackend(host, SLOT, blockDeviceType);
      expect(open).toThrow(TranslatorError);
      expect(open).toThrow(why);
    },
  );

  it('no MSI-X', () => {
    const host = hostWith(ways[way].build(configProbe(), { vectors: 0 }).pci);
    expect(() => presentLegacy(host, SLOT, { way })).toThrow(/no MSI-X/);
  });
});
