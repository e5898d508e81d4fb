import { beforeEach, describe, expect, it } from 'vitest';
import { errno, type MediatedParent, mediatedFiles } from '../../../src/mmr/index.ts';
import { FileError, type VirtualEntry, type VirtualFolder } from '../../../src/virtio/index.ts';
import { blockType, ParentLab, uuidOf } from './support.ts';

const ONE = 'virtiolab-block-1';
const bytes = (text: string) => new TextEncoder().encode(text);

describe('the files of a parent', () => {
  let parent: MediatedParent;
  let root: VirtualFolder;

  beforeEach(() => {
    ({ parent } = new ParentLab({ queues: 20 }));
    root = mediatedFiles(parent);
  });

  const at = (path: string): VirtualEntry | undefined => {
    let entry: VirtualEntry | undefined = root;
    for (const name of path.split('/')) entry = entry?.kind === 'folder' ? entry.find(name) : undefined;
    return entry;
  };
  const read = (path: string) => {
    const entry = at(path);
    return entry?.kind === 'file' ? new TextDecoder().decode(entry.read!()) : entry;
  };
  const names = (path: string) => [...(at(path) as VirtualFolder).names()];
  /** @returns the error number, or 0. */
  const write = (path: string, text: string | Uint8Array, entry = at(path)) => {
    try {
      if (entry?.kind !== 'file') return errno.ENOENT;
      entry.write!(typeof text === 'string' ? bytes(text) : text);
      return 0;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return error.number;
    }
  };
  const create = `mdev_supported_types/${ONE}/create`;

  it('say what types there are, and what is left of each', () => {
    expect([...root.names()]).toEqual(['mdev_supported_types']);
    expect(names('mdev_supported_types')).toEqual([ONE, 'virtiolab-block-4']);
    const folder = `mdev_supported_types/${ONE}`;
    expect(names(folder)).toEqual([
      'create',
      'devices',
      'available_instances',
      'device_api',
      'name',
      'description',
    ]);
    expect(['available_instances', 'device_api', 'name'].map((each) => read(`${folder}/${each}`))).toEqual([
      '10\n',
      'vfio-pci\n',
      'disk with 1 queues\n',
    ]);
    expect(at('mdev_supported_types/toString')).toBeUndefined();
  });

  it('make a slice, list it, and take it away', () => {
    expect(write(create, `${uuidOf(1)}\n`)).toBe(0);
    expect([...root.names()]).toEqual(['mdev_supported_types', uuidOf(1)]);
    expect(names(`mdev_supported_types/${ONE}/devices`)).toEqual([uuidOf(1)]);
    expect(names('mdev_supported_types/virtiolab-block-4/devices')).toEqual([]);
    expect(at(`mdev_supported_types/virtiolab-block-4/devices/${uuidOf(1)}`)).toBeUndefined();
    expect(at(`${uuidOf(1)}/mdev_type`)).toEqual({ kind: 'link', target: `../mdev_supported_types/${ONE}` });
    expect(read(`mdev_supported_types/${ONE}/available_instances`)).toBe('9\n');
    expect(write(`${uuidOf(1)}/remove`, '0\n')).toBe(0);
    expect(write(`${uuidOf(1)}/remove`, '0x00')).toBe(0);
    expect(parent.count).toBe(1);
    const held = at(`${uuidOf(1)}/remove`);
    expect(write(`${uuidOf(1)}/remove`, '1\n')).toBe(0);
    expect(parent.count).toBe(0);
    expect(write('', '1', held)).toBe(errno.ENODEV);
  });

  it.each([
    ['no UUID', 'hello\n', errno.EINVAL],
    ['nothing', '', errno.EINVAL],
    ['a UUID without dashes', 'ffffffffffffffffffffffffffffffff', errno.EINVAL],
    ['a UUID and more', `${uuidOf(1)}\n\n`, errno.EINVAL],
    ['what is not ASCII', bytes('ünfffffff-0000-4000-8000-000000000001'), errno.EINVAL],
    ['NULs', new Uint8Array(36), errno.EINVAL],
    ['a long text', 'f'.repeat(5000), errno.EINVAL],
  ])('refuse to make a slice of %s', (_what, text, error) => {
    expect(write(create, text)).toBe(error);
    expect(parent.count).toBe(0);
  });

  it('refuse a second slice of one name, one too many, and what is no number', () => {
    expect(write(create, uuidOf(1))).toBe(0);
    expect(write(create, uuidOf(1))).toBe(errno.EEXIST);
    for (const text of ['', 'yes', '1 2', '-1', '08', '٣'])
      expect(write(`${uuidOf(1)}/remove`, text)).toBe(errno.EINVAL);
    for (let n = 2; n <= 10; n++) expect(write(create, uuidOf(n))).toBe(0);
    expect(write(create, uuidOf(11))).toBe(errno.ENOSPC);
    expect(write('mdev_supported_types/virtiolab-block-4/create', uuidOf(11))).toBe(errno.ENOSPC);
  });

  it('of a type that vanished are gone, and an open one says so', () => {
    const [open, left] = [at(create), at(`mdev_supported_types/${ONE}/available_instances`)];
    parent.removeType(ONE);
    expect(at(create)).toBeUndefined();
    expect(write('', uuidOf(1), open)).toBe(errno.ENODEV);
    expect(() => (left as { read(): Uint8Array }).read()).toThrow(FileError);
    parent.addType(blockType(1));
    expect(write('', uuidOf(1), open)).toBe(0);
  });
});
