import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DiskUnit,
  MemoryStorage,
  ScsiDevice,
  SeededEntropy,
  type Storage,
  type Transfer,
} from '../../src/virtio/index.ts';
import { checkExt4, ext4Note, hasExt4Tools, md5 } from './ext4.ts';
import { guestWays, Lab } from './lab.ts';
import { resetTool } from './scsi-reset-tool.ts';
import { pieces, skipNote } from './support.ts';

const DEVICE = 5;
const MIB = 1 << 20;

function seeded(lengthBytes: number, seed = 3): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  new SeededEntropy(seed).fill(bytes);
  return bytes;
}

/** Keeps reads while it is told to, and counts what else comes. */
class WatchedStorage extends MemoryStorage {
  holds = false;
  readonly held: Transfer[] = [];
  readonly counts = { flush: 0, discard: 0 };

  override read(transfer: Transfer): void {
    if (this.holds) this.held.push(transfer);
    else super.read(transfer);
  }

  override flush(transfer: Transfer): void {
    this.counts.flush++;
    super.flush(transfer);
  }

  override discard(transfer: Transfer): void {
    this.counts.discard++;
    super.discard(transfer);
  }

  release(): void {
    this.holds = false;
    for (const transfer of this.held.splice(0)) super.read(transfer);
  }
}

const disk = (storage: Storage, serial = 'first') => new DiskUnit({ storage, serial, revision: '0.1' });

/** The ways in which everything is tried; the others have a shorter test. */
const thoroughly = guestWays.filter(({ name }) => name === 'mmr' || name === 'modern, packed rings');

describe.skipIf(pieces === null)(`Linux's SCSI driver${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  /** Waits in the guest for what a thread of the kernel does by itself. */
  const until = (condition: string) =>
    lab.sh(`(for i in $(seq 1 500); do ${condition} && exit 0; usleep 10000; done; ${condition})`);
  /** The kernel shows a disk a moment before it can be opened. */
  const ready = (path: string) => until(`head -c 1 ${path} > /dev/null 2>&1`);
  const size = (name: string) => lab.sh(`cat /sys/block/${name}/size`);

  it.skipIf(!hasExt4Tools)(
    `partitions a disk, makes a file system on it and keeps files there${ext4Note}`,
    async () => {
      const storage = new WatchedStorage(seeded(16 * MIB));
      lab.present(new ScsiDevice({ units: [{ target: 0, lun: 0, unit: disk(storage) }] }), DEVICE, 'io-bar');
      await lab.rescan();
      await ready('/dev/sda');
      // What earlier data look like to a kernel that searches for a partition table is none of our business.
      await lab.sh('dd if=/dev/zero of=/dev/sda bs=64k count=1 2>/dev/null');
      await lab.sh(
        `printf 'o\\nn\\np\\n1\\n2048\\n\\nw\\n' | fdisk -u /dev/sda > /tmp/fdisk 2>&1; cat /tmp/fdisk`,
      );
      await ready('/dev/sda1');
      await lab.sh('mke2fs /dev/sda1 > /dev/null && mount -t ext4 /dev/sda1 /mnt');
      await lab.sh('seq 1 3000 > /mnt/numbers && mkdir /mnt/modules && cp /lib/modules/ext4.ko /mnt/modules');
      await lab.sh('dd if=/dev/urandom of=/mnt/random bs=64k count=16 2>/dev/null && sync');
      await lab.sh(
        'dd if=/dev/urandom of=/mnt/gone bs=64k count=32 2>/dev/null && sync && rm /mnt/gone && sync',
      );
      const sums = await lab.sh('cd /mnt && md5sum random numbers && cd /');
      expect(storage.counts.discard).toBe(0);
      const trimmed = await lab.sh('fstrim -v /mnt && umount /mnt');
      expect(storage.counts.discard).toBeGreaterThan(0);
      expect(Number(/(\d+) bytes/.exec(trimmed)![1])).toBeGreaterThan(8 * MIB);
      expect(storage.counts.flush).toBeGreaterThan(0);
      const entry = new DataView(storage.bytes.buffer, 446, 16);
      const [start, blocks] = [entry.getUint32(8, true), entry.getUint32(12, true)];
      expect([start, start + blocks]).toEqual([2048, (16 * MIB) / 512]);
      const files = checkExt4(storage.bytes.slice(start * 512), ['/random', '/numbers', '/modules/ext4.ko']);
      expect(sums).toBe(`${md5(files['/random']!)}  random\n${md5(files['/numbers']!)}  numbers`);
      expect(Buffer.from(files['/numbers']!).toString()).toMatch(/^1\n2\n.*\n3000\n$/s);
      expect(lab.findings).toEqual([]);
    },
  );

  it.each(thoroughly)(
    'reads who a disk is, moves its data, and follows what is plugged in and out through $name',
    async ({ window, transportFeatures }) => {
      const first = new WatchedStorage(seeded(2 * MIB, 1));
      const protectedOne = new MemoryStorage(seeded(MIB, 2), true);
      const large = new MemoryStorage(seeded(MIB, 3));
      const device = new ScsiDevice({
        requestQueues: 2,
        units: [
          { target: 0, lun: 0, unit: disk(first) },
          { target: 0, lun: 300, unit: disk(protectedOne, 'second') },
          { target: 7, lun: 0, unit: new DiskUnit({ storage: large, blockBytes: 4096 }) },
        ],
      });
      lab.present(device, DEVICE, window, undefined, transportFeatures);
      await lab.rescan();
      await until('[ $(ls -d /sys/block/sd? 2> /dev/null | wc -l) = 3 ]');
      const names = await lab.sh(
        'cd /sys/class/scsi_device; for at in *; do echo $at $(basename $at/device/block/*); done',
      );
      const named = Object.fromEntries(
        names.split('\n').map((line) => /^\d+:(\S+) (\S+)$/.exec(line)!.slice(1, 3) as [string, string]),
      );
      // The kernel keeps the method with the number: 300 is 0x412c to it.
      expect(Object.keys(named)).toEqual(['0:0:0', '0:0:16684', '0:7:0']);
      const [sda, sdb, sdc] = [named['0:0:0']!, named['0:0:16684']!, named['0:7:0']!];
      for (const name of [sda, sdb, sdc]) await ready(`/dev/${name}`);

      const inquiry = `cd /sys/block/${sda}/device; cat vendor model rev type scsi_level wwid`;
      expect((await lab.sh(inquiry)).split('\n').map((line) => line.trim())).toEqual([
        'VIRTLAB',
        'virtiolab disk',
        '0.1',
        '0',
        '7',
        't10.VIRTLAB virtiolab disk  first',
      ]);
      // In units of 512 bytes whatever the block is.
      expect([await size(sda), await size(sdb), await size(sdc)]).toEqual(['4096', '2048', '2048']);
      const limits = (name: string) =>
        lab.sh(
          `cd /sys/block/${name}; cat ro queue/logical_block_size queue/write_cache queue/fua queue/rotational queue/discard_max_bytes`,
        );
      expect((await limits(sda)).split('\n')).toEqual([
        '0',
        '512',
        'write back',
        '1',
        '0',
        `${0x400000 * 512}`,
      ]);
      expect((await limits(sdb)).split('\n')[0]).toBe('1');
      expect((await limits(sdc)).split('\n')[1]).toBe('4096');

      const sums = `md5sum < /dev/${sda}; md5sum < /dev/${sdb}; md5sum < /dev/${sdc}`;
      const expected = [first, protectedOne, large].map(({ bytes }) => `${md5(bytes)}  -`).join('\n');
      expect(await lab.sh(sums)).toBe(expected);
      await lab.sh(`dd if=/dev/${sda} of=/dev/${sdc} bs=64k count=16 oflag=direct conv=fsync 2>/dev/null`);
      expect(md5(large.bytes)).toBe(md5(first.bytes.subarray(0, MIB)));
      expect((await lab.guest.run(`echo x > /dev/${sdb}`)).output).toContain('Read-only file system');

      const cache = `cd /sys/block/${sda}/device/scsi_disk/*`;
      await lab.sh(`${cache}; echo "write through" > cache_type`);
      expect(await lab.sh(`${cache}; cat cache_type /sys/block/${sda}/queue/write_cache`)).toBe(
        'write through\nwrite through',
      );
      const flushes = first.counts.flush;
      await lab.sh(`dd if=/dev/zero of=/dev/${sda} bs=4k count=2 oflag=direct 2>/dev/null`);
      expect(first.counts.flush).toBe(flushes + 2);
      await lab.sh(`blkdiscard -o 65536 -l 8192 /dev/${sda}`);
      expect(first.counts.discard).toBe(1);
      expect(first.bytes.subarray(65536, 65536 + 8192).every((byte) => byte === 0)).toBe(true);
      expect(first.bytes.subarray(65536 - 512, 65536)).toEqual(
        seeded(2 * MIB, 1).subarray(65536 - 512, 65536),
      );

      const added = new MemoryStorage(seeded(MIB, 4));
      const unit = disk(added, 'added');
      device.attachLun(0, 1, unit);
      await until('[ -e /sys/class/scsi_device/*:0:0:1/device/block ]');
      const sdd = await lab.sh('basename /sys/class/scsi_device/*:0:0:1/device/block/*');
      await ready(`/dev/${sdd}`);
      expect(await lab.sh(`md5sum < /dev/${sdd}`)).toBe(`${md5(added.bytes)}  -`);
      added.resize(2 * MIB);
      unit.capacityChanged();
      await until(`[ $(cat /sys/block/${sdd}/size) = 4096 ]`);
      device.detachLun(0, 1);
      await until(`[ ! -e /sys/block/${sdd} ]`);
      device.attachLun(9, 0, disk(new MemoryStorage(seeded(MIB, 5)), 'of its own target'));
      await until('[ -e /sys/class/scsi_device/*:0:9:0/device/block ]');
      device.detachLun(9, 0);
      await until('[ ! -e /sys/class/scsi_device/*:0:9:0 ]');
      expect(lab.findings).toEqual([]);
    },
  );

  it.each(['io-bar', 'legacy-memory', 'transitional-memory', 'modern'] as const)(
    'finds and loses a disk through %s',
    async (window) => {
      const device = new ScsiDevice();
      lab.present(device, DEVICE, window);
      await lab.rescan();
      const storage = new MemoryStorage(seeded(MIB, 7));
      device.attachLun(2, 5, disk(storage));
      await ready('/dev/sda');
      expect(await lab.sh('md5sum < /dev/sda')).toBe(`${md5(storage.bytes)}  -`);
      device.detachLun(2, 5);
      await until('[ ! -e /dev/sda ]');
      expect(lab.findings).toEqual([]);
    },
  );

  it('resets a unit with a command in flight, and sends the command again', async () => {
    const storage = new WatchedStorage(seeded(MIB, 6));
    const device = new ScsiDevice({ units: [{ target: 0, lun: 0, unit: disk(storage) }] });
    lab.present(device, DEVICE, 'mmr');
    await lab.rescan();
    await ready('/dev/sda');
    await lab.sh(resetTool('/tmp/reset'));
    storage.holds = true;
    await lab.sh(
      'dd if=/dev/sda bs=4k skip=32 count=1 iflag=direct 2> /dev/null > /tmp/block & usleep 20000',
    );
    await until('[ $(cat /sys/block/sda/device/device_busy) = 1 ]');
    expect(storage.held).toHaveLength(1);
    const aborted = storage.held.shift()!;
    // SG_SCSI_RESET of the device: a LOGICAL UNIT RESET on the control queue.
    await lab.sh('/tmp/reset /dev/sda');
    await until('[ $(cat /sys/block/sda/device/device_busy) = 1 ]');
    expect(aborted.live).toBe(false);
    aborted.done(true);
    storage.release();
    await until('[ $(wc -c < /tmp/block) = 4096 ]');
    expect(await lab.sh('md5sum < /tmp/block')).toBe(
      `${md5(storage.bytes.subarray(32 * 4096, 33 * 4096))}  -`,
    );
    expect(lab.findings).toEqual([]);
  });
});
