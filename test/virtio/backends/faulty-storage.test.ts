import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../../src/core/index.ts';
import {
  CountedStorage,
  FaultyStorage,
  MemoryStorage,
  type StorageFault,
  type StorageOperation,
} from '../../../src/virtio/index.ts';
import { carryOut } from './transfers.ts';

const image = () => new Uint8Array(16 * 512).map((_, i) => 1 + (i >> 9));
const operations: readonly StorageOperation[] = [
  'read',
  'write',
  'flush',
  'discard',
  'writeZeroes',
  'secureErase',
];

function make(...faults: readonly StorageFault[]) {
  const inner = new MemoryStorage(image());
  const counted = new CountedStorage(inner);
  const scheduler = new HeldScheduler();
  const storage = new FaultyStorage(counted, scheduler);
  for (const fault of faults) storage.inject(fault);
  const sector = (operation: StorageOperation, at: number, sectors = 1) =>
    carryOut(storage, operation, at * 512, operation === 'flush' ? 0 : sectors * 512);
  return { inner, counted, scheduler, storage, sector };
}

describe('a faulty storage', () => {
  it.each(operations)('passes %s on while nothing strikes', (operation) => {
    const { sector, counted, storage } = make();
    expect([sector(operation, 3).ends, counted.requests[operation], storage.struck]).toEqual([[true], 1, []]);
  });

  it.each(operations)(
    'fails the second and third %s, and what is behind it sees nothing of them',
    (operation) => {
      const { sector, counted, storage, inner } = make({ on: [operation], from: 2, times: 2, does: 'fail' });
      const ends = [0, 1, 2, 3].map((at) => sector(operation, at).ends[0]);
      expect([ends, counted.requests[operation]]).toEqual([[true, false, false, true], 2]);
      expect(storage.struck.map(({ offset, does }) => [offset / 512, does])).toEqual([
        [1, 'fail'],
        [2, 'fail'],
      ]);
      expect([inner.bytes[512], inner.bytes[1024]]).toEqual([2, 3]);
    },
  );

  it('strikes what touches a range', () => {
    const { sector } = make({ range: { start: 4 * 512, end: 6 * 512 }, does: 'fail' });
    const ends = [
      sector('read', 3),
      sector('read', 3, 2),
      sector('write', 5),
      sector('read', 6),
      sector('flush', 0),
    ];
    expect(ends.map(({ ends }) => ends[0])).toEqual([true, false, false, true, true]);
  });

  it('tears: some of it is carried out, and it fails', () => {
    const { sector, inner, storage } = make({ on: ['write'], does: 'tear', bytes: 512, times: 1 });
    expect(sector('write', 2, 3).ends).toEqual([false]);
    expect([inner.bytes[1024], inner.bytes[1536]]).toEqual([0xee, 4]);
    storage.inject({ on: ['read'], does: 'tear' });
    const read = sector('read', 8, 4);
    expect([read.ends, read.data[2 * 512 - 1], read.data[2 * 512]]).toEqual([[false], 10, 0xee]);
  });

  it('delays until its scheduler lets it go on', () => {
    const { sector, scheduler } = make({ on: ['read'], does: 'delay' });
    const read = sector('read', 2);
    expect([read.ends, sector('write', 3).ends]).toEqual([[], [true]]);
    scheduler.releaseAll();
    expect([read.ends, read.data[0]]).toEqual([[true], 3]);
  });

  test.each(['keep', 'delay'] as const)('%s: what a reset took back is not carried out later', (does) => {
    const { sector, storage, scheduler, inner } = make({ does });
    const [zeroes, write] = [sector('writeZeroes', 1), sector('write', 2)];
    expect(storage.kept).toBe(does === 'keep' ? 2 : 0);
    zeroes.live = write.live = false;
    storage.release();
    scheduler.releaseAll();
    expect([zeroes.ends, write.ends, inner.bytes]).toEqual([[false], [false], image()]);
    expect(storage.kept).toBe(0);
  });

  it('keeps until it is told to let go, and then carries it out, if it still can', () => {
    const { sector, storage, inner } = make({ on: ['read'], does: 'keep' });
    const [near, far] = [sector('read', 1), sector('read', 12)];
    inner.resize(8 * 512);
    storage.release();
    expect([near.ends, near.data[0], far.ends]).toEqual([[true], 2, [false]]);
  });

  it('is mended, fault by fault or at once', () => {
    const { sector, storage } = make();
    const mendReads = storage.inject({ on: ['read'], does: 'fail' });
    storage.inject({ on: ['write'], does: 'fail' });
    mendReads();
    expect([sector('read', 0).ends, sector('write', 0).ends]).toEqual([[true], [false]]);
    storage.mend();
    expect(sector('write', 0).ends).toEqual([true]);
  });

  it('can what the storage behind it can, and is as long', () => {
    const { length, readOnly } = new MemoryStorage(image());
    const plain = { length, readOnly, read: () => {}, write: () => {}, flush: () => {} };
    const faulty = new FaultyStorage(plain);
    expect([faulty.discard, faulty.writeZeroes, faulty.secureErase, faulty.mayUnmap]).toEqual([
      undefined,
      undefined,
      undefined,
      false,
    ]);
    const { storage } = make();
    expect([storage.length, storage.readOnly, typeof storage.secureErase]).toEqual([8192, false, 'function']);
  });
});
