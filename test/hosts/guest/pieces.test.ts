import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guestCacheFolder } from '../../../src/hosts/guest/cache-folder.ts';
import { FolderNotWritableError, GuestPiecesUnavailableError } from '../../../src/hosts/guest/errors.ts';
import { WANTED_MODULES } from '../../../src/hosts/guest/modules.ts';
import { networkComplaint } from '../../../src/hosts/guest/network-complaint.ts';
import { guestPieces, type PiecesManifest, tryGuestPieces } from '../../../src/hosts/guest/pieces.ts';

let cacheFolder: string;

beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'virtiolab-pieces-'));
  // Nothing that could fetch is found.
  vi.stubEnv('PATH', cacheFolder);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cacheFolder, { recursive: true });
});

async function fillCache(wanted = WANTED_MODULES): Promise<string> {
  const folder = join(cacheFolder, 'pieces', 'linux-image-1-686_1');
  await mkdir(join(folder, 'modules'), { recursive: true });
  const manifest: PiecesManifest = {
    kernelPackage: 'linux-image-1-686',
    kernelVersion: '1',
    busyboxVersion: '2',
    firmwareVersion: '3',
    modules: ['virtio'],
    modulesAtBoot: 1,
    wanted,
  };
  for (const name of ['vmlinuz', 'busybox', 'bios.bin', 'vgabios.bin', 'modules/virtio.ko'])
    await writeFile(join(folder, name), '');
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(cacheFolder, 'pieces', 'current'), 'linux-image-1-686_1\n');
  return folder;
}

describe('guest pieces', () => {
  it('come from the cache without any tool or network', async () => {
    const folder = await fillCache();
    const pieces = await guestPieces({ cacheFolder });
    expect(pieces).toMatchObject({ kernelPackage: 'linux-image-1-686', modules: ['virtio'] });
    expect(pieces.kernel).toBe(join(folder, 'vmlinuz'));
  });

  it('are not taken from a cache with a hole', async () => {
    const folder = await fillCache();
    await rm(join(folder, 'modules', 'virtio.ko'));
    await expect(guestPieces({ cacheFolder })).rejects.toThrow(GuestPiecesUnavailableError);
  });

  it('are not taken from a cache that was made for other modules', async () => {
    await fillCache('virtio virtio_pci');
    await expect(guestPieces({ cacheFolder })).rejects.toThrow(GuestPiecesUnavailableError);
  });

  it('say what is needed where they cannot be had', async () => {
    expect(await tryGuestPieces({ cacheFolder })).toEqual({
      pieces: null,
      reason:
        'no apt-get, apt-cache, apt-config, dpkg-deb on this machine; needs a Debian or Ubuntu machine, or a cache filled on one',
    });
  });
});

describe('the cache folder', () => {
  it("is the one named by the environment, else below the user's cache folder", () => {
    const home = '/home/me';
    expect(guestCacheFolder({ VIRTIOLAB_CACHE: '/somewhere/else', XDG_CACHE_HOME: '/caches' }, home)).toBe(
      '/somewhere/else',
    );
    expect(guestCacheFolder({ VIRTIOLAB_CACHE: '', XDG_CACHE_HOME: '/caches' }, home)).toBe(
      '/caches/virtiolab',
    );
    expect(guestCacheFolder({}, home)).toBe('/home/me/.cache/virtiolab');
    // The XDG base directories: what is not absolute is to be passed over.
    expect(guestCacheFolder({ XDG_CACHE_HOME: 'caches' }, home)).toBe('/home/me/.cache/virtiolab');
  });

  it('is named where it cannot be written', async () => {
    const file = join(cacheFolder, 'file');
    await writeFile(file, '');
    await expect(guestPieces({ cacheFolder: join(file, 'cache') })).rejects.toThrow(FolderNotWritableError);
    await expect(guestPieces({ cacheFolder: join(file, 'cache') })).rejects.toThrow(join(file, 'cache'));
  });
});

describe('a missing network', () => {
  it.each([
    "Err:1 http://deb.debian.org/debian bookworm InRelease\n  Temporary failure resolving 'deb.debian.org'",
    'E: Failed to fetch http://mirror/x  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)',
    "W: Failed to fetch http://nosuch.invalid/debian/dists/bookworm/InRelease  Could not resolve 'nosuch.invalid'",
    'Cannot initiate the connection to deb.debian.org:80 (2a04::1). - connect (101: Network is unreachable)',
  ])('is told from other failures: %s', (complaint) => {
    expect(networkComplaint(complaint)).not.toBe(null);
    expect(networkComplaint(complaint)).not.toContain('\n');
  });

  it.each([
    "E: The repository 'http://mirror bookworm Release' does not have a Release file.",
    'E: Unable to locate package linux-image-686',
    'Err:1 http://mirror/debian bookworm InRelease\n  404  Not Found',
    "E: You don't have enough free space in /x/cache/archives/.",
  ])('is not what this is: %s', (complaint) => {
    expect(networkComplaint(complaint)).toBe(null);
  });
});
