import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestWindows } from '../../../src/hosts/present/present.ts';
import {
  optionRomFor,
  QemuMachine,
  type QemuMachineOptions,
  tryNetworkBootRom,
  tryUefiFirmware,
} from '../../../src/hosts/qemu/index.ts';
import { ways } from '../../../src/mmr/index.ts';
import {
  BlockDevice,
  CountedStorage,
  MemoryStorage,
  NetworkDevice,
  Responder,
} from '../../../src/virtio/index.ts';
import { OurDevices } from './our-devices.ts';
import { program, qemu, usually } from './support.ts';
import { uefiDisk } from './uefi-disk.ts';

const uefi = program.pieces === null ? program : await tryUefiFirmware();
const rom = program.pieces === null ? program : await tryNetworkBootRom();
const note = (found: { pieces: unknown; reason?: string }) =>
  found.pieces === null ? ` (skipped: ${found.reason})` : '';
const windows = usually(guestWindows.filter((window) => window !== 'legacy-memory'));
/** OVMF's driver for transitional ids is the one for legacy interfaces, which wants an I/O BAR. */
const uefiWindows = windows.filter((window) => window !== 'transitional-memory');

const [DISK_BYTES, PAYLOAD_BYTES] = [16 << 20, 300_000];
const [GOOD, BAD] = ['the program is whole', 'the program is not whole'];
const MEBIBYTE = 1 << 20;
const TIMEOUT_MS = 90_000;

let ours: OurDevices;
beforeEach(async () => {
  ours = await OurDevices.start();
});
afterEach(() => ours.close());

/** Runs a machine until it prints a line. @returns the line */
async function firstLine(options: Omit<QemuMachineOptions, 'qemu'>, wanted: RegExp): Promise<string> {
  const machine = await QemuMachine.create({ qemu, ...options });
  let found = '';
  const test = (line: string) => {
    found = wanted.exec(line)?.[0] ?? '';
    return found !== '';
  };
  try {
    await Promise.all([machine.serial.waitForLine(test, TIMEOUT_MS, `${wanted}`), machine.run()]);
    return found;
  } finally {
    await machine.close();
  }
}

describe.skipIf(uefi.pieces === null)(`UEFI firmware in QEMU${note(uefi)}`, () => {
  it.each(
    uefiWindows.flatMap(
      (window) =>
        [
          [window, 'pc', true],
          [window, 'q35', false],
        ] as const,
    ),
  )(
    'starts a program from our disk, through %s, on a %s, shared memory %s',
    async (window, machine, sharedMemory) => {
      const payload = new Uint8Array(PAYLOAD_BYTES).map((_, i) => i * 7);
      const storage = new CountedStorage(new MemoryStorage(uefiDisk(DISK_BYTES, payload, GOOD, BAD)));
      const device = ours.add(new BlockDevice({ storage }), { window });
      // Firmware writes to it.
      const variables = join(ours.folder, 'variables');
      copyFileSync(uefi.pieces!.variables, variables);
      const options = {
        machine,
        sharedMemory,
        memoryBytes: 256 * MEBIBYTE,
        flash: { code: uefi.pieces!.code, variables },
        devices: [device.qemu({ bootindex: 0 })],
      };
      expect(await firstLine(options, /the program is .*/)).toBe(GOOD);
      expect(storage.requests.read).toBeGreaterThan(3);
      await ours.left(1);
    },
  );
});

describe.skipIf(rom.pieces === null)(`iPXE in QEMU${note(rom)}`, () => {
  const boot = (window: (typeof windows)[number], responder: Responder, wanted: RegExp) => {
    const device = ours.add(new NetworkDevice({ link: responder }), { window });
    const romfile = join(ours.folder, 'network.rom');
    const bytes = new Uint8Array(readFileSync(rom.pieces!));
    writeFileSync(romfile, optionRomFor(bytes, device.device.pci.config.get(2, 2)));
    const options = {
      memoryBytes: 128 * MEBIBYTE,
      // What firmware shows goes to the serial port.
      arguments: ['-machine', 'graphics=off'],
      devices: [device.qemu({ bootindex: 0, romfile })],
    };
    return firstLine(options, wanted);
  };

  it.each(windows.filter((window) => window !== 'modern-shim'))(
    'gets a lease from our responder, through %s',
    async (window) => {
      const responder = new Responder();
      expect(await boot(window, responder, /10\.0\.2\.15\/\S+ gw \S+/)).toBe(
        '10.0.2.15/255.255.255.0 gw 10.0.2.2',
      );
      expect(responder.counts.dhcp).toBeGreaterThan(1);
      // Its modern driver reads configuration in other widths than fields have.
      expect(new Set(ours.clauses)).toEqual(new Set(ways[window].modern ? ['CONF-03'] : []));
    },
  );

  it('gets none through a shim, whose frames have a header that a driver without MRG_RXBUF has not', async () => {
    const responder = new Responder();
    await boot('modern-shim', responder, /No configuration methods/);
    expect(responder.counts.dhcp).toBe(0);
    // It also leaves features on that others need, as legacy drivers may. The host's function hears what comes of it: status bits
    // that are taken back, a number of buffers where its frames begin.
    const inHost = ['BF-STAT-02', 'NET-TX-03'];
    expect(new Set(ours.clauses)).toEqual(new Set(['LEG-NET-05', 'LEG-FEAT-04', ...inHost]));
  });
});
