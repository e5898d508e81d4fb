import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileStorage, repositoryImage } from '../../hosts/node/index.ts';
import { Progress } from '../output.ts';

/** The image of a demonstration, and the copy that its device may write to. */
export interface DemoImage {
  readonly path: string;
  /** Where it comes from, for people. */
  readonly origin: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly copy: string;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PIECE_BYTES = 1 << 20;

/** An image in the scratch folder, made of this project's own files. */
async function ownImage(folder: string): Promise<{ path: string; origin: string }> {
  const { image, files } = await repositoryImage(ROOT);
  const path = join(folder, 'repository.tar');
  await writeFile(path, image);
  return { path, origin: `a tar archive of this project's ${files} files` };
}

/**
 * Finds or makes the image, and copies it, so that the user's file is only read.
 * @throws FileStorageError when the file cannot be an image.
 */
export async function prepareImage(given: string | undefined, folder: string): Promise<DemoImage> {
  const { path, origin } = given === undefined ? await ownImage(folder) : { path: given, origin: given };
  // Opened as a storage for its checks alone.
  const storage = await FileStorage.open(path, { readOnly: true });
  await storage.close();
  const { length } = storage;
  const copy = join(folder, 'copy.img');
  const target = await open(copy, 'w');
  const hash = createHash('sha256');
  const progress = new Progress('copy', length);
  let done = 0;
  try {
    const source = createReadStream(path, { end: length - 1, highWaterMark: PIECE_BYTES });
    for await (const piece of source as AsyncIterable<Buffer>) {
      hash.update(piece);
      await target.writeFile(piece);
      progress.at((done += piece.length));
    }
  } finally {
    progress.end();
    await target.close();
  }
  return { path, origin, bytes: length, sha256: hash.digest('hex'), copy };
}
