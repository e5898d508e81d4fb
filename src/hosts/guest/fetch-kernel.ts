import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PrivateApt, unpackPackage } from './apt.ts';
import { readCompressed } from './compressed.ts';
import type { GuestArchitecture } from './elf.ts';
import { PackageToolError } from './errors.ts';
import { type ModuleSource, moduleName, resolveModules } from './modules.ts';
import type { KernelManifest } from './pieces.ts';

/** A kernel of Debian's, and what of it a guest wants. */
export interface KernelWish {
  readonly architecture: GuestArchitecture;
  /** Debian's name of the build: `686`. The package `linux-image-686` stands for the newest of a suite. */
  readonly flavour: string;
  /** Loaded at boot, in this order. */
  readonly modules: readonly string[];
  /** At hand and not loaded. */
  readonly spares: readonly string[];
  /** Of both, those that this kernel need not have. */
  readonly optional?: readonly string[];
}

/** The packages of a kernel: its image, and those that newer Debians have beside it for modules and the rest. */
async function kernelPackages(apt: PrivateApt, flavour: string): Promise<readonly string[]> {
  const meta = `linux-image-${flavour}`;
  const parts = new RegExp(`\\blinux-[a-z]+-\\d[\\w.+-]*-${flavour}\\b(?!-)`, 'g');
  const found: string[] = [];
  const visit = async (name: string): Promise<void> => {
    const depends = (await apt.show(name)).get('Depends') ?? '';
    for (const part of depends.match(parts) ?? [])
      if (!found.includes(part)) {
        found.push(part);
        await visit(part);
      }
  };
  await visit(meta);
  const image = found.find((name) => name.startsWith('linux-image-'));
  if (image === undefined)
    throw new PackageToolError('apt-cache show', `${meta} depends on no image of a kernel`);
  return [image, ...found.filter((name) => name !== image)];
}

/** The modules of an unpacked kernel package. `folder` is its `lib/modules/<release>`. */
async function modulesOf(folder: string, architecture: GuestArchitecture): Promise<ModuleSource> {
  const nameOf = (path: string) => moduleName(/([^/]+)\.ko(?:\.\w+)?$/.exec(path)?.[1] ?? '');
  const files = new Map<string, string>();
  for (const path of await readdir(join(folder, 'kernel'), { recursive: true }))
    if (nameOf(path) !== '') files.set(nameOf(path), join(folder, 'kernel', path));
  const builtIn = (await readFile(join(folder, 'modules.builtin'), 'utf8')).split('\n').map(nameOf);
  return {
    architecture,
    builtIn: new Set(builtIn),
    read: async (name) => {
      const path = files.get(name);
      return path === undefined ? undefined : readCompressed(path);
    },
  };
}

/** The first of some paths below a folder that is there; else the first, which a reader then complains of. */
export const firstOf = (root: string, ...paths: readonly string[]): string =>
  paths.map((path) => join(root, path)).find(existsSync) ?? join(root, paths[0]!);

/**
 * Fetches a kernel, and lays out `vmlinuz` and `modules/` in `into`.
 * @param root where packages are unpacked; what others left there does no harm.
 * @throws PackageToolError, ModuleMissingError, GuestImageError
 */
export async function fetchKernel(
  apt: PrivateApt,
  wish: KernelWish,
  root: string,
  into: string,
  progress: (message: string) => void,
): Promise<KernelManifest> {
  const packages = await kernelPackages(apt, wish.flavour);
  const [image] = packages as [string];
  progress(`fetching ${image}`);
  for (const file of (await apt.download(packages)).values()) await unpackPackage(file, root);
  const release = image.replace(/^linux-image-/, '');
  const folder = firstOf(root, `lib/modules/${release}`, `usr/lib/modules/${release}`);
  const modulesFolder = join(into, 'modules');
  await mkdir(modulesFolder, { recursive: true });
  const source = await modulesOf(folder, wish.architecture);
  const wanted = [...wish.modules, ...wish.spares];
  const atBoot = await resolveModules(wish.modules, source, wish.optional);
  const modules = await resolveModules(wanted, source, wish.optional);
  for (const { name, bytes } of modules) await writeFile(join(modulesFolder, `${name}.ko`), bytes);
  await copyFile(
    firstOf(root, `boot/vmlinuz-${release}`, `${folder.slice(root.length + 1)}/vmlinuz`),
    join(into, 'vmlinuz'),
  );
  return {
    kernelPackage: image,
    kernelVersion: (await apt.show(image)).get('Version') ?? 'unknown',
    modules: modules.map(({ name }) => name),
    modulesAtBoot: atBoot.length,
    builtIn: wanted.map(moduleName).filter((name) => source.builtIn.has(name)),
  };
}
