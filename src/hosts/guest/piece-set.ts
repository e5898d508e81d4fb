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
import { networkComplaint } from './network-complaint.ts';
import { scratchFolder } from './scratch-folder.ts';
import { takeTurn } from './turn.ts';

export interface PiecesOptions {
  /** Where copies are kept; by default {@link guestCacheFolder}. */
  readonly cacheFolder?: string;
  /** Asks the mirror even where a copy is cached. */
  readonly refresh?: boolean;
  readonly progress?: (message: string) => void;
}

/** Files that are fetched together, from packages, and kept in a folder of the cache with a manifest beside them. */
export interface PieceSet<Manifest extends { readonly wanted: string }> {
  /** Folder of all its versions, below the cache folder. */
  readonly name: string;
  /** In errors: `the guest's packages`. */
  readonly what: string;
  /** What is asked for; a copy that was made for something else is not used. */
  readonly wanted: string;
  /** Paths below its folder without which a copy is not whole. */
  files(manifest: Manifest): readonly string[];
  /** The name of a version's folder. */
  version(manifest: Manifest): string;
  /** Lays the files out in `into`, which does not exist yet; `scratch` is for what nobody wants to keep. */
  fetch(scratch: string, into: string, progress: (message: string) => void): Promise<Manifest>;
}

/** A copy of a set on this machine. */
export interface PieceFolder<Manifest> {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** For so long another process that fetches the same is waited for. */
const PATIENCE_MS = 5 * 60_000;
const MANIFEST = 'manifest.json';
/** Names the version in use, so that a newer one can be put beside it without disturbing a running guest. */
const CURRENT = 'current';

/** The cached copy, if it is whole. */
export async function cachedSet<Manifest extends { readonly wanted: string }>(
  set: PieceSet<Manifest>,
  cacheFolder = guestCacheFolder(),
): Promise<PieceFolder<Manifest> | undefined> {
  try {
    const root = join(cacheFolder, set.name);
    const folder = join(root, (await readFile(join(root, CURRENT), 'utf8')).trim());
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as Manifest;
    const whole =
      manifest.wanted === set.wanted && set.files(manifest).every((file) => existsSync(join(folder, file)));
    return whole ? { folder, manifest } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A set's copy: from the cache, without touching the network, else from Debian's packages.
 * @throws GuestPiecesUnavailableError where it can be had neither way (NetworkUnavailableError where the mirror cannot be
 * reached); its message says what would help. FolderNotWritableError where the cache cannot be written.
 */
export async function takeSet<Manifest extends { readonly wanted: string }>(
  set: PieceSet<Manifest>,
  options: PiecesOptions = {},
): Promise<PieceFolder<Manifest>> {
  const cacheFolder = options.cacheFolder ?? guestCacheFolder();
  if (options.refresh !== true) {
    const cached = await cachedSet(set, cacheFolder);
    if (cached !== undefined) return cached;
  }
  const root = join(cacheFolder, set.name);
  const scratch = await scratchFolder(cacheFolder, 'fetch-');
  let giveUpTurn: (() => void) | null = null;
  try {
    await mkdir(root, { recursive: true });
    // Somebody else may be fetching it. It would do no harm to fetch it too.
    giveUpTurn = await takeTurn(join(cacheFolder, `${set.name}.lock`), PATIENCE_MS);
    const fetched = options.refresh === true ? undefined : await cachedSet(set, cacheFolder);
    if (fetched !== undefined) return fetched;
    const staged = join(scratch.path, set.name);
    const manifest = await set.fetch(join(scratch.path, 'apt'), staged, options.progress ?? (() => {}));
    await writeFile(join(staged, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    const name = set.version(manifest);
    const folder = join(root, name);
    await rm(folder, { recursive: true, force: true });
    await rename(staged, folder).catch((error: unknown) => {
      // Another process put the same version there meanwhile: as good as ours, since folders appear whole.
      if (!existsSync(join(folder, MANIFEST))) throw error;
    });
    await writeFile(join(root, CURRENT), `${name}\n`);
    return { folder, manifest };
  } catch (error) {
    throw explain(error, set.what, cacheFolder);
  } finally {
    giveUpTurn?.();
    scratch.remove();
  }
}

/** What kept a set from coming, in words that name the place. */
function explain(error: unknown, what: string, cacheFolder: string): unknown {
  if (error instanceof PackageToolError) {
    const complaint = networkComplaint(error.complaint);
    return complaint === null
      ? new GuestPiecesUnavailableError(
          `${what} cannot be fetched (${error.message})`,
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

/** For tests: what was asked for, or the reason to skip with. Errors of any other kind are thrown on. */
export async function orReason<Pieces>(
  pieces: Promise<Pieces>,
  unavailable: new (...args: never[]) => Error = GuestPiecesUnavailableError,
): Promise<{ readonly pieces: Pieces } | { readonly pieces: null; readonly reason: string }> {
  try {
    return { pieces: await pieces };
  } catch (error) {
    if (error instanceof unavailable) return { pieces: null, reason: error.message };
    throw error;
  }
}
