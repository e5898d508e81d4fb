import { describe, expect, it, test } from 'vitest';
import { MemoryStorage, type Transfer } from '../../../../src/virtio/index.ts';
import { sameBytes } from '../../../core/bytes.ts';
import { image, pattern, type RawCommand, SlowStorage, settled } from './support.ts';

/* Giving blocks back, and writing many alike. CDBs and lists are written by hand from SBC-3. */

const list = (...extents: readonly (readonly [lba: number, blocks: number])[]) => {
  const bytes = new Uint8Array(8 + 16 * extents.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, bytes.length - 2);
  view.setUint16(2, bytes.length - 8);
  for (const [i, [lba, blocks]] of extents.entries()) {
    view.setBigUint64(8 + 16 * i, BigInt(lba));
    view.setUint32(16 + 16 * i, blocks);
  }
  return bytes;
};
const unmap = (out: Uint8Array, length = out.length) => ({
  cdb: [0x42, 0, 0, 0, 0, 0, 0, length >> 8, length & 0xff, 0],
  out,
});

describe('UNMAP', () => {
  it('gives extents back, one after the other', () => {
    const { scsi, storage } = settled();
    const answer = scsi.do(unmap(list([3, 2], [0, 0], [60, 4])));
    expect([answer.status, answer.residual]).toEqual([0, 0]);
    const expected = image(64);
    expected.fill(0, 3 * 512, 5 * 512).fill(0, 60 * 512);
    expect(sameBytes(storage.bytes, expected)).toBe(true);
  });

  test.each<[string, RawCommand, string]>([
    ['beyond the disk, after one that is not', unmap(list([0, 1], [64, 1])), '05/21/00'],
    ['of 64 bits', unmap(list([2 ** 63, 1])), '05/21/00'],
    ['across the end', unmap(list([63, 2])), '05/21/00'],
    ['of more than there may be', unmap(list([0, 0x400000], [0, 1])), '05/26/00'],
    ['256 descriptors', unmap(list(...Array.from({ length: 256 }, () => [0, 1] as const))), '05/26/00'],
    ['less than a header', unmap(new Uint8Array(7)), '05/1a/00'],
  ])('takes nothing of a list that is wrong: %s', (_, command, expected) => {
    const { scsi, storage } = settled();
    expect([scsi.outcome(command), sameBytes(storage.bytes, image(64))]).toEqual([expected, true]);
  });

  it('passes over what is cut off, and lists of nothing', () => {
    const { scsi, storage } = settled();
    expect(scsi.outcome(unmap(new Uint8Array()))).toBe('good');
    expect(scsi.outcome(unmap(new Uint8Array(8)))).toBe('good');
    // The header promises two descriptors; the list ends in the second.
    expect(scsi.outcome(unmap(list([1, 1], [2, 1]).slice(0, 39)))).toBe('good');
    // The header counts 31 bytes: one descriptor.
    const odd = list([5, 1], [6, 1]);
    odd[3] = 31;
    expect(scsi.outcome(unmap(odd))).toBe('good');
    const expected = image(64);
    expected.fill(0, 512, 1024).fill(0, 5 * 512, 6 * 512);
    expect(sameBytes(storage.bytes, expected)).toBe(true);
    expect(scsi.outcome(unmap(list(...Array.from({ length: 255 }, (_, i) => [i % 64, 1] as const))))).toBe(
      'good',
    );
    expect(storage.bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('is none on a protected disk, and no command without a storage that discards', () => {
    const storage = new MemoryStorage(image(64), true);
    expect(settled({ storage }).scsi.outcome(unmap(list([0, 1])))).toBe('07/27/00');
    const slow = new SlowStorage();
    Object.assign(slow, { discard: undefined });
    expect(settled({ storage: slow }).scsi.outcome(unmap(list([0, 1])))).toBe('05/20/00');
  });
});

describe('WRITE SAME', () => {
  const ten = (flags: number, lba: number, blocks: number, out = pattern(1)) => ({
    cdb: [0x41, flags, 0, 0, 0, lba, 0, blocks >> 8, blocks & 0xff, 0],
    out,
  });
  const sixteen = (flags: number, lba: number, blocks: number, out = pattern(1)) => ({
    cdb: [0x93, flags, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, blocks >> 8, blocks & 0xff, 0, 0],
    out,
  });
  const nothing = new Uint8Array();

  test.each<[string, RawCommand, number, number, boolean]>([
    ['10: a block over and over', ten(0, 3, 5), 3, 5, false],
    ['16: a block over and over', sixteen(0, 60, 4), 60, 4, false],
    ['16: no block', sixteen(1, 3, 5, nothing), 3, 5, true],
    ['16: no block, given back', sixteen(9, 3, 5, nothing), 3, 5, true],
    ['10: zeros', ten(0, 0, 64, new Uint8Array(512)), 0, 64, true],
    ['10: zeros, given back', ten(8, 0, 64, new Uint8Array(512)), 0, 64, true],
    ['10: a block that cannot be had by giving back', ten(8, 1, 2), 1, 2, false],
  ])('%s', (_, command, lba, blocks, zero) => {
    const { scsi, storage } = settled();
    const answer = scsi.do(command);
    expect([answer.status, answer.response, answer.residual]).toEqual([0, 0, 0]);
    const expected = image(64);
    for (let i = lba; i < lba + blocks; i++) expected.set(zero ? new Uint8Array(512) : pattern(1), i * 512);
    expect(sameBytes(storage.bytes, expected)).toBe(true);
  });

  test.each([
    ['writes', ten(0, 1, 2), 'write 512+1024'],
    ['writes zeros where it can do no better', ten(0, 1, 2, new Uint8Array(512)), 'write 512+1024'],
    ['gives back', ten(8, 1, 2, new Uint8Array(512)), 'discard 512+1024'],
  ])('%s', (_, command, expected) => {
    const storage = new SlowStorage();
    const { scsi } = settled({ storage });
    scsi.send(command);
    expect(storage.log).toEqual([expected]);
    if (expected.startsWith('write')) {
      // In whatever pieces the storage takes it.
      const transfer = storage.waiting[0]! as Transfer;
      const target = new Uint8Array(700);
      expect([transfer.take(300, target, 0, 700), transfer.give(0, target, 0, 1)]).toEqual([true, false]);
      const doubled = new Uint8Array(1024);
      doubled.set(command.out);
      doubled.set(command.out, 512);
      expect(sameBytes(target, doubled.subarray(300, 1000))).toBe(true);
    }
    storage.end();
    expect(scsi.answer({})).toMatchObject({ response: 0, status: 0 });
  });

  test.each<[string, RawCommand, string]>([
    ['no blocks', ten(0, 0, 0), '05/24/00'],
    ['more than there may be', { cdb: [0x93, 1, ...Array(8).fill(0), 0, 1, 0, 0, 0, 0] }, '05/24/00'],
    ['an anchor', ten(0x10, 0, 1), '05/24/00'],
    ['protection', sixteen(0x20, 0, 1), '05/24/00'],
    ['blocks beyond the disk', ten(0, 63, 2), '05/21/00'],
  ])('refuses %s', (_, command, expected) => {
    const { scsi, storage } = settled();
    expect([scsi.outcome(command), sameBytes(storage.bytes, image(64))]).toEqual([expected, true]);
  });

  it('neither writes to a protected disk nor gives back what cannot be given', () => {
    const storage = new MemoryStorage(image(64), true);
    expect(settled({ storage }).scsi.outcome(ten(0, 0, 1))).toBe('07/27/00');
    const slow = new SlowStorage();
    Object.assign(slow, { discard: undefined });
    expect(settled({ storage: slow }).scsi.outcome(ten(8, 0, 1))).toBe('05/24/00');
  });

  it('stops copying once it was aborted', () => {
    const storage = new SlowStorage();
    const { scsi } = settled({ storage });
    scsi.send(ten(0, 1, 2));
    const transfer = storage.waiting.pop()!;
    expect(scsi.manage(1, [1])).toBe(0);
    expect([transfer.live, transfer.take(0, new Uint8Array(512), 0, 512)]).toEqual([false, false]);
    transfer.done(false);
    expect(scsi.answer({}).response).toBe(2);
  });
});

describe('NDOB, which SBC-3 has in WRITE SAME(16) and not in WRITE SAME(10)', () => {
  // As QEMU's own suite sends it: one block from 1 on, no data.
  const without = (cdb: readonly number[]) => ({ cdb: [...cdb] });

  it('lets the longer one do without data', () => {
    const { scsi, storage } = settled();
    expect(scsi.outcome(without([0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0]))).toBe('good');
    expect(sameBytes(storage.bytes, image(64).fill(0, 512, 3 * 512))).toBe(true);
  });

  it('is no reason for the shorter one to change anything', () => {
    const { scsi, storage } = settled();
    expect(scsi.outcome(without([0x41, 0x01, 0, 0, 0, 1, 0, 0, 2, 0]))).toBe('response 1');
    expect(sameBytes(storage.bytes, image(64))).toBe(true);
  });
});
