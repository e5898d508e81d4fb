import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestWindows } from '../../../src/hosts/present/present.ts';
import { QemuMachine, tryUBootRom } from '../../../src/hosts/qemu/index.ts';
import { BlockDevice, CountedStorage, MemoryStorage, SECTOR_BYTES } from '../../../src/virtio/index.ts';
import { OurDevices } from './our-devices.ts';
import { program, qemu } from './support.ts';

const asked = process.env.VIRTIOLAB_MACHINES === 'all' && program.pieces !== null;
const rom = asked ? await tryUBootRom() : null;
const TIMEOUT_MS = 90_000;
const MESSAGE = 'of block 1';
const hex = [...new TextEncoder().encode(MESSAGE)]
  .map((byte) => byte.toString(16).padStart(2, '0'))
  .join(' ');

describe.skipIf(rom === null || rom.pieces === null)('U-Boot in QEMU (with VIRTIOLAB_MACHINES=all)', () => {
  let ours: OurDevices;
  beforeEach(async () => {
    ours = await OurDevices.start();
  });
  afterEach(() => ours.close());

  // It has drivers for PCI's modern structures and for legacy I/O BARs.
  it.each(guestWindows.filter((window) => !window.endsWith('-memory')))(
    'reads and writes our disk at its prompt, through %s',
    async (window) => {
      const bytes = new Uint8Array(1 << 20);
      bytes.set(new TextEncoder().encode(MESSAGE), SECTOR_BYTES);
      const storage = new CountedStorage(new MemoryStorage(bytes));
      const device = ours.add(new BlockDevice({ storage }), { window });
      const machine = await QemuMachine.create({
        qemu,
        memoryBytes: 256 << 20,
        arguments: ['-bios', rom!.pieces!],
        devices: [device.qemu()],
      });
      const line = (wanted: RegExp) =>
        machine.serial.waitForLine((text) => wanted.test(text), TIMEOUT_MS, `${wanted}`);
      try {
        // A key within two seconds after that, and it has a prompt.
        await Promise.all([line(/^Net:/), machine.run()]);
        machine.serial.send('\n');
        const shown = line(new RegExp(`^01000000: ${hex}`));
        // One line: what shows memory looks for keys, and forgets them.
        const commands = ['scan', 'read 1000000 1 1', 'write 1000000 2 1'].map((words) => `virtio ${words}`);
        machine.serial.send(`${commands.join('; ')}; md.b 1000000 10\n`);
        await shown;
      } finally {
        await machine.close();
      }
      expect(bytes.slice(2 * SECTOR_BYTES, 3 * SECTOR_BYTES)).toEqual(
        bytes.slice(SECTOR_BYTES, 2 * SECTOR_BYTES),
      );
      expect(storage.requests.write).toBe(1);
      expect(ours.clauses).toEqual([]);
    },
  );
});
