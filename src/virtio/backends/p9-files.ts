import { VirtiolabError } from '../../core/index.ts';

/** Why a file refuses what is done to it, as Linux numbers it. */
export class FileError extends VirtiolabError {
  readonly number: number;

  constructor(number: number, why: string) {
    super(`${why} (errno ${number})`);
    this.number = number;
  }
}

/** A file whose bytes are made when it is read, and which does something with what is written to it. */
export interface VirtualFile {
  readonly kind: 'file';
  /** Left out where it cannot be read. @throws FileError */
  read?(): Uint8Array;
  /** Takes the bytes of one write, all of them; left out where it cannot be written. @throws FileError */
  write?(bytes: Uint8Array): void;
}

/** Names that may be others the next time. */
export interface VirtualFolder {
  readonly kind: 'folder';
  names(): Iterable<string>;
  find(name: string): VirtualEntry | undefined;
}

export interface VirtualLink {
  readonly kind: 'link';
  readonly target: string;
}

export type VirtualEntry = VirtualFile | VirtualFolder | VirtualLink;

/** A folder: files as bytes, and further folders, by name. */
export interface P9Tree {
  readonly [name: string]: Uint8Array | P9Tree;
}

/** A tree of bytes, as files that can be read. */
export function treeFolder(tree: P9Tree): VirtualFolder {
  const made = new Map<string, VirtualEntry>();
  for (const [name, content] of Object.entries(tree))
    made.set(
      name,
      content instanceof Uint8Array ? { kind: 'file', read: () => content } : treeFolder(content),
    );
  return { kind: 'folder', names: () => made.keys(), find: (name) => made.get(name) };
}

/** A tree that is one already. A folder of bytes has nothing but bytes and folders in it, whatever their names. */
export const isVirtual = (tree: P9Tree | VirtualFolder): tree is VirtualFolder => tree['kind'] === 'folder';
