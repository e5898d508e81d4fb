import { join } from 'node:path';
import type { GuestArchitecture } from './elf.ts';
import { fetchPieces } from './fetch-pieces.ts';
import { WANTED_MODULES } from './modules.ts';
import { cachedSet, orReason, type PieceSet, type PiecesOptions, takeSet } from './piece-set.ts';

export type { PiecesOptions } from './piece-set.ts';

/** A kernel's files on this machine. */
export interface KernelPieces {
  readonly architecture: GuestArchitecture;
  /** Name and version of the kernel package, such as `linux-image-6.1.0-50-686` and `6.1.176-1`. */
  readonly kernelPackage: string;
  readonly kernelVersion: string;
  readonly kernel: string;
  /** Folder of `<name>.ko` files. */
  readonly modulesFolder: string;
  /** Names of those modules in an order that insmod accepts. */
  readonly modules: readonly string[];
  /** How many of them, from the first, are loaded at boot. */
  readonly modulesAtBoot: number;
  /** What else was asked for, and is in the kernel itself. */
  readonly builtIn?: readonly string[];
}

/** A Linux guest's files on this machine: kernel and modules, busybox, firmware, all for a 32-bit x86 PC. */
export interface GuestPieces extends KernelPieces {
  readonly busyboxVersion: string;
  readonly firmwareVersion: string;
  readonly busybox: string;
  readonly bios: string;
  readonly vgaBios: string;
}

/** What is known of a kernel, without the paths of its files. */
export type KernelManifest = Omit<KernelPieces, 'architecture' | 'kernel' | 'modulesFolder'>;

/** What a cache folder's manifest says; paths are fixed names beside it. */
export interface PiecesManifest extends KernelManifest {
  readonly busyboxVersion: string;
  readonly firmwareVersion: string;
  /** What was asked for when the copy was made: another list makes another copy. */
  readonly wanted: string;
}

/** Where a kernel's files stand below its folder. */
export const kernelFiles = ({ modules }: KernelManifest): string[] => [
  'vmlinuz',
  ...modules.map((name) => join('modules', `${name}.ko`)),
];

/** A kernel with the paths of its files. */
export const kernelIn = (
  folder: string,
  architecture: GuestArchitecture,
  { kernelPackage, kernelVersion, modules, modulesAtBoot, builtIn = [] }: KernelManifest,
): KernelPieces => ({
  architecture,
  kernelPackage,
  kernelVersion,
  modules,
  modulesAtBoot,
  builtIn,
  kernel: join(folder, 'vmlinuz'),
  modulesFolder: join(folder, 'modules'),
});

const piecesIn = (folder: string, manifest: PiecesManifest): GuestPieces => ({
  ...kernelIn(folder, 'i386', manifest),
  busyboxVersion: manifest.busyboxVersion,
  firmwareVersion: manifest.firmwareVersion,
  busybox: join(folder, 'busybox'),
  bios: join(folder, 'bios.bin'),
  vgaBios: join(folder, 'vgabios.bin'),
});

const SET: PieceSet<PiecesManifest> = {
  name: 'pieces',
  what: "the guest's packages",
  wanted: WANTED_MODULES,
  files: (manifest) => [...kernelFiles(manifest), 'busybox', 'bios.bin', 'vgabios.bin'],
  version: ({ kernelPackage, kernelVersion }) => `${kernelPackage}_${kernelVersion}`,
  fetch: fetchPieces,
};

/** The cached copy, if it is whole. */
export async function cachedPieces(cacheFolder?: string): Promise<GuestPieces | undefined> {
  const cached = await cachedSet(SET, cacheFolder);
  return cached && piecesIn(cached.folder, cached.manifest);
}

/**
 * The guest's pieces: from the cache, without touching the network, else from Debian's packages (about 53 MB).
 * @throws GuestPiecesUnavailableError where they can be had neither way (NetworkUnavailableError where the mirror cannot be
 * reached); its message says what would help. FolderNotWritableError where the cache cannot be written.
 */
export async function guestPieces(options: PiecesOptions = {}): Promise<GuestPieces> {
  const { folder, manifest } = await takeSet(SET, options);
  return piecesIn(folder, manifest);
}

/** For tests: the pieces, or the reason to skip with. Errors of any other kind are thrown on. */
export function tryGuestPieces(options: PiecesOptions = {}) {
  return orReason(guestPieces(options));
}
