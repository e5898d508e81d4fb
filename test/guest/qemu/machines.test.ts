import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestWindows } from '../../../src/hosts/present/present.ts';
import { BlockDevice, MemoryStorage, SeededEntropy } from '../../../src/virtio/index.ts';
import { md5 } from '../ext4.ts';
import { OurDevices } from './our-devices.ts';
import { old, usually, withLinux } from './support.ts';

const BYTES = 2 << 20;
const GIBIBYTE = 2 ** 30;
const MODULES = ['virtio_blk', 'virtio_pci'];
const windows = usually(
  guestWindows.filter((window) => window !== 'legacy-memory'),
  ['mmr'],
);
const THERE = 'until [ -e /dev/vda ]; do usleep 20000; done';
/** Both disks of two, read past the cache. */
const sumsOf = (...names: readonly string[]) =>
  names.map((name) => `dd if=/dev/${name} bs=64k iflag=direct 2>/dev/null | md5sum`).join('; ');

function seeded(seed: number): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  new SeededEntropy(seed).fill(bytes);
  return bytes;
}

const line = (bytes: Uint8Array) => `${md5(bytes)}  -\n`;

describe.skipIf(old.reason !== null)(`Machines of QEMU's with a 64-bit Linux${old.note}`, () => {
  let ours: OurDevices;
  beforeEach(async () => {
    ours = await OurDevices.start();
  });
  afterEach(() => ours.close());

  const disk = (window: (typeof windows)[number], seed = 1, more = {}) =>
    ours.add(new BlockDevice({ storage: new MemoryStorage(seeded(seed)) }), { window, ...more });

  describe.each(windows)('have our disk through %s', (window) => {
    it('behind a root port of PCI Express', async () => {
      const devices = [
        { driver: 'pcie-root-port', id: 'root', chassis: 1, slot: 1 },
        disk(window).qemu({ bus: 'root' }),
      ];
      await withLinux(old, { machine: 'q35', modules: MODULES, devices }, async (guest) => {
        expect(await guest.runOk(sumsOf('vda'))).toBe(line(seeded(1)));
        expect(await guest.runOk('ls -d /sys/bus/pci/devices/0000:01:00.0')).not.toBe('');
      });
      expect(ours.clauses).toEqual([]);
    });

    it('as one of two functions of a slot', async () => {
      const devices = [
        disk(window, 1).qemu({ addr: '5.0', multifunction: true }),
        disk(window, 2).qemu({ addr: '5.1' }),
      ];
      await withLinux(old, { modules: MODULES, devices }, async (guest) => {
        expect(await guest.runOk(sumsOf('vda', 'vdb'))).toBe(line(seeded(1)) + line(seeded(2)));
      });
      expect(ours.clauses).toEqual([]);
    });

    it('before and after the guest reboots', async () => {
      const device = disk(window);
      await withLinux(old, { modules: MODULES, devices: [device.qemu()] }, async (guest) => {
        expect(await guest.runOk(sumsOf('vda'))).toBe(line(seeded(1)));
        await guest.reboot();
        expect(await guest.runOk(sumsOf('vda'))).toBe(line(seeded(1)));
        expect(device.service.attached).toBe(true);
      });
      expect(ours.clauses).toEqual([]);
    });

    it('plugged in while they run', async () => {
      await withLinux(old, { modules: MODULES }, async (guest) => {
        await guest.machine.addDevice(disk(window).qemu({ id: 'hot' }));
        await guest.runOk(THERE);
        expect(await guest.runOk(sumsOf('vda'))).toBe(line(seeded(1)));
      });
      expect(ours.clauses).toEqual([]);
    });

    // QEMU 11.1 aborts where a vfio-user function with MSI-X is taken out: it takes the table out of its BAR twice.
    it('plugged in and taken out again, several times, without MSI-X', async () => {
      await withLinux(old, { modules: MODULES }, async (guest) => {
        for (const seed of [1, 2, 3]) {
          const device = disk(window, seed, { messages: false });
          await guest.machine.addDevice(device.qemu({ id: 'hot' }));
          await guest.runOk(THERE);
          expect(await guest.runOk(sumsOf('vda'))).toBe(line(seeded(seed)));
          await guest.machine.removeDevice('hot');
          await expect.poll(() => device.service.attached).toBe(false);
        }
        expect(await guest.runOk('ls /dev/vd* 2>/dev/null | wc -l')).toBe('0\n');
      });
      expect(ours.clauses).toEqual([]);
    });
  });

  it.each([
    ['shared', true],
    ["the machine's own", false],
  ])('have it with 6 GiB of memory, %s', async (_, sharedMemory) => {
    const options = { memoryBytes: 6 * GIBIBYTE, sharedMemory, modules: MODULES };
    await withLinux(old, { ...options, devices: [disk('modern').qemu()] }, async (guest) => {
      // What the kernel gives out first is at the top.
      expect(Number(await guest.runOk("awk '/MemTotal/ { print $2 }' /proc/meminfo"))).toBeGreaterThan(
        5.5 * 2 ** 20,
      );
      expect(await guest.runOk(sumsOf('vda'))).toBe(line(seeded(1)));
      await guest.runOk(
        'dd if=/dev/urandom of=/tmp/x bs=64k count=8 2>/dev/null; dd if=/tmp/x of=/dev/vda bs=64k oflag=direct 2>/dev/null',
      );
      expect(
        await guest.runOk(
          'dd if=/dev/vda bs=64k count=8 iflag=direct 2>/dev/null | cmp - /tmp/x && echo same',
        ),
      ).toBe('same\n');
    });
    expect(ours.clauses).toEqual([]);
  });

  it('have it served by another process than the one before', async () => {
    for (let i = 0; i < 2; i++) {
      await withLinux(old, { modules: MODULES, devices: [disk('mmr').qemu()] }, async (guest) => {
        expect(await guest.runOk(sumsOf('vda'))).toBe(line(seeded(1)));
      });
      await ours.restart();
    }
  });

  it('go on with errors where the server is gone', async () => {
    const device = disk('modern');
    await withLinux(old, { modules: MODULES, devices: [device.qemu()] }, async (guest) => {
      ours.served.server.stop(device.service);
      const { output } = await guest
        .run('head -c 4096 /dev/vda | wc -c', { timeoutMs: 5000 })
        .catch(() => ({ output: 'late' }));
      expect(['0\n', 'late']).toContain(output.split('\n').slice(-2).join('\n'));
      expect(guest.machine.gone).toBeNull();
    });
  });
});
