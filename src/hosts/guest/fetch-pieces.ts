import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PrivateApt, unpackPackage } from './apt.ts';
import { fetchKernel } from './fetch-kernel.ts';
import { GUEST_MODULES, SPARE_MODULES, WANTED_MODULES } from './modules.ts';
import type { PiecesManifest } from './pieces.ts';

/** The last Debian release with kernels for 32-bit PCs. */
const SUITE = 'bookworm';
const ARCHITECTURE = 'i386';

/**
 * Fetches Debian's packages with apt in `aptFolder` and lays the pieces out in `into`, under the names that
 * `piecesIn` expects.
 * @throws PackageToolError, GuestPiecesUnavailableError, ModuleMissingError
 */
export async function fetchPieces(
  aptFolder: string,
  into: string,
  progress: (message: string) => void,
): Promise<PiecesManifest> {
  const apt = await PrivateApt.open(aptFolder, { architecture: ARCHITECTURE, suites: [SUITE] });
  progress(`asking the Debian mirror for ${SUITE}/${ARCHITECTURE}`);
  await apt.update();
  const root = join(aptFolder, 'root');
  const wish = {
    architecture: ARCHITECTURE,
    flavour: '686',
    modules: GUEST_MODULES,
    spares: SPARE_MODULES,
  } as const;
  const kernel = await fetchKernel(apt, wish, root, into, progress);
  progress('fetching busybox-static and seabios');
  const files = await apt.download(['busybox-static', 'seabios']);
  for (const file of files.values()) await unpackPackage(file, root);
  await copyFile(join(root, 'bin/busybox'), join(into, 'busybox'));
  await copyFile(join(root, 'usr/share/seabios/bios-256k.bin'), join(into, 'bios.bin'));
  await copyFile(join(root, 'usr/share/seabios/vgabios-stdvga.bin'), join(into, 'vgabios.bin'));
  const versionOf = async (name: string) => (await apt.show(name)).get('Version') ?? 'unknown';
  return {
    ...kernel,
    busyboxVersion: await versionOf('busybox-static'),
    firmwareVersion: await versionOf('seabios'),
    wanted: WANTED_MODULES,
  };
}
