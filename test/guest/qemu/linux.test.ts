import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestCommandError, GuestTimeoutError } from '../../../src/hosts/guest/errors.ts';
import { QemuLinux } from '../../../src/hosts/qemu/index.ts';
import { newest, old, qemu, withLinux } from './support.ts';

/* The harness itself, on QEMU's own devices. */
describe.each([
  [`${old.name}${old.note}`, old],
  [`${newest.name}${newest.note}`, newest],
])('Linux in QEMU, of %s', (_, kernel) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtiolab-linux-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.skipIf(kernel.reason !== null)('drives a disk, reboots, and drives it again', async () => {
    const disk = join(folder, 'disk');
    writeFileSync(disk, new Uint8Array(1 << 20).fill(7));
    await withLinux(
      kernel,
      {
        modules: ['virtio_blk', 'virtio_pci'],
        files: [{ path: 'etc/note', bytes: new TextEncoder().encode('from outside') }],
        arguments: ['-drive', `if=none,id=disk,format=raw,file=${disk}`],
        devices: [{ driver: 'virtio-blk-pci', drive: 'disk' }],
      },
      async (guest) => {
        expect(await guest.runOk('uname -m; cat /etc/note')).toBe('x86_64\nfrom outside');
        const sum = 'head -c 512 /dev/vda | md5sum';
        const before = await guest.runOk(sum);
        await guest.runOk('yes | head -c 512 | dd of=/dev/vda bs=512 seek=9 conv=fsync 2>/dev/null');
        expect([...readFileSync(disk).subarray(9 * 512, 9 * 512 + 2)]).toEqual([0x79, 0x0a]);
        await guest.reboot();
        expect(await guest.runOk(sum)).toBe(before);
        await expect(guest.runOk('false')).rejects.toThrow(GuestCommandError);
      },
    );
  });

  it.skipIf(kernel.reason !== null)('takes and gives back a device of QEMU, by way of ACPI', async () => {
    await withLinux(kernel, { modules: ['virtio_rng', 'virtio_pci'] }, async (guest) => {
      const count = async () => Number(await guest.runOk('ls /sys/bus/virtio/devices | wc -l'));
      expect(await count()).toBe(0);
      await guest.machine.addDevice({ driver: 'virtio-rng-pci', id: 'rng' });
      await guest.runOk('until [ -e /sys/bus/virtio/devices/virtio0/driver ]; do usleep 20000; done');
      await guest.machine.removeDevice('rng');
      expect(await count()).toBe(0);
    });
  });

  it.skipIf(kernel.reason !== null)('that does not get ready in time says what it printed', async () => {
    const boot = QemuLinux.boot({
      qemu,
      pieces: kernel.pieces,
      commandLine: 'init=/nothing rdinit=/nothing',
      bootTimeoutMs: 60_000,
    });
    await expect(boot).rejects.toThrow(/Kernel panic|no ready guest/);
    const late = QemuLinux.boot({ qemu, pieces: kernel.pieces, bootTimeoutMs: 100 });
    await expect(late).rejects.toThrow(GuestTimeoutError);
  });
});
