import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { hasTool, runTool } from './apt.ts';
import { scratchFolder } from './scratch-folder.ts';

/** A file system and the MD5 of each file in it, by path from its root without a leading slash. */
export interface FileSystemImage {
  readonly bytes: Uint8Array;
  readonly files: Readonly<Record<string, string>>;
}

/** Where administrators' tools are, for those whose path does not lead there. */
const PLACES = ['mkfs.ext4', '/usr/sbin/mkfs.ext4', '/sbin/mkfs.ext4'];

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

/**
 * An ext4 file system with files in it, made by the machine's own mkfs.ext4. `lengthBytes` is a whole number of KiB.
 * @returns null where the machine has no such tool. @throws PackageToolError where it fails,
 * FolderNotWritableError where there is no room for temporary files
 */
export async function ext4Image(
  lengthBytes: number,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<FileSystemImage | null> {
  let tool: string | undefined;
  for (const place of PLACES) if (tool === undefined && (await hasTool(place, '-V'))) tool = place;
  if (tool === undefined) return null;
  const folder = await scratchFolder(tmpdir(), 'virtiolab-image-');
  try {
    const root = join(folder.path, 'root');
    await mkdir(root);
    for (const [path, bytes] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), bytes);
    }
    const image = join(folder.path, 'image');
    await runTool(tool, ['-q', '-F', '-d', root, image, `${lengthBytes / 1024}k`]);
    return {
      bytes: new Uint8Array(await readFile(image)),
      files: Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, md5(bytes)])),
    };
  } finally {
    folder.remove();
  }
}
