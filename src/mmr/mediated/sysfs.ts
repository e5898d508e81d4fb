import { FileError, type VirtualEntry, type VirtualFile, type VirtualFolder } from '../../virtio/index.ts';
import { errno, MediatedError } from './errors.ts';
import type { MediatedParent, Removal } from './mediated-parent.ts';
import type { SliceType } from './slice.ts';

/** Longest text that one write may be: a page. */
const MOST_BYTES = 4096;
const UUID_CHARACTERS = 36;
// Numbers as the kernel reads them: decimal, 0x and 0, with one end of line.
const NUMBER = /^\+?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)\n?$/;

const encode = new TextEncoder();

/** What the parent refuses is an error number to whoever uses its files. */
function orErrno<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof MediatedError) throw new FileError(errno[error.errno], error.message);
    throw error;
  }
}

/** @throws FileError for what is not ASCII, or longer than a page */
function asciiOf(bytes: Uint8Array): string {
  if (bytes.length > MOST_BYTES) throw new FileError(errno.EINVAL, `${bytes.length} bytes`);
  if (bytes.some((byte) => byte > 0x7f)) throw new FileError(errno.EINVAL, 'text that is not ASCII');
  return String.fromCharCode(...bytes);
}

/** A line that says something. */
const line = (text: () => string | number): VirtualFile => ({
  kind: 'file',
  read: () => encode.encode(`${orErrno(text)}\n`),
});

const file = (write: (text: string) => void): VirtualFile => ({
  kind: 'file',
  write: (bytes) => orErrno(() => write(asciiOf(bytes))),
});

/** Files whose names stay. */
const folder = (entries: Readonly<Record<string, VirtualEntry>>): VirtualFolder => ({
  kind: 'folder',
  names: () => Object.keys(entries),
  find: (name) => (Object.hasOwn(entries, name) ? entries[name] : undefined),
});

function typeFolder(parent: MediatedParent, { name }: SliceType): VirtualFolder {
  const type = () => parent.type(name);
  const own = () => [...parent.slices].filter((slice) => slice.type.name === name);
  return folder({
    create: file((text) => {
      // A type that has vanished says so before anything else.
      type();
      parent.create(name, text.length === UUID_CHARACTERS + 1 ? text.replace(/\n$/, '') : text);
    }),
    devices: {
      kind: 'folder',
      names: () => own().map(({ uuid }) => uuid),
      find: (uuid) =>
        parent.has(uuid) && parent.slice(uuid).type.name === name && parent.slice(uuid).uuid === uuid
          ? { kind: 'link', target: `../../../${uuid}` }
          : undefined,
    },
    available_instances: line(() => parent.available(name)),
    device_api: line(() => {
      type();
      return 'vfio-pci';
    }),
    name: line(() => type().title),
    description: line(() => type().description),
  });
}

function sliceFolder(parent: MediatedParent, uuid: string, removal: Removal): VirtualFolder {
  return folder({
    mdev_type: { kind: 'link', target: `../mdev_supported_types/${parent.slice(uuid).type.name}` },
    remove: file((text) => {
      if (!NUMBER.test(text))
        throw new FileError(errno.EINVAL, `${JSON.stringify(text.slice(0, 60))}: wants a number`);
      // 0 has no effect, and is no error; it ends in digits other than 0 where it is another.
      if (/[1-9a-fA-F]/.test(text.replace(/^\+?0[xX]/, ''))) parent.remove(uuid, removal);
    }),
  });
}

/**
 * The files by which a parent's slices are managed, with the names, contents and errors that Linux has for them in a parent's
 * folder of sysfs: `mdev_supported_types/<type>/{create, devices, available_instances, device_api, name, description}`, and
 * `<uuid>/{mdev_type, remove}`.
 * @param removal how a slice is taken away that is at work.
 */
export function mediatedFiles(parent: MediatedParent, removal: Removal = 'drain'): VirtualFolder {
  const types: VirtualFolder = {
    kind: 'folder',
    names: () => Array.from(parent.types, ({ name }) => name),
    find: (name) => {
      const type = [...parent.types].find((each) => each.name === name);
      return type === undefined ? undefined : typeFolder(parent, type);
    },
  };
  return {
    kind: 'folder',
    names: () => ['mdev_supported_types', ...Array.from(parent.slices, ({ uuid }) => uuid)],
    find: (name) => {
      if (name === 'mdev_supported_types') return types;
      return parent.has(name) && parent.slice(name).uuid === name
        ? sliceFolder(parent, name, removal)
        : undefined;
    },
  };
}
