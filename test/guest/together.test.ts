import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestWindows } from '../../src/hosts/present/present.ts';
import {
  BlockDevice,
  deviceStatus,
  EntropyDevice,
  MemoryStorage,
  SeededEntropy,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { Lab, pciFolder } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DISK_BYTES = 1 << 20;

function seededDisk(seed: number): { bytes: Uint8Array; device: BlockDevice } {
  const bytes = new Uint8Array(DISK_BYTES);
  new SeededEntropy(seed).fill(bytes);
  return { bytes, device: new BlockDevice({ storage: new MemoryStorage(bytes) }) };
}

describe.skipIf(pieces === null)(`Functions in one Linux guest${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  it('share an interrupt line, three of them and of every window, all at work', async () => {
    const [first, second, third] = [seededDisk(1), seededDisk(2), seededDisk(3)];
    // Every fourth slot is wired to the same line.
    lab.present(first.device, 4, 'io-bar');
    lab.present(second.device, 8, 'mmr');
    lab.present(third.device, 12, 'modern');
    lab.present(new EntropyDevice({ source: new SeededEntropy(4) }), 16, 'mmr');
    await lab.rescan();
    const lines = (await lab.sh('grep virtio /proc/interrupts')).split('\n');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/virtio0, virtio1, virtio2, virtio3$/);
    const sums = await lab.sh(
      [
        '(for disk in vda vdb vdc; do md5sum < /dev/$disk > /tmp/$disk & done',
        'head -c 4096 /dev/hwrng | wc -c',
        'wait; cat /tmp/vda /tmp/vdb /tmp/vdc)',
      ].join('\n'),
    );
    expect(sums).toBe(['4096', ...[first, second, third].map(({ bytes }) => `${md5(bytes)}  -`)].join('\n'));
    expect(await lab.sh('dmesg | grep -c "nobody cared" || true')).toBe('0');
    expect(lab.findings).toEqual([]);
  });

  it('stay apart on a shared line: one that nobody serves does not keep the others from their interrupts', async () => {
    const disk = seededDisk(5);
    lab.present(new EntropyDevice({ source: new SeededEntropy(6) }), 4, 'mmr');
    lab.present(disk.device, 8, 'mmr');
    await lab.rescan();
    await lab.sh('head -c 8 /dev/hwrng > /dev/null; echo 1 > /sys/bus/pci/devices/0000:00:04.0/remove');
    expect(await lab.sh('md5sum < /dev/vda')).toBe(`${md5(disk.bytes)}  -`);
  });

  describe.each(guestWindows)('through %s', (window) => {
    const whereIs = async (device: number) =>
      (await lab.sh(`head -n 6 ${pciFolder(device)}/resource | grep -v '^0x0*  *0x0* '`)).split('\n');

    it('are moved to other addresses by the kernel, and answer there', async () => {
      const [moved, other] = [seededDisk(7), seededDisk(8)];
      lab.present(moved.device, 6, window);
      await lab.rescan();
      const before = await whereIs(6);
      await lab.sh(`echo 1 > ${pciFolder(6)}/remove`);
      // Found first at the next scan, it takes addresses that the other had: all, or where it has several BARs the first.
      lab.present(other.device, 5, window);
      await lab.rescan();
      const taken = (await whereIs(5)).filter((place) => before.includes(place));
      expect(taken).not.toEqual([]);
      for (const place of taken) expect(await whereIs(6)).not.toContain(place);
      expect(await lab.sh('md5sum < /dev/vda; md5sum < /dev/vdb')).toBe(
        `${md5(other.bytes)}  -\n${md5(moved.bytes)}  -`,
      );
      expect(lab.findings).toEqual([]);
    });

    it('are removed and found again, ten times', async () => {
      const disk = seededDisk(9);
      const { fn } = lab.present(disk.device, 5, window);
      await lab.rescan();
      for (let i = 0; i < 10; i++) {
        await lab.sh(`echo 1 > ${pciFolder(5)}/remove; [ ! -e /dev/vda ]`);
        // Reset, and acknowledged anew for whichever driver comes next.
        expect(fn.device.status).toBe(deviceStatus.acknowledge);
        await lab.rescan();
      }
      expect(await lab.sh('md5sum < /dev/vda')).toBe(`${md5(disk.bytes)}  -`);
      expect(lab.findings).toEqual([]);
    });
  });

  // The modern driver of this kernel waits for ever for a status of 0 from a function that is gone.
  it.each(['io-bar', 'mmr'] as const)(
    'are taken out behind the guest of %s, and put in again',
    async (window) => {
      const device = lab.present(seededDisk(10).device, 5, window);
      await lab.rescan();
      device.unplug();
      await lab.sh(`echo 1 > ${pciFolder(5)}/remove`);
      const again = seededDisk(11);
      lab.present(again.device, 5, window);
      await lab.rescan();
      expect(await lab.sh('md5sum < /dev/vda')).toBe(`${md5(again.bytes)}  -`);
    },
  );
});
