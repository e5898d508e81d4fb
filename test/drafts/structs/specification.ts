import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StructureText } from '../../../src/drafts/structs/index.ts';

/** A directory with the specification's text, which is not ours to ship. */
const directory = process.env.VIRTIOLAB_SPEC;

/** Why tests with the text skip; empty where it is at hand. */
export const withoutSpecification =
  directory === undefined
    ? 'wants the text: git clone -b v1.4-cs01 https://github.com/oasis-tcs/virtio-spec DIR, and VIRTIOLAB_SPEC=DIR'
    : '';

/** The specification's TeX files, but for its lists of changes. */
export function specification(): StructureText[] {
  return readdirSync(directory!, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.tex') && !/(?:^|\/)cl-/.test(file))
    .sort()
    .map((file) => ({ file, text: readFileSync(join(directory!, file), 'utf8') }));
}
