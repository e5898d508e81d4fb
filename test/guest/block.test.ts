import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlockDevice, CountedStorage, MemoryStorage, SeededEntropy } from '../../src/virtio/index.ts';
import { checkExt4, ext4Note, hasExt4Tools, makeExt4, md5 } from './ext4.ts';
import { Lab, pciFolder, usualWindows } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DEVICE = 5;
const EXT4_BYTES = 32 << 20;
const LARGE_BYTES = 64 << 20;
const REBINDS = 50;
/** How much of a large disk the guest itself takes a checksum of. */
const SUMMED_MIB = 8;

function seeded(lengthBytes: number, seed = 3): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  new SeededEntropy(seed).fill(bytes);
  return bytes;
}

describe.skipIf(pieces === null)(`Linux's block driver${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  describe.each(usualWindows)('through %s', (window) => {
    it.skipIf(!hasExt4Tools)(`keeps an ext4 file system that e2fsck finds clean${ext4Note}`, async () => {
      const bytes = makeExt4(EXT4_BYTES);
      lab.present(new BlockDevice({ storage: new MemoryStorage(bytes) }), DEVICE, window);
      await lab.rescan();
      await lab.sh('mount -t ext4 /dev/vda /mnt');
      await lab.sh('seq 1 3000 > /mnt/numbers && mkdir /mnt/modules && cp /lib/modules/ext4.ko /mnt/modules');
      await lab.sh('dd if=/dev/urandom of=/mnt/random bs=64k count=16 2>/dev/null');
      await lab.sh('touch /mnt/gone && rm /mnt/gone && mv /mnt/numbers /mnt/modules/count');
      const sums = await lab.sh('cd /mnt && md5sum random modules/count && cd / && umount /mnt');
      const files = checkExt4(bytes, ['/random', '/modules/count', '/modules/ext4.ko']);
      expect(sums).toBe(`${md5(files['/random']!)}  random\n${md5(files['/modules/count']!)}  modules/count`);
      expect(Buffer.from(files['/modules/count']!).toString()).toMatch(/^1\n2\n.*\n3000\n$/s);
      expect(md5(files['/modules/ext4.ko']!)).toBe(md5(readFileSync(join(pieces!.modulesFolder, 'ext4.ko'))));
      expect(lab.findings).toEqual([]);
    });

    it('reads and writes 64 MiB without losing a bit', async () => {
      const source = seeded(LARGE_BYTES);
      const target = new Uint8Array(LARGE_BYTES);
      lab.present(new BlockDevice({ storage: new MemoryStorage(source, true) }), DEVICE, window);
      lab.present(new BlockDevice({ storage: new MemoryStorage(target) }), DEVICE + 1, window);
      await lab.rescan();
      // A list of two million events is of no use to anybody.
      lab.board.events = null;
      // Checksums of it all would take the guest longer than everything else; what it copies went through its memory.
      const sum = await lab.sh(`dd if=/dev/vda bs=1M count=${SUMMED_MIB} 2>/dev/null | md5sum`);
      expect(sum).toBe(`${md5(source.subarray(0, SUMMED_MIB << 20))}  -`);
      await lab.sh('dd if=/dev/vda of=/dev/vdb bs=128k iflag=direct oflag=direct 2>/dev/null');
      expect(md5(target)).toBe(md5(source));
    });

    it('cannot write to a read-only image', async () => {
      const bytes = seeded(1 << 20);
      const before = md5(bytes);
      lab.present(new BlockDevice({ storage: new MemoryStorage(bytes, true) }), DEVICE, window);
      await lab.rescan();
      expect(await lab.sh('cat /sys/block/vda/ro')).toBe('1');
      expect((await lab.guest.run('echo x > /dev/vda')).output).toContain('Operation not permitted');
      expect(await lab.sh('md5sum < /dev/vda')).toBe(`${before}  -`);
      expect(md5(bytes)).toBe(before);
      expect(lab.findings).toEqual([]);
    });

    it('flushes when it is asked to, and has its cache mode switched', async () => {
      const storage = new CountedStorage(new MemoryStorage(new Uint8Array(1 << 20)));
      lab.present(new BlockDevice({ storage }), DEVICE, window);
      await lab.rescan();
      expect(await lab.sh('cat /sys/block/vda/queue/write_cache')).toBe('write back');
      await lab.sh('dd if=/dev/zero of=/dev/vda bs=4k count=4 oflag=direct 2>/dev/null');
      expect(storage.requests).toMatchObject({ write: 4, flush: 0 });
      await lab.sh('dd if=/dev/zero of=/dev/vda bs=4k count=4 conv=fsync 2>/dev/null');
      expect(storage.requests.flush).toBe(1);
      await lab.sh('echo "write through" > /sys/block/vda/cache_type');
      await lab.sh('dd if=/dev/zero of=/dev/vda bs=4k count=4 conv=fsync oflag=direct 2>/dev/null');
      // Each write is made stable by the device now, and the kernel knows that it need not ask.
      expect(storage.requests.flush).toBe(5);
      expect(lab.findings).toEqual([]);
    });

    it(`is unbound and bound again ${REBINDS} times`, async () => {
      const bytes = seeded(1 << 20);
      bytes.set(new TextEncoder().encode('good\n'));
      lab.present(new BlockDevice({ storage: new MemoryStorage(bytes) }), DEVICE, window);
      await lab.rescan();
      const folder = pciFolder(DEVICE);
      const driver = '/sys/bus/pci/drivers/virtio-pci';
      const script = [
        `name=$(basename $(readlink -f ${folder}))`,
        'i=0',
        `while [ $i -lt ${REBINDS} ]; do i=$((i+1))`,
        `echo $name > ${driver}/unbind || exit 1`,
        '[ ! -e /dev/vda ] || exit 2',
        `echo $name > ${driver}/bind || exit 3`,
        'read -r word < /dev/vda; [ "$word" = good ] || exit 4',
        'done; echo $i; md5sum < /dev/vda',
      ].join('\n');
      expect(await lab.sh(script)).toBe(`${REBINDS}\n${md5(bytes)}  -`);
      expect(lab.findings).toEqual([]);
    });
  });
});
