import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { FileStorage, FileUnreadableError, repositoryImage } from '../../hosts/node/index.ts';
import { MemoryStorage, type Storage } from '../../virtio/index.ts';

/** A stretch of the image, in bytes from its start; whole sectors. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The image of a demonstration: nothing writes to it. */
export interface DemoImage {
  /** Where it comes from, for people. */
  readonly origin: string;
  /** As the device's storage. */
  readonly base: Storage;
  /** Reads it from outside, past the device. @throws FileUnreadableError */
  read(range: Range): Promise<Uint8Array>;
  close(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** An image made of this project's own files. */
function ownImage(): DemoImage {
  const { image, files } = repositoryImage(ROOT);
  return {
    origin: `a tar archive of this project's ${files} files`,
    base: new MemoryStorage(image, true),
    read: async ({ start, end }) => image.subarray(start, end),
    close: async () => {},
  };
}

async function fileImage(path: string): Promise<DemoImage> {
  const base = await FileStorage.open(path, { readOnly: true });
  const file = await open(path, 'r');
  return {
    origin: path,
    base,
    async read({ start, end }) {
      const buffer = Buffer.alloc(end - start);
      const { bytesRead } = await file
        .read(buffer, 0, buffer.length, start)
        .catch((error: NodeJS.ErrnoException) => {
          throw new FileUnreadableError(path, error.code ?? error.message);
        });
      if (bytesRead < buffer.length) throw new FileUnreadableError(path, 'it has become shorter');
      return buffer;
    },
    async close() {
      await base.close();
      await file.close();
    },
  };
}

/**
 * Opens an image, or makes one.
 * @throws FileStorageError when the file cannot be an image.
 */
export async function openImage(path: string | undefined): Promise<DemoImage> {
  return path === undefined ? ownImage() : fileImage(path);
}
