import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestWindows } from '../../src/hosts/present/present.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import { BlockDevice, EntropyDevice, MemoryStorage, SeededEntropy } from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { HandmadeEntropy } from './handmade-entropy.ts';
import { Lab, pciFolder } from './lab.ts';
import { pieces, skipNote } from './support.ts';

describe.skipIf(pieces === null)(`Linux in v86 with a local interrupt controller${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    // Another machine than the other tests': it boots once, too, and leaves its own snapshot in the cache.
    lab = new Lab(await LinuxGuest.start({ pieces: pieces!, acpi: true }));
  });
  afterEach(() => lab?.destroy());

  /** How often each of a device's message vectors interrupted, by the name that its driver gave it. */
  const vectors = async (): Promise<Record<string, number>> => {
    const lines = await lab.sh('grep PCI-MSI /proc/interrupts');
    const rows = lines.split('\n').map((line) => /:\s+(\d+)\s+PCI-MSI\s+\S+\s+(\S+)$/.exec(line)!);
    return Object.fromEntries(rows.map(([, count, name]) => [name, Number(count)]));
  };

  it('delivers message-signalled interrupts to the legacy driver', async () => {
    const entropy = new HandmadeEntropy({ messages: true });
    entropy.plug(lab.guest.bus, 5 << 3);
    await lab.rescan();
    expect(await lab.sh('cat /sys/class/misc/hw_random/rng_current')).toBe('virtio_rng.0');
    expect(await lab.sh(`head -c 8 /dev/hwrng | hexdump -ve '1/1 "%02x"'`)).toBe('5a'.repeat(8));
    expect((await vectors())['virtio0-input']).toBeGreaterThan(0);
    // With MSI-X on, the device's own configuration moves behind the two vector registers, which the driver wrote.
    expect(entropy.accesses).toContain('w2 16');
    // The kernel looks there for functions that were ejected.
    await lab.sh('echo 1 > /sys/bus/pci/rescan; sleep 1');
    expect(await lab.sh('ls /sys/bus/pci/devices')).toContain('0000:00:05.0');
  });

  describe.each(guestWindows)('through %s', (window) => {
    it('has a disk and a source of random bytes interrupt by messages, and forgets the vectors on removal', async () => {
      const bytes = new Uint8Array(1 << 20);
      new SeededEntropy(5).fill(bytes);
      lab.present(new BlockDevice({ storage: new MemoryStorage(bytes) }), 5, window);
      lab.present(new EntropyDevice({ source: new SeededEntropy(6) }), 6, window);
      for (let round = 0; round < 2; round++) {
        await lab.rescan();
        // Device configuration is where MSI-X puts it: the capacity is right.
        expect(await lab.sh('cat /sys/block/vda/size')).toBe(`${bytes.length / 512}`);
        expect(await lab.sh('md5sum < /dev/vda; head -c 64 /dev/hwrng | wc -c')).toBe(`${md5(bytes)}  -\n64`);
        const counts = await vectors();
        expect(counts['virtio0-req.0']).toBeGreaterThan(0);
        expect(counts['virtio1-input']).toBeGreaterThan(0);
        expect(lab.events.some((event) => event.kind === 'interrupt' && event.signal === 'message')).toBe(
          true,
        );
        expect(
          lab.events.some((event) => event.kind === 'interrupt' && event.signal === 'line' && event.asserted),
        ).toBe(false);
        await lab.sh(`echo 1 > ${pciFolder(5)}/remove; echo 1 > ${pciFolder(6)}/remove`);
      }
      expect(lab.findings).toEqual([]);
    });
  });
});
