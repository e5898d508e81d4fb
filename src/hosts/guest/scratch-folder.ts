import { readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { FolderNotWritableError } from './errors.ts';

/** A folder for temporary files. */
export interface ScratchFolder {
  readonly path: string;
  /** Takes it away. May be called twice. */
  remove(): void;
}

/** Another machine, or another container, may share the folder: whether its processes live cannot be known here. */
const OTHERS_MS = 24 * 3_600_000;

/** Whether a process of this machine lives. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** Removes what processes left that are gone: one that is killed outright takes nothing away. */
function sweep(parent: string, prefix: string, host: string): void {
  for (const name of readdirSync(parent)) {
    const owner = name.startsWith(prefix) ? /^(\d+)-(.*)-[^-]{6}$/.exec(name.slice(prefix.length)) : null;
    if (owner === null) continue;
    const path = join(parent, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity);
    const stale = owner[2] === host ? !isAlive(Number(owner[1])) : age > OTHERS_MS;
    if (stale) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Makes a folder below `parent`, whose name tells whose it is. It goes away with the process at the latest, if that comes
 * to its end; those of others that did not are swept.
 * @throws FolderNotWritableError
 */
export async function scratchFolder(parent: string, prefix: string): Promise<ScratchFolder> {
  const host = hostname().replace(/[^\w.]/g, '_');
  try {
    await mkdir(parent, { recursive: true });
    sweep(parent, prefix, host);
    const path = await mkdtemp(join(parent, `${prefix}${process.pid}-${host}-`));
    const remove = () => {
      process.off('exit', remove);
      rmSync(path, { recursive: true, force: true });
    };
    process.on('exit', remove);
    return { path, remove };
  } catch (error) {
    throw new FolderNotWritableError(parent, (error as NodeJS.ErrnoException).code ?? String(error));
  }
}
