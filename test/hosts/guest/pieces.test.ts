import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guestCacheFolder } from '../../../src/hosts/guest/cache-folder.ts';
import { GuestPiecesUnavailableError } from '../../../src/hosts/guest/errors.ts';
import { WANTED_MODULES } from '../../../src/hosts/guest/modules.ts';
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
  it('is the one named by the environment, else beside the nearest package', async () => {
    expect(guestCacheFolder({ VIRTIOLAB_CACHE: '/somewhere/else' })).toBe('/somewhere/else');
    await writeFile(join(cacheFolder, 'package.json'), '{}');
    await mkdir(join(cacheFolder, 'src'));
    expect(guestCacheFolder({}, join(cacheFolder, 'src'))).toBe(join(cacheFolder, '.cache', 'guest'));
  });
});
