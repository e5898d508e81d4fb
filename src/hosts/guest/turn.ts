import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAlive } from './scratch-folder.ts';

const POLL_MS = 100;

/** Whether the holder of a lock file is gone. One on another machine is taken to be so after a while. */
function isLeft(path: string, patienceMs: number): boolean {
  try {
    const [pid, host] = readFileSync(path, 'utf8').split(' ');
    if (host === hostname()) return !isAlive(Number(pid));
    return Date.now() - statSync(path).mtimeMs > patienceMs;
  } catch {
    // Given up between the two looks.
    return false;
  }
}

/**
 * Waits until no other process has the turn that a lock file stands for, for `patienceMs` at most.
 * @returns a function that gives the turn up, or null where patience ended.
 */
export async function takeTurn(path: string, patienceMs: number): Promise<(() => void) | null> {
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    try {
      writeFileSync(path, `${process.pid} ${hostname()}`, { flag: 'wx' });
      const giveUp = () => {
        process.off('exit', giveUp);
        rmSync(path, { force: true });
      };
      process.on('exit', giveUp);
      return giveUp;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (isLeft(path, patienceMs)) rmSync(path, { force: true });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return null;
}
