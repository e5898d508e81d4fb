import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PrivateApt, runTool, unpackPackage } from './apt.ts';
import { PackageToolError } from './errors.ts';
import {
  GUEST_MODULES,
  type ModuleSource,
  moduleName,
  resolveModules,
  SPARE_MODULES,
  WANTED_MODULES,
} from './modules.ts';
import type { PiecesManifest } from './pieces.ts';

/** The last Debian release with kernels for 32-bit PCs. */
const SUITE = 'bookworm';
const ARCHITECTURE = 'i386';
const KERNEL_META = 'linux-image-686';

/** The package that the meta package stands for: `linux-image-6.1.0-50-686`. */
async function kernelPackage(apt: PrivateApt): Promise<string> {
  const depends = (await apt.show(KERNEL_META)).get('Depends') ?? '';
  const name = /\blinux-image-\d[\w.+-]*-686\b(?!-)/.exec(depends)?.[0];
  if (name === undefined)
    throw new PackageToolError('apt-cache show', `${KERNEL_META} depends on ${depends || 'nothing'}`);
  return name;
}

async function versionOf(apt: PrivateApt, name: string): Promise<string> {
  return (await apt.show(name)).get('Version') ?? 'unknown';
}

/** Module files come plain in bookworm; other builds compress them. */
async function readModule(path: string): Promise<Uint8Array> {
  if (path.endsWith('.gz')) return gunzipSync(await readFile(path));
  if (path.endsWith('.xz')) {
    const plain = path.slice(0, -3);
    await runTool('xz', ['-dk', path]);
    return readFile(plain);
  }
  return readFile(path);
}

/** The modules of an unpacked kernel package. `folder` is its `lib/modules/<release>`. */
async function modulesOf(folder: string): Promise<ModuleSource> {
  const nameOf = (path: string) => moduleName(/([^/]+)\.ko(?:\.[gx]z)?$/.exec(path)?.[1] ?? '');
  const files = new Map<string, string>();
  for (const path of await readdir(join(folder, 'kernel'), { recursive: true }))
    if (nameOf(path) !== '') files.set(nameOf(path), join(folder, 'kernel', path));
  const builtIn = (await readFile(join(folder, 'modules.builtin'), 'utf8')).split('\n').map(nameOf);
  return {
    builtIn: new Set(builtIn),
    read: async (name) => {
      const path = files.get(name);
      return path === undefined ? undefined : readModule(path);
    },
  };
}

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
  const kernel = await kernelPackage(apt);
  progress(`fetching ${kernel}, busybox-static and seabios`);
  const files = await apt.download([kernel, 'busybox-static', 'seabios']);
  const root = join(aptFolder, 'root');
  for (const file of files.values()) await unpackPackage(file, root);
  const release = kernel.replace(/^linux-image-/, '');
  const modulesFolder = join(into, 'modules');
  await mkdir(modulesFolder, { recursive: true });
  const source = await modulesOf(join(root, 'lib/modules', release));
  const atBoot = await resolveModules(GUEST_MODULES, source);
  const modules = await resolveModules([...GUEST_MODULES, ...SPARE_MODULES], source);
  for (const { name, bytes } of modules) await writeFile(join(modulesFolder, `${name}.ko`), bytes);
  await copyFile(join(root, 'boot', `vmlinuz-${release}`), join(into, 'vmlinuz'));
  await copyFile(join(root, 'bin/busybox'), join(into, 'busybox'));
  await copyFile(join(root, 'usr/share/seabios/bios-256k.bin'), join(into, 'bios.bin'));
  await copyFile(join(root, 'usr/share/seabios/vgabios-stdvga.bin'), join(into, 'vgabios.bin'));
  return {
    kernelPackage: kernel,
    kernelVersion: await versionOf(apt, kernel),
    busyboxVersion: await versionOf(apt, 'busybox-static'),
    firmwareVersion: await versionOf(apt, 'seabios'),
    modules: modules.map(({ name }) => name),
    modulesAtBoot: atBoot.length,
    wanted: WANTED_MODULES,
  };
}
