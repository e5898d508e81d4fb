import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BlockDevice,
  blockFeature,
  CountedStorage,
  FaultyStorage,
  feature,
  MemoryStorage,
  OverlayStorage,
} from '../../src/virtio/index.ts';
import { carryOut } from '../virtio/backends/transfers.ts';
import { checkExt4, ext4Note, hasExt4Tools, makeExt4, md5 } from './ext4.ts';
import { type GuestWay, guestWays, Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DEVICE = 5;
const EXT4_BYTES = 4 << 20;
const MIB = 1 << 20;
/** Where a sector of the guest's view lies, in blocks of dd. */
const BLOCK = 4096;

describe.skipIf(pieces === null)(`Linux's block driver and the rarer requests${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  /** A disk that is written to in memory, on which things may go wrong. */
  const present = (image: Uint8Array, { window, transportFeatures }: GuestWay) => {
    const overlay = new OverlayStorage(new MemoryStorage(image, true));
    const faulty = new FaultyStorage(overlay);
    const storage = new CountedStorage(faulty);
    const device = new BlockDevice({
      storage,
      queues: 2,
      blockSize: 1024,
      topology: { physicalBlockExponent: 2, minimumIoSize: 8, optimalIoSize: 64 },
      discard: { sectors: 1024, segments: 4, alignment: 8 },
      writeZeroes: { sectors: 512, segments: 2 },
    });
    const { fn } = lab.present(device, DEVICE, window, undefined, transportFeatures);
    return { fn, device, storage, faulty, overlay };
  };
  const contents = (overlay: OverlayStorage) => carryOut(overlay, 'read', 0, overlay.length).data;

  describe.each(guestWays)('through $name', (variant) => {
    it.skipIf(!hasExt4Tools)(`trims ext4 and has zeros written${ext4Note}`, async () => {
      const { storage, overlay } = present(makeExt4(EXT4_BYTES), variant);
      await lab.rescan();
      await lab.sh('mount -t ext4 -o dioread_lock /dev/vda /mnt');
      // Some free blocks hold something then: there is something to trim, and zeros have to come from somewhere.
      await lab.sh('dd if=/bin/busybox of=/mnt/full bs=64k count=16 2>/dev/null; sync; rm /mnt/full; sync');
      const full = overlay.allocatedBytes;
      // Writing into a short stretch that is only reserved, the file system has the rest of it zeroed by the device.
      await lab.sh('fallocate -l 16384 /mnt/file && sync');
      await lab.sh('dd if=/dev/urandom of=/mnt/file bs=1024 seek=3 count=1 conv=notrunc 2>/dev/null && sync');
      expect(storage.requests.writeZeroes).toBeGreaterThan(0);
      expect(storage.requests.discard).toBe(0);
      await lab.sh('fstrim /mnt');
      expect(storage.requests.discard).toBeGreaterThan(0);
      expect(overlay.allocatedBytes).toBeLessThan(full);
      const sum = await lab.sh('md5sum < /mnt/file && umount /mnt');
      const bytes = checkExt4(contents(overlay), ['/file'])['/file']!;
      expect(sum).toBe(`${md5(bytes)}  -`);
      expect([bytes.length, bytes.subarray(0, 3072).some((byte) => byte !== 0)]).toEqual([16384, false]);
      expect(lab.findings).toEqual([]);
    });

    it('knows its limits, follows its length, and outlives its errors', async () => {
      const { fn, device, faulty, overlay } = present(new Uint8Array(2 * MIB).fill(0x5a), variant);
      await lab.rescan();
      expect(fn.device.has(feature.ringPacked)).toBe(variant.transportFeatures.includes(feature.ringPacked));
      const queue = '/sys/block/vda/queue';
      const limits = [
        `${queue}/logical_block_size`,
        `${queue}/physical_block_size`,
        `${queue}/minimum_io_size`,
        `${queue}/optimal_io_size`,
        `${queue}/discard_granularity`,
        `${queue}/discard_max_bytes`,
        `${queue}/max_discard_segments`,
        `${queue}/write_zeroes_max_bytes`,
      ];
      expect(await lab.sh(`cat ${limits.join(' ')}`)).toBe(
        '1024\n4096\n8192\n65536\n4096\n524288\n4\n262144',
      );
      const features = await lab.sh('cat /sys/block/vda/device/features; ls /sys/block/vda/mq');
      // One processor uses one queue, whatever there is.
      expect([features[blockFeature.multiQueue], features.split('\n').slice(1)]).toEqual(['1', ['0']]);

      await lab.sh(`blkdiscard -o ${MIB / 2} -l ${MIB} /dev/vda`);
      const discarded = new Uint8Array(2 * MIB).fill(0x5a).fill(0, MIB / 2, (3 * MIB) / 2);
      expect(md5(contents(overlay))).toBe(md5(discarded));

      overlay.resize(3 * MIB);
      device.resize();
      await vi.waitFor(async () => expect(await lab.sh('cat /sys/block/vda/size')).toBe('6144'), 20_000);
      expect(await lab.sh('dmesg')).toContain('detected capacity change from 4096 to 6144');

      const dd = (operands: string) => lab.guest.run(`dd ${operands} bs=${BLOCK} count=1 2>&1`);
      const [third, last] = [3, (3 * MIB) / BLOCK - 1];
      faulty.inject({ on: ['read'], range: { start: 3 * BLOCK, end: 4 * BLOCK }, does: 'fail' });
      faulty.inject({ on: ['write'], does: 'tear', times: 1 });
      const failed = await dd(`if=/dev/vda of=/dev/null skip=${third} iflag=direct`);
      expect(failed.output).toContain('Input/output error');
      const torn = await dd(`if=/dev/urandom of=/dev/vda seek=${last} oflag=direct`);
      expect(torn.output).toContain('Input/output error');
      // The device and the driver go on, in the sectors that are new as well.
      await lab.sh(
        `dd if=/proc/uptime of=/dev/vda bs=${BLOCK} seek=${last} conv=sync oflag=direct 2>/dev/null`,
      );
      const text = new TextDecoder().decode(contents(overlay).subarray(last * BLOCK, last * BLOCK + 16));
      expect(text).toMatch(/^\d+\.\d+ \d+\.\d+/);
      faulty.mend();
      expect(
        await lab.sh(`dd if=/dev/vda bs=${BLOCK} skip=${third} count=1 iflag=direct 2>/dev/null | md5sum`),
      ).toBe(`${md5(new Uint8Array(BLOCK).fill(0x5a))}  -`);
      expect(lab.findings).toEqual([]);
    });
  });

  /*
   * Drivers go by bit 0 of a request's type to tell whether the device reads its data, and the one type of which that is
   * wrong is SECURE_ERASE: Linux up to 6.1 at least gives its segments as buffers for the device to write (BLK-OP-07).
   */
  it('SECURE_ERASE either erases, or is told of for what the driver makes of it', async () => {
    const memory = new MemoryStorage(new Uint8Array(MIB).fill(0x5a));
    lab.present(new BlockDevice({ storage: memory, secureErase: {} }), DEVICE, 'modern');
    await lab.rescan();
    const { output } = await lab.guest.run(`blkdiscard -s -l ${MIB} /dev/vda`);
    const clauses = lab.findings.map((finding) => 'clause' in finding && finding.clause);
    if (clauses.length === 0) expect([output, memory.bytes.some((byte) => byte !== 0)]).toEqual(['', false]);
    else expect([clauses, output]).toEqual([['BLK-OP-07'], expect.stringContaining('Input/output error')]);
    expect(await lab.sh('echo alive')).toBe('alive');
  });
});
