import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestImageError, GuestTimeoutError } from '../../src/hosts/guest/errors.ts';
import { bootSector } from '../../src/hosts/v86/boot-sector.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import { snapshotPath, writeSnapshot } from '../../src/hosts/v86/snapshot.ts';
import { cleanSnapshot, pieces, skipNote, startGuest } from './support.ts';

describe.skipIf(pieces === null)(`A guest that cannot be${skipNote}`, () => {
  let folder: string;
  const boot = (other: Partial<NonNullable<typeof pieces>>) =>
    LinuxGuest.boot({ pieces: { ...pieces!, ...other } }).then((guest) => guest.destroy());

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'virtiolab-bad-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(['kernel', 'busybox', 'bios', 'vgaBios'] as const)(
    'is refused by name where its %s is missing',
    async (piece) => {
      const missing = join(folder, 'missing');
      await expect(boot({ [piece]: missing })).rejects.toThrow(GuestImageError);
      await expect(boot({ [piece]: missing })).rejects.toThrow(`${missing} is missing; wants a`);
    },
  );

  it.each(['kernel', 'busybox'] as const)(
    'is refused by name where its %s is of another machine',
    async (piece) => {
      // This very program is not for a 32-bit PC.
      await expect(boot({ [piece]: process.execPath })).rejects.toThrow(
        /is a 64-bit .+ ELF file; wants a 32-bit/,
      );
    },
  );

  it('is refused by name where a module is missing', async () => {
    await expect(boot({ modulesFolder: folder })).rejects.toThrow(/\.ko is missing; wants a kernel module/);
  });

  it('does not start from firmware that is none', async () => {
    const bios = join(folder, 'bios.bin');
    await writeFile(bios, new Uint8Array(1234));
    await expect(bootSector({ pieces: { ...pieces!, bios }, until: 'never' })).rejects.toThrow(
      `${bios} is 1234 bytes long; wants a PC BIOS image`,
    );
  });

  it('ends its wait with what it printed last', async () => {
    // The kernel's decompressor is the first to say something, and this option makes it speak.
    const late = LinuxGuest.boot({ pieces: pieces!, commandLine: 'earlyprintk=serial', bootTimeoutMs: 4000 });
    await expect(late).rejects.toThrow(GuestTimeoutError);
    await expect(late).rejects.toThrow(
      /^no ready guest after power-on within 4000 ms; the guest printed last:\s*\S+/,
    );
  });

  it('is booted anew where its cached snapshot is damaged', async () => {
    const guest = await startGuest();
    const snapshot = await cleanSnapshot(guest);
    await guest.destroy();
    const path = snapshotPath(folder, guest.key);
    await writeSnapshot(path, snapshot);
    await appendFile(path, 'x');
    const late = LinuxGuest.start({ pieces: pieces!, cacheFolder: folder, bootTimeoutMs: 1 });
    // Far too short for a boot: which shows that there was one.
    await expect(late).rejects.toThrow('no ready guest after power-on');
  });
});
