import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestWindows } from '../../../src/hosts/present/present.ts';
import { BlockDevice, MemoryStorage } from '../../../src/virtio/index.ts';
import { checkExt4, ext4Note, hasExt4Tools, makeExt4, md5 } from '../ext4.ts';
import { OurDevices } from './our-devices.ts';
import { kernels, newest, usually, withLinux } from './support.ts';

const EXT4_BYTES = 32 << 20;
const FILE_MIB = 4;
/** Older kernels ask for checksums by a name that no dependency tells. */
const MODULES = ['virtio_blk', 'virtio_pci', 'crc32c_generic', 'ext4'];
/** A legacy block in memory alone is for drivers that know of it. */
const windows = usually(guestWindows.filter((window) => window !== 'legacy-memory'));
const interrupts = [
  { name: 'MSI-X', commandLine: '', shown: /PCI-MSI\S*\s.*virtio0-req/ },
  { name: 'INTx', commandLine: 'pci=nomsi', shown: /IO-APIC\s.*virtio0/ },
] as const;

describe.each(kernels(newest).map((kernel) => [`${kernel.name}${kernel.note}`, kernel] as const))(
  "64-bit Linux's block driver in QEMU, of %s",
  (_, kernel) => {
    let ours: OurDevices;
    beforeEach(async () => {
      ours = await OurDevices.start();
    });
    afterEach(() => ours.close());

    describe.skipIf(kernel.reason !== null).each(windows)('through %s', (window) => {
      it.skipIf(!hasExt4Tools).each(interrupts)(
        `keeps an ext4 file system that e2fsck finds clean, with $name${ext4Note}`,
        async ({ commandLine, shown }) => {
          const bytes = makeExt4(EXT4_BYTES);
          const disk = ours.add(new BlockDevice({ storage: new MemoryStorage(bytes) }), { window });
          const options = {
            modules: MODULES,
            commandLine,
            devices: [disk.qemu()],
          };
          const sums = await withLinux(kernel, options, async (guest) => {
            expect(await guest.runOk('cat /proc/interrupts')).toMatch(shown);
            await guest.runOk('mount -t ext4 /dev/vda /mnt');
            await guest.runOk(
              'seq 1 3000 > /mnt/numbers && mkdir /mnt/folder && mv /mnt/numbers /mnt/folder/count',
            );
            await guest.runOk(`dd if=/dev/urandom of=/mnt/random bs=64k count=${FILE_MIB * 16} 2>/dev/null`);
            const sum = await guest.runOk('cd /mnt && md5sum random folder/count && cd / && umount /mnt');
            expect(await guest.runOk('dmesg | grep -c "nobody cared" || true')).toBe('0\n');
            return sum;
          });
          const files = checkExt4(bytes, ['/random', '/folder/count']);
          expect(files['/random']!.length).toBe(FILE_MIB << 20);
          expect(sums).toBe(
            `${md5(files['/random']!)}  random\n${md5(files['/folder/count']!)}  folder/count\n`,
          );
          expect(ours.clauses).toEqual([]);
          await ours.left(1);
        },
      );
    });
  },
);
