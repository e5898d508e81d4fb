import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlockDevice, EntropyDevice, MemoryStorage, SeededEntropy } from '../../../src/virtio/index.ts';
import { md5 } from '../ext4.ts';
import { BigEndianMachine } from './big-endian-guest.ts';

/*
 * The guest of the debates that nobody had at hand: a real big-endian Linux with legacy drivers, on vDPA parents that are little-endian
 * and know nothing but virtio 1.x. It fetches 200 MB of packages at its first run, so it runs on demand.
 */
const asked = process.env.VIRTIOLAB_MACHINES === 'all';

describe.skipIf(!asked)('A big-endian Linux (s390x) on vDPA parents (with VIRTIOLAB_MACHINES=all)', () => {
  let machine: BigEndianMachine;
  beforeEach(() => {
    machine = new BigEndianMachine();
  });
  afterEach(() => machine.close());

  it('reads and writes a disk, and reads random bytes', async () => {
    const disk = new Uint8Array(1 << 20);
    new SeededEntropy(3).fill(disk);
    const before = disk.slice();
    const block = await machine.add(new BlockDevice({ storage: new MemoryStorage(disk) }));
    const rng = await machine.add(new EntropyDevice({ source: new SeededEntropy(1) }));
    const printed = await machine.run([
      'uname -m',
      'cat /sys/block/vda/size',
      'md5sum /dev/vda',
      'dd if=/dev/zero of=/dev/vda bs=4096 seek=3 count=2 conv=fsync 2>/dev/null',
      'echo written',
      'head -c 64 /dev/hwrng | busybox wc -c',
    ]);
    expect(printed.trim().split('\n')).toEqual([
      's390x',
      '2048',
      `${md5(before)}  /dev/vda`,
      'written',
      '64',
    ]);
    before.fill(0, 3 * 4096, 5 * 4096);
    expect(md5(disk)).toBe(md5(before));
    for (const { parent, refusal, counts } of [block, rng]) {
      expect(refusal).toBe(null);
      expect(parent.orders).toBe('little only');
      expect(parent.device.legacyDriver).toBe(false);
      expect(counts.chains).toBeGreaterThan(0);
    }
    // The header of each request is turned, its data stays where it is.
    expect(block.counts.copiedBytes).toBe(16 * block.counts.copies);
  });
});
