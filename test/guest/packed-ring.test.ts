import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlockDevice, feature, MemoryStorage, SeededEntropy } from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DISK_BYTES = 1 << 20;
const { ringIndirectDescriptors, ringEventIndex, ringPacked } = feature;

/*
 * The kernel wrote its packed rings from the same specification, and not from our tables: reads, writes and several
 * requests in flight go many times around the ring, which has 128 descriptors.
 */
describe.skipIf(pieces === null)(`Linux's packed rings${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  it.each([
    ['with direct descriptors', [ringPacked]],
    ['with indirect tables and event index', [ringPacked, ringIndirectDescriptors, ringEventIndex]],
  ])('carry a disk, %s', async (_, features) => {
    const bytes = new Uint8Array(DISK_BYTES);
    new SeededEntropy(1).fill(bytes);
    const { fn } = lab.present(
      new BlockDevice({ storage: new MemoryStorage(bytes) }),
      4,
      'modern',
      undefined,
      features,
    );
    await lab.rescan();
    for (const bit of [ringPacked, ringIndirectDescriptors, ringEventIndex])
      expect([bit, fn.device.has(bit)]).toEqual([bit, features.includes(bit)]);
    expect(await lab.sh('md5sum < /dev/vda')).toBe(`${md5(bytes)}  -`);
    const sums = await lab.sh(
      [
        'dd if=/dev/vda of=/tmp/piece bs=4096 skip=100 count=100 2>/dev/null',
        '(for at in 0 1; do dd if=/tmp/piece of=/dev/vda bs=512 seek=$((at * 1000)) conv=notrunc 2>/dev/null & done',
        'wait); sync; echo 3 > /proc/sys/vm/drop_caches; md5sum < /dev/vda',
      ].join('\n'),
    );
    expect(sums).toBe(`${md5(bytes)}  -`);
    const piece = bytes.slice(0, 4096 * 100);
    expect(md5(bytes.slice(512 * 1000, 512 * 1000 + 4096 * 100))).toBe(md5(piece));
    expect(lab.findings).toEqual([]);
  });
});
