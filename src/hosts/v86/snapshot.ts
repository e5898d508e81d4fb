import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type State, StateEncodingError, stateFromBytes, stateToBytes } from '../../core/index.ts';
import { SnapshotDamagedError, SnapshotMismatchError } from './errors.ts';

/** What a saved state depends on. Two guests with equal keys are interchangeable. */
export interface SnapshotKey {
  /** Version of v86, whose state it is. */
  readonly v86: string;
  /** Name and version of the kernel package. */
  readonly kernel: string;
  readonly memoryBytes: number;
  readonly acpi: boolean;
  /** Hash of the initial file system. */
  readonly initramfs: string;
  /** Hash of firmware and command line. */
  readonly boot: string;
}

/** A stopped guest. */
export interface Snapshot {
  readonly key: SnapshotKey;
  /** The machine, in v86's own format. */
  readonly state: ArrayBuffer;
  /** The functions that were plugged, or null where there were none. */
  readonly functions: State;
}

const MAGIC = 'virtiolab-guest-3\n';
/** Length of what stands before the state: the magic, the key as JSON, spaces. */
const HEADER_BYTES = 4096;
const FIELDS = ['v86', 'kernel', 'memoryBytes', 'acpi', 'initramfs', 'boot'] as const;

/** @throws SnapshotMismatchError naming the first field that differs. */
export function checkSnapshot(snapshot: Snapshot, wanted: SnapshotKey): void {
  for (const field of FIELDS)
    if (snapshot.key[field] !== wanted[field])
      throw new SnapshotMismatchError(field, snapshot.key[field], wanted[field]);
}

/** The file of a snapshot below a cache folder. */
export function snapshotPath(cacheFolder: string, key: SnapshotKey): string {
  const parts = [key.kernel, `v86-${key.v86}`, `${key.memoryBytes >> 20}MiB`, key.acpi ? 'acpi' : 'pic'];
  return join(cacheFolder, 'snapshots', `${[...parts, key.initramfs, key.boot].join('_')}.state`);
}

/** What the header says. */
interface Header {
  readonly key: SnapshotKey;
  readonly stateBytes: number;
  readonly functionsBytes: number;
}

/** A file that begins with the key as JSON, in a header of fixed length; then the machine, then the functions. */
export async function writeSnapshot(path: string, { key, state, functions }: Snapshot): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  const tail = stateToBytes(functions);
  const contents: Header = { key, stateBytes: state.byteLength, functionsBytes: tail.length };
  header.write(`${MAGIC}${JSON.stringify(contents)}`);
  // Written whole under another name first: a reader never finds half a state.
  const scratch = `${path}.${process.pid}`;
  await writeFile(scratch, [header, new Uint8Array(state), tail]);
  await rename(scratch, path);
}

function parseHeader(path: string, header: Buffer): Header {
  const magic = header.toString('latin1', 0, MAGIC.length);
  if (magic !== MAGIC) {
    const other = /^virtiolab-guest-\d+/.exec(magic)?.[0];
    throw new SnapshotDamagedError(
      path,
      other === undefined ? 'is no snapshot of a guest' : `is of another format, ${other}`,
    );
  }
  try {
    return JSON.parse(header.toString('utf8', MAGIC.length)) as Header;
  } catch {
    throw new SnapshotDamagedError(path, 'has an unreadable header');
  }
}

/** Reads where the bytes are to be used: a copy of some 40 MB would take half as long as the restore. */
async function readBytes(file: FileHandle, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes;
}

function functionsOf(path: string, bytes: Uint8Array): State {
  try {
    return stateFromBytes(bytes);
  } catch (error) {
    if (error instanceof StateEncodingError) throw new SnapshotDamagedError(path, `has ${error.message}`);
    throw error;
  }
}

/** @returns undefined where there is no such file. @throws SnapshotDamagedError */
export async function readSnapshot(path: string): Promise<Snapshot | undefined> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const header = Buffer.from(await readBytes(file, 0, HEADER_BYTES));
    const { key, stateBytes, functionsBytes } = parseHeader(path, header);
    const { size } = await file.stat();
    const wanted = HEADER_BYTES + stateBytes + functionsBytes;
    if (size !== wanted) throw new SnapshotDamagedError(path, `is ${size} bytes long, not ${wanted}`);
    const state = await readBytes(file, HEADER_BYTES, stateBytes);
    const functions = functionsOf(path, await readBytes(file, HEADER_BYTES + stateBytes, functionsBytes));
    return { key, state: state.buffer, functions };
  } finally {
    await file.close();
  }
}

/** Snapshots that are kept: one for each kind of guest that is in use, and some to spare. Each takes 40 MB or so. */
const KEPT = 4;
/** What is neither a snapshot nor young was left by a process that died. */
const SCRATCH_MS = 3_600_000;

/** Marks a snapshot as used now, and removes those that were not for longest. */
export async function pruneSnapshots(usedNow: string, kept = KEPT): Promise<void> {
  const now = new Date();
  await utimes(usedNow, now, now).catch(() => {});
  const folder = dirname(usedNow);
  const found: { path: string; usedAt: number }[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    // Somebody else may be pruning too.
    const usedAt = (await stat(path).catch(() => undefined))?.mtimeMs;
    if (usedAt === undefined) continue;
    if (path.endsWith('.state')) found.push({ path, usedAt });
    else if (now.getTime() - usedAt > SCRATCH_MS) await rm(path, { force: true });
  }
  found.sort((a, b) => b.usedAt - a.usedAt);
  for (const { path } of found.slice(kept)) await rm(path, { force: true });
}
