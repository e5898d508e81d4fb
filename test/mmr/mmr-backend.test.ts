import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import { bareCapabilityDraft, draft2023, fixedVectorsDraft, presentLegacy } from '../../src/mmr/index.ts';
import { at, SLOT } from '../pci/support.ts';
import { configProbe, DOWN, GUEST_SLOT, named, Pair, type PairOptions, UP } from './support.ts';

const pair = (options: PairOptions = {}) => new Pair(configProbe(), options);

describe.each(named([draft2023, fixedVectorsDraft, bareCapabilityDraft]))(
  '%s: a port access of the guest',
  (_, draft) => {
    it('is one memory access of the same width and place in the header', () => {
      const under = pair({ draft });
      under.block();
      const seen = [0, 4, 8].map((offset) => under.in(offset, 4));
      seen.push(under.in(12, 2), under.in(14, 2), under.in(18, 1));
      expect(under.block()).toEqual(
        ['r4 +0', 'r4 +4', 'r4 +8', 'r2 +c', 'r2 +e', 'r1 +12'].map(
          (each, i) => `${each}=${seen[i]!.toString(16)}`,
        ),
      );
    });

    it('to configuration is moved behind the vectors, which the guest with MSI-X off does not see', () => {
      const under = pair({ draft });
      under.block();
      expect([under.in(20, 4), under.in(24, 2), under.in(21, 1)]).toEqual([0x44332211, 0x6655, 0x22]);
      under.out(24, 2, 0x7788);
      expect(under.block().filter((each) => !each.startsWith('r1 +12'))).toEqual([
        'r4 +18=44332211',
        'r2 +1c=6655',
        'r1 +19=22',
        'w2 +1c=7788',
      ]);
      under.enableMsix();
      under.block();
      expect([under.in(20, 2), under.in(22, 2), under.in(24, 4), under.in(28, 2)]).toEqual([
        0xffff, 0xffff, 0x44332211, 0x7788,
      ]);
      expect(under.block().map((each) => each.replace(/=.*/, ''))).toEqual([
        'r2 +14',
        'r2 +16',
        'r4 +18',
        'r2 +1c',
      ]);
    });

    // Ports are non-posted, memory writes are not: each write is pushed by a read of status, which has no side effect.
    it.each([
      ['driver features', 4, 4, 8],
      ['queue select', 14, 2, 1],
      ['status', 18, 1, 3],
      ['configuration', 20, 4, 7],
      ['a hole', 10, 2, 7],
    ] as const)('that writes %s is followed by a read of status', (_name, offset, width, value) => {
      const under = pair({ draft });
      under.block();
      under.out(offset, width, value);
      const place = offset >= 20 ? offset + 4 : offset;
      const log = under.block();
      expect(log.slice(0, 2)).toEqual([
        `w${width} +${place.toString(16)}=${value.toString(16)}`,
        `r1 +12=${offset === 18 ? 3 : 0}`,
      ]);
      expect(log.some((each) => each.startsWith('r1 +13'))).toBe(false);
    });

    it('that notifies is one write and nothing else', () => {
      const under = pair({ draft });
      under.setUp();
      under.block();
      under.out(16, 2, 0);
      expect(under.block()).toEqual(['w2 +10=0']);
    });

    it('reads ISR of the function exactly when the guest reads its own', () => {
      const under = pair({ draft });
      const isrReads = () =>
        under.block().filter((each) => / \+13=/.test(each) || /^r[24] \+1[0-3]=/.test(each)).length;
      under.set('deviceStatus', 3);
      under.setUp();
      under.out(16, 2, 0);
      under.in(20, 4);
      expect(isrReads()).toBe(0);
      under.get('isrStatus');
      expect(isrReads()).toBe(1);
    });
  },
);

describe('posted writes of the host', () => {
  it('have arrived when OUT retires, but for a notification', () => {
    const under = pair({ host: { holdPostedWrites: true } });
    const ring = under.setUp();
    under.set('driverFeatures', 8);
    under.set('deviceStatus', 7);
    expect([under.function.device.status, under.function.device.has(3), under.host.posted!.count]).toEqual([
      7,
      true,
      0,
    ]);
    ring.offer(0);
    under.set('queueNotify', 0);
    expect([under.host.posted!.count, under.probe.handled]).toEqual([1, []]);
    under.get('deviceStatus');
    expect(under.probe.handled).toEqual(['0:0']);
  });
});

describe('reset by the guest', () => {
  it.each([
    ['status 0', (under: Pair) => under.set('deviceStatus', 0)],
    ['a word whose low byte is 0', (under: Pair) => under.out(18, 2, 0x0700)],
  ])('(%s) leaves nothing behind, and its next interrupts come', (_, reset) => {
    const under = pair();
    under.setUp(1).offer(0);
    under.set('deviceStatus', 7);
    under.set('queueNotify', 1);
    under.probe.finish(1);
    under.function.interrupts.config();
    under.interrupts();
    reset(under);
    expect([
      under.interrupts(),
      under.get('isrStatus'),
      under.get('queueSelect'),
      under.get('deviceStatus'),
    ]).toEqual([[DOWN], 0, 0, 0]);
    expect(under.config.read(at.status, 2) & 8).toBe(0);
    under.function.interrupts.config();
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[UP], 2]);
    under.ram.fill(0x10000, 0x10000, 0);
    under.setUp(0).offer(0);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect(under.get('isrStatus')).toBe(1);
  });

  it('forgets the vectors that it had chosen', () => {
    const under = pair();
    under.enableMsix();
    under.setUp();
    under.set('queueMsixVector', 1);
    under.set('configMsixVector', 1);
    under.set('deviceStatus', 0);
    expect([under.get('configMsixVector'), under.get('queueMsixVector')]).toEqual([0xffff, 0xffff]);
    under.disableMsix();
    under.enableMsix();
    expect([under.get('configMsixVector'), under.get('queueMsixVector')]).toEqual([0xffff, 0xffff]);
  });

  it.each([
    ['a reset of its function', (under: Pair) => under.presented.pci.reset()],
    ['taking it away', (under: Pair) => void under.guest.unplug(GUEST_SLOT)],
  ])('(%s) resets the function as well', (_, reset) => {
    const under = pair();
    under.enableMsix();
    under.setUp();
    under.set('deviceStatus', 7);
    reset(under);
    expect([under.function.device.status, under.function.device.queue(0)!.ready]).toEqual([0, false]);
    expect([under.presented.pci.msixEnabled, under.function.interrupts.configVector]).toEqual([false, 0]);
  });

  it('is seen by the next guest as a fresh function', () => {
    const under = pair();
    under.enableMsix();
    under.setUp();
    under.set('configMsixVector', 1);
    under.set('driverFeatures', 8);
    under.set('deviceStatus', 7);
    under.guest.unplug(GUEST_SLOT);
    const next = presentLegacy(under.host, SLOT);
    under.guest.plug(next.pci, GUEST_SLOT);
    under.config.setBar(0, under.ports);
    under.config.command(7);
    expect([under.get('deviceStatus'), under.get('driverFeatures'), under.get('queueAddress')]).toEqual([
      0, 0, 0,
    ]);
    expect([under.in(20, 4), under.get('isrStatus')]).toEqual([0x44332211, 0]);
  });
});

describe('the host function', () => {
  it('decodes memory, no ports, no INTx, and masters the bus exactly while the guest lets it', () => {
    const under = pair();
    const command = () => under.host.configRead(SLOT, at.command, 2) & 0x407;
    expect(command()).toBe(0x406);
    under.config.command(0x3);
    expect(command()).toBe(0x402);
    under.config.command(0x7);
    expect(command()).toBe(0x406);
  });

  it('serves what was kicked while the guest had bus mastering off when it is on again', () => {
    const under = pair();
    under.setUp().offer(0);
    under.config.command(0x3);
    under.set('queueNotify', 0);
    expect(under.probe.handled).toEqual([]);
    under.config.command(0x7);
    expect(under.probe.handled).toEqual(['0:0']);
  });
});

it('a presented function is carried over in the states of both machines', () => {
  const before = pair();
  before.enableMsix();
  before.setUp();
  before.set('queueMsixVector', 0);
  before.disableMsix();
  before.set('queueSelect', 1);
  before.function.interrupts.config();
  const after = pair();
  after.host.load(before.host.save());
  after.guest.load(before.guest.save());
  expect([after.get('queueSelect'), after.get('isrStatus')]).toEqual([1, 2]);
  after.enableMsix();
  after.set('queueSelect', 0);
  expect(after.get('queueMsixVector')).toBe(0);
});

test('work that the host holds back shows when it is released', () => {
  const scheduler = new HeldScheduler();
  const under = pair({ host: { scheduler } });
  under.setUp().offer(0);
  under.set('queueNotify', 0);
  scheduler.releaseAll();
  under.probe.finish(1);
  expect(under.interrupts()).toEqual([]);
  scheduler.releaseAll();
  expect([under.interrupts(), under.get('isrStatus')]).toEqual([[UP], 1]);
});
