import { describe, expect, it, test } from 'vitest';
import { StateMismatchError } from '../../../src/core/index.ts';
import {
  EntropyDevice,
  type EntropySource,
  SeededEntropy,
  systemEntropy,
} from '../../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest } from '../support/guests.ts';

/** Counts up from 1. */
const counting = (): EntropySource => {
  let next = 1;
  return {
    fill: (target) => target.forEach((_, i) => void (target[i] = next++)),
    save: () => next,
    load: (state) => void (next = state as number),
  };
};

function started(source: EntropySource = counting()) {
  const guest = new LegacyGuest(new EntropyDevice({ source }));
  const ring = guest.start()[0]!;
  guest.clauses();
  return { guest, ring };
}

describe('the entropy device', () => {
  it('RNG-03: fills the buffer, whatever its pieces, and says how far', () => {
    const { guest, ring } = started();
    ring.chain(0, [
      { address: BUFFERS, length: 3, flags: 2 },
      { address: BUFFERS + 0x100, length: 2, flags: 2 },
    ]);
    ring.offer(0);
    guest.kick();
    expect([ring.used(), guest.clauses()]).toEqual([[[0, 5]], []]);
    expect([...guest.machine.ram.read(BUFFERS, 4), ...guest.machine.ram.read(BUFFERS + 0x100, 3)]).toEqual([
      1, 2, 3, 0, 4, 5, 0,
    ]);
  });

  it('RNG-04: gives at most 64 KiB at once', () => {
    const { guest, ring } = started();
    ring.describe(0, { address: 0x20000, length: 0xc0000, flags: 2 });
    ring.offer(0);
    guest.kick();
    expect(ring.used()).toEqual([[0, 0x10000]]);
    expect(guest.machine.ram.read(0x30000, 1)[0]).toBe(0);
  });

  it('RNG-01: reports a buffer that it cannot write, and gives it back empty', () => {
    const { guest, ring } = started();
    ring.describe(0, { address: BUFFERS, length: 4 });
    ring.offer(0);
    guest.kick();
    expect([ring.used(), guest.clauses()]).toEqual([[[0, 0]], ['RNG-01']]);
  });

  it('gives a buffer out of its reach back empty', () => {
    const { guest, ring } = started();
    ring.describe(0, { address: 0x8000_0000, length: 4, flags: 2 });
    ring.offer(0);
    guest.kick();
    expect(ring.used()).toEqual([[0, 0]]);
  });

  it('has one queue of the size it is made with, no features and no configuration', () => {
    const device = new EntropyDevice({ queueSize: 32 });
    expect([device.queueSizes, device.features, device.config.length]).toEqual([[32], [], 0]);
    expect(new EntropyDevice().queueSizes).toEqual([8]);
  });

  it('goes on with its source where a saved machine left it', () => {
    const read = ({ guest, ring }: ReturnType<typeof started>) => {
      ring.describe(0, { address: BUFFERS, length: 8, flags: 2 });
      ring.offer(0);
      guest.kick();
      return [...guest.machine.ram.read(BUFFERS, 8)];
    };
    const before = started(new SeededEntropy(7));
    read(before);
    const after = started(new SeededEntropy(1));
    after.guest.machine.load(before.guest.machine.save());
    after.ring.availableIndex = 1;
    expect(read(after)).toEqual(read(before));
    expect(() => new EntropyDevice().load({ type: 'block', source: null })).toThrow(StateMismatchError);
  });
});

describe('sources', () => {
  it('with one seed give one sequence, with another another', () => {
    const bytes = (seed: number) => {
      const target = new Uint8Array(64);
      new SeededEntropy(seed).fill(target);
      return target.join();
    };
    expect(bytes(5)).toBe(bytes(5));
    expect(bytes(5)).not.toBe(bytes(6));
    expect(bytes(0)).toBe(bytes(1));
  });

  test('of the platform fill all of the target', () => {
    const target = new Uint8Array(256);
    systemEntropy.fill(target);
    expect(new Set(target).size).toBeGreaterThan(32);
    expect(systemEntropy.save()).toBeNull();
  });
});
