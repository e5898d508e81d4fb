import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { P9MemoryServer, type P9Server, type P9Tree } from '../../../virtio/index.ts';
import { QemuOptionError } from './errors.ts';
import type { Properties } from './properties.ts';

/** Bytes of all files of an exported folder together. */
const MOST_BYTES = 64 << 20;

/** Regular files and folders, as they are now. @throws QemuOptionError where there is too much of them */
function treeOf(option: string, folder: string, left = { bytes: MOST_BYTES }): P9Tree {
  const tree: Record<string, Uint8Array | P9Tree> = {};
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) tree[entry.name] = treeOf(option, path, left);
    else if (entry.isFile()) {
      left.bytes -= lstatSync(path).size;
      if (left.bytes < 0)
        throw new QemuOptionError(
          option,
          `${folder} holds more than the ${MOST_BYTES} bytes that are copied`,
        );
      tree[entry.name] = readFileSync(path);
    }
  }
  return tree;
}

/** `-fsdev local,id=,path=,readonly=on`: a copy of a folder, in memory; `synth`: an empty one. @throws QemuOptionError */
export function makeFileSystem(properties: Properties): P9Server {
  const driver = properties.text('driver');
  properties.maybe('id');
  properties.ignore('security_model');
  if (driver === 'synth') {
    properties.finish();
    return new P9MemoryServer({});
  }
  if (driver !== 'local') properties.wrong('driver', 'local or synth');
  const path = properties.text('path');
  if (!properties.flag('readonly', false))
    throw new QemuOptionError(properties.owner, 'wants readonly=on: what is exported is a copy');
  properties.finish();
  try {
    return new P9MemoryServer(treeOf(properties.owner, path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new QemuOptionError(properties.owner, `path=${path} cannot be read (${code})`);
  }
}
