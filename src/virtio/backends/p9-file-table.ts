import { type P9Qid, p9Error, qidType } from '../layout/index.ts';
import {
  FileError,
  isVirtual,
  type P9Tree,
  treeFolder,
  type VirtualEntry,
  type VirtualFolder,
} from './p9-files.ts';

const MODE = { folder: 0o040555, file: 0o100000, link: 0o120777, readable: 0o444, writable: 0o200 } as const;
const QID_TYPE = { folder: qidType.directory, file: qidType.file, link: qidType.symlink } as const;
const NO_BYTES = new Uint8Array();

/** A file that a connection knows, at the place where it was found. */
export interface P9Node {
  readonly entry: VirtualEntry;
  readonly name: string;
  readonly parent: P9Node | null;
  readonly qid: P9Qid;
}

/** Files by their places: each has a number of its own, the same whenever it is looked for. */
export class P9FileTable {
  readonly root: P9Node;
  /** With what a write to a file is refused that takes none. */
  readonly noWrite: number;
  readonly #numbers = new Map<string, bigint>();

  constructor(tree: P9Tree | VirtualFolder) {
    const virtual = isVirtual(tree);
    this.noWrite = virtual ? p9Error.noAccess : p9Error.readOnly;
    this.root = this.#node(virtual ? tree : treeFolder(tree), '/', null);
  }

  #node(entry: VirtualEntry, name: string, parent: P9Node | null): P9Node {
    const place = parent === null ? '' : `${pathOf(parent).join('/')}/${name}`;
    let path = this.#numbers.get(place);
    if (path === undefined) this.#numbers.set(place, (path = BigInt(this.#numbers.size)));
    return { entry, name, parent, qid: { type: QID_TYPE[entry.kind], version: 0, path } };
  }

  /** What a folder has by that name now. */
  find(parent: P9Node, name: string): P9Node | undefined {
    const entry = parent.entry.kind === 'folder' ? parent.entry.find(name) : undefined;
    return entry === undefined ? undefined : this.#node(entry, name, parent);
  }
}

/** Names from the root on. */
export function pathOf(node: P9Node): string[] {
  const names: string[] = [];
  for (let at = node; at.parent !== null; at = at.parent) names.unshift(at.name);
  return names;
}

/** Bytes that a file has now; those of one that is gone, or that nobody may read, are none. */
export function sizeOf({ entry }: P9Node): number {
  if (entry.kind === 'link') return entry.target.length;
  try {
    return (entry.kind === 'file' ? (entry.read?.() ?? NO_BYTES) : NO_BYTES).length;
  } catch (error) {
    if (error instanceof FileError) return 0;
    throw error;
  }
}

export function modeOf({ entry }: P9Node): number {
  if (entry.kind !== 'file') return MODE[entry.kind];
  const reads = entry.read === undefined ? 0 : MODE.readable;
  return MODE.file | reads | (entry.write === undefined ? 0 : MODE.writable);
}
