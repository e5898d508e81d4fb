import { describe, expect, it, test } from 'vitest';
import type { Chain } from '../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './support/guests.ts';
import { RawPackedRing } from './support/packed-ring.ts';
import { Probe } from './support/probe.ts';

const WRITE = 2;
const PARTS = { descriptor: 0x10000, driver: 0x12000, device: 0x12800 };

/** A split ring with chains of 4 + 12 writable bytes in flight. */
function started(count = 2, features: readonly number[] = []) {
  const probe = new Probe();
  const guest = new ModernGuest(probe, { transportFeatures: [28, 29, 34, 35] });
  const ring = guest.start(features)[0]!;
  for (let i = 0; i < count; i++)
    ring.chain(2 * i, [
      { address: BUFFERS + 64 * i, length: 4, flags: WRITE },
      { address: BUFFERS + 64 * i + 32, length: 12, flags: WRITE },
    ]);
  ring.offer(...Array.from({ length: count }, (_, i) => 2 * i));
  guest.kick();
  guest.events.length = 0;
  const findings = () =>
    guest.events.flatMap((event) =>
      event.kind === 'finding' ? [[event.party, event.clause, event.value]] : [],
    );
  return { probe, guest, ring, findings };
}

describe('a behaviour that says that it wrote', () => {
  test.each([
    ['as much as there is room for', 16, 16, false],
    ['as much as the first buffer holds', 4, 4, false],
    ['a byte more than there is room for', 17, 16, true],
    ['far more', 2 ** 40, 16, true],
    ['less than nothing', -1, 0, true],
    ['half a byte', 4.5, 4, true],
    ['nothing that is a number', Number.NaN, 0, true],
  ])('SPL-USED-02: %s', (_, length, used, told) => {
    for (const features of [[], [35]]) {
      const { probe, ring, findings, guest } = started(1, features);
      probe.finish(length);
      expect(findings()).toEqual(told ? [['device', 'SPL-USED-02', length]] : []);
      expect([ring.used(), guest.block.get('deviceStatus') & 64]).toEqual([[[0, used]], 0]);
    }
  });

  it('SPL-USED-02: anything, into a chain that has no room at all', () => {
    const probe = new Probe({ complete: 1 });
    const guest = new LegacyGuest(probe);
    const ring = guest.start()[0]!;
    ring.describe(0, { address: BUFFERS, length: 8 });
    ring.offer(0);
    guest.kick();
    expect([guest.clauses(), ring.used()]).toEqual([['SPL-USED-02'], [[0, 0]]]);
  });
});

describe('a behaviour that completes', () => {
  it('CONF-02: a chain twice is reported, and the driver sees it once', () => {
    const { probe, ring, findings } = started();
    const [first, second] = [...probe.taken] as [Chain, Chain];
    probe.device.complete(first, 1);
    probe.device.complete(first, 2);
    expect(findings()).toEqual([['device', 'CONF-02', 0]]);
    probe.device.complete(second, 3);
    expect(ring.used()).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('CONF-02: in order, a chain twice while it waits for those before it', () => {
    const { probe, ring, findings } = started(2, [35]);
    const [first, second] = [...probe.taken] as [Chain, Chain];
    probe.device.complete(second, 1);
    probe.device.complete(second, 2);
    expect(findings()).toEqual([['device', 'CONF-02', 2]]);
    probe.device.complete(first, 3);
    expect(ring.used()).toEqual([
      [0, 3],
      [2, 1],
    ]);
  });

  it('BF-RST-02: a chain that a reset has killed does nothing wrong', () => {
    const { probe, guest, findings } = started();
    const [first] = [...probe.taken] as [Chain];
    guest.block.set('deviceStatus', 0);
    probe.device.complete(first, 1);
    expect(findings()).toEqual([]);
  });

  it('CONF-02: a chain of another device is reported, and both go on', () => {
    const [one, other] = [started(1), started(1)];
    const foreign = other.probe.taken[0]!;
    one.probe.device.complete(foreign, 1);
    expect([one.findings(), other.findings()]).toEqual([[['device', 'CONF-02', 0]], []]);
    expect([one.ring.usedIndex, other.ring.usedIndex, foreign.live]).toEqual([0, 0, true]);
    other.probe.finish(1);
    one.probe.finish(2);
    expect([one.ring.used(), other.ring.used()]).toEqual([[[0, 2]], [[0, 1]]]);
  });
});

describe('the WRITE flag of a used descriptor', () => {
  /** Lets a device do something with one chain of two writable buffers. @returns flags and length as they stand then. */
  function used(
    use: (chain: Chain) => number,
    features: readonly number[] = [],
  ): [flags: number, length: number] {
    const probe = new Probe();
    const guest = new ModernGuest(probe, { transportFeatures: [34, 35] });
    guest.negotiate([34, ...features]);
    guest.setUp(0, 8, PARTS);
    guest.block.set('deviceStatus', 15);
    const ring = new RawPackedRing(guest.machine.ram, 8, PARTS);
    const buffer = { address: BUFFERS, length: 8, flags: WRITE };
    ring.offer(5, buffer, { ...buffer, address: BUFFERS + 64, length: 1 });
    guest.kick();
    probe.device.complete(probe.taken[0]!, use(probe.taken[0]!));
    return [ring.at(0).flags & WRITE, ring.at(0).length];
  }

  test.each([
    ['a status alone, which no length counts', (chain: Chain) => Number(!chain.writeLast(1)), WRITE],
    ['somewhere in the middle', (chain: Chain) => Number(!chain.write(3, Uint8Array.of(1), 0, 1)), WRITE],
    ['nothing', () => 0, 0],
  ] as const)('PKD-LAY-01: says whether anything was written: %s', (_, use, flag) => {
    for (const features of [[], [35]]) expect(used(use, features)).toEqual([flag, 0]);
  });

  it('PKD-LAY-01: is there with a length', () => {
    expect(used(() => 4)).toEqual([WRITE, 4]);
  });
});
