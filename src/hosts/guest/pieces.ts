import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guestCacheFolder } from './cache-folder.ts';
import {
  FolderNotWritableError,
  GuestPiecesUnavailableError,
  NetworkUnavailableError,
  PackageToolError,
} from './errors.ts';
import { fetchPieces } from './fetch-pieces.ts';
import { WANTED_MODULES } from './modules.ts';
import { networkComplaint } from './network-complaint.ts';
import { scratchFolder } from './scratch-folder.ts';

/** A Linux guest's files on this machine: kernel and modules, busybox, firmware, all for a 32-bit x86 PC. */
export interface GuestPieces {
  /** Name and version of the kernel package, such as `linux-image-6.1.0-50-686` and `6.1.176-1`. */
  readonly kernelPackage: string;
  readonly kernelVersion: string;
  readonly busyboxVersion: string;
  readonly firmwareVersion: string;
  readonly kernel: string;
  readonly busybox: string;
  readonly bios: string;
  readonly vgaBios: string;
  /** Folder of `<name>.ko` files. */
  readonly modulesFolder: string;
  /** Names of those modules in an order that insmod accepts. */
  readonly modules: readonly string[];
  /** How many of them, from the first, are loaded at boot. */
  readonly modulesAtBoot: number;
}

/** What a cache folder's `manifest.json` says; paths are fixed names beside it. */
export interface PiecesManifest {
  readonly kernelPackage: string;
  readonly kernelVersion: string;
  readonly busyboxVersion: string;
  readonly firmwareVersion: string;
  readonly modules: readonly string[];
  readonly modulesAtBoot: number;
  /** What was asked for when the copy was made: another list makes another copy. */
  readonly wanted: string;
}

export interface PiecesOptions {
  /** Where copies are kept; by default {@link guestCacheFolder}. */
  readonly cacheFolder?: string;
  /** Asks the mirror even where a copy is cached. */
  readonly refresh?: boolean;
  readonly progress?: (message: string) => void;
}

const MANIFEST = 'manifest.json';
/** Names the version in use, so that a newer one can be put beside it without disturbing a running guest. */
const CURRENT = 'current';

export function piecesIn(folder: string, { wanted: _, ...manifest }: PiecesManifest): GuestPieces {
  return {
    ...manifest,
    kernel: join(folder, 'vmlinuz'),
    busybox: join(folder, 'busybox'),
    bios: join(folder, 'bios.bin'),
    vgaBios: join(folder, 'vgabios.bin'),
    modulesFolder: join(folder, 'modules'),
  };
}

const filesOf = ({ kernel, busybox, bios, vgaBios, modulesFolder, modules }: GuestPieces): string[] => [
  kernel,
  busybox,
  bios,
  vgaBios,
  ...modules.map((name) => join(modulesFolder, `${name}.ko`)),
];

/** The cached copy, if it is whole. */
export async function cachedPieces(cacheFolder = guestCacheFolder()): Promise<GuestPieces | undefined> {
  try {
    const root = join(cacheFolder, 'pieces');
    const folder = join(root, (await readFile(join(root, CURRENT), 'utf8')).trim());
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as PiecesManifest;
    const pieces = piecesIn(folder, manifest);
    return manifest.wanted === WANTED_MODULES && filesOf(pieces).every(existsSync) ? pieces : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The guest's pieces: from the cache, without touching the network, else from Debian's packages (about 53 MB).
 * @throws GuestPiecesUnavailableError where they can be had neither way (NetworkUnavailableError where the mirror cannot be
 * reached); its message says what would help. FolderNotWritableError where the cache cannot be written.
 */
export async function guestPieces(options: PiecesOptions = {}): Promise<GuestPieces> {
  const cacheFolder = options.cacheFolder ?? guestCacheFolder();
  if (options.refresh !== true) {
    const cached = await cachedPieces(cacheFolder);
    if (cached !== undefined) return cached;
  }
  const root = join(cacheFolder, 'pieces');
  const scratch = await scratchFolder(cacheFolder, 'fetch-');
  try {
    await mkdir(root, { recursive: true });
    const staged = join(scratch.path, 'pieces');
    const manifest = await fetchPieces(join(scratch.path, 'apt'), staged, options.progress ?? (() => {}));
    await writeFile(join(staged, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    const name = `${manifest.kernelPackage}_${manifest.kernelVersion}`;
    const folder = join(root, name);
    await rm(folder, { recursive: true, force: true });
    await rename(staged, folder).catch((error: unknown) => {
      // Another process put the same version there meanwhile: as good as ours, since folders appear whole.
      if (!existsSync(join(folder, MANIFEST))) throw error;
    });
    await writeFile(join(root, CURRENT), `${name}\n`);
    return piecesIn(folder, manifest);
  } catch (error) {
    throw explain(error, cacheFolder);
  } finally {
    scratch.remove();
  }
}

/** What kept the pieces from coming, in words that name the place. */
function explain(error: unknown, cacheFolder: string): unknown {
  if (error instanceof PackageToolError) {
    const complaint = networkComplaint(error.complaint);
    return complaint === null
      ? new GuestPiecesUnavailableError(
          `the guest's packages cannot be fetched (${error.message})`,
          'a Debian mirror',
          error,
        )
      : new NetworkUnavailableError(complaint, error);
  }
  const { code } = error as NodeJS.ErrnoException;
  // The system's own words name no file where a disk is full.
  return code === undefined || error instanceof FolderNotWritableError
    ? error
    : new FolderNotWritableError(cacheFolder, code);
}

/** For tests: the pieces, or the reason to skip with. Errors of any other kind are thrown on. */
export async function tryGuestPieces(
  options: PiecesOptions = {},
): Promise<{ readonly pieces: GuestPieces } | { readonly pieces: null; readonly reason: string }> {
  try {
    return { pieces: await guestPieces(options) };
  } catch (error) {
    if (error instanceof GuestPiecesUnavailableError) return { pieces: null, reason: error.message };
    throw error;
  }
}
