import { readFile } from 'node:fs/promises';
import { GuestImageError } from './errors.ts';

/** The contents of a file that a guest is started from. @throws GuestImageError where it cannot be read */
export async function readImage(path: string, wanted: string): Promise<Uint8Array> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    const found = error.code === 'ENOENT' ? 'missing' : `not readable (${error.code ?? error.message})`;
    throw new GuestImageError(path, found, wanted);
  });
}
