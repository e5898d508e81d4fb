import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { V86Board } from '../../src/hosts/v86/board.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import { draft2023, mmrFunction } from '../../src/mmr/index.ts';
import { EntropyDevice } from '../../src/virtio/index.ts';
import { pieces, skipNote } from './support.ts';

const PLACE = functionAddress(0, 5);
const FOLDER = '/sys/bus/pci/devices/0000:00:05.0';

describe.skipIf(pieces === null)(`Linux reaches extended configuration space${skipNote}`, () => {
  let guest: LinuxGuest;
  let board: V86Board;
  const fn = mmrFunction(new EntropyDevice());

  beforeAll(async () => {
    guest = await LinuxGuest.boot({
      pieces: pieces!,
      acpi: true,
      extendedConfig: true,
      plug: (bus) => {
        board = new V86Board(bus);
        board.plug(fn.pci, PLACE);
      },
    });
  }, 180_000);
  afterAll(() => guest?.destroy());

  it('of a function of ours, byte for byte', async () => {
    const text = await guest.runOk(`hexdump -v -e '1/1 "%02x"' ${FOLDER}/config`);
    const bytes = Array.from({ length: 4096 }, (_, at) => fn.pci.configRead(at, 1));
    expect(Buffer.from(text.trim(), 'hex')).toEqual(Buffer.from(bytes));
    const header = draft2023.extendedCapabilityId | (draft2023.extendedCapabilityVersion << 16);
    expect(Buffer.from(bytes).readUint32LE(0x100) & 0xfffff).toBe(header);
  });

  it("and what v86's own functions have is as it was", async () => {
    // Five, and ours. The host bridge has become the one that has the window; the disk controller behind it works on.
    expect(await guest.runOk('cat /sys/bus/pci/devices/0000:00:00.0/device')).toBe('0x2770\n');
    expect(await guest.runOk('cat /sys/bus/pci/devices/0000:00:01.0/device')).toBe('0x7000\n');
    expect(await guest.runOk('ls /sys/bus/pci/devices | wc -l')).toBe('6\n');
  });
});
