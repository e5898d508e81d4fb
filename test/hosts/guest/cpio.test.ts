import { describe, expect, it } from 'vitest';
import { cpioArchive } from '../../../src/hosts/guest/cpio.ts';
import { ArchiveMemberError } from '../../../src/hosts/guest/errors.ts';

const text = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes);
const bytes = (contents: string) => new TextEncoder().encode(contents);

/** The eight-digit fields of a member's header, by position. */
const fields = (archive: string, at: number) =>
  Array.from({ length: 13 }, (_, index) =>
    Number.parseInt(archive.slice(at + 6 + 8 * index, at + 14 + 8 * index), 16),
  );

describe('cpio archive (newc)', () => {
  it('writes header, name and contents, each padded to four bytes', () => {
    const archive = text(
      cpioArchive([{ kind: 'file', path: 'a/b', permissions: 0o755, bytes: bytes('hello') }]),
    );
    expect(archive.slice(0, 6)).toBe('070701');
    // inode, mode, uid, gid, links, time, size, device major and minor, node major and minor, name length, checksum
    expect(fields(archive, 0)).toEqual([1, 0o100755, 0, 0, 1, 0, 5, 0, 0, 0, 0, 4, 0]);
    expect(archive.slice(110, 114)).toBe('a/b\0');
    expect(archive.slice(116, 124)).toBe('hello\0\0\0');
    expect(archive.slice(124, 130)).toBe('070701');
    expect(archive.slice(124 + 110, 124 + 121)).toBe('TRAILER!!!\0');
    expect(archive.length % 512).toBe(0);
  });

  it('gives folders, links and devices their modes', () => {
    const archive = text(
      cpioArchive([
        { kind: 'folder', path: 'dev', permissions: 0o755 },
        { kind: 'link', path: 'sh', target: 'busybox' },
        { kind: 'device', path: 'dev/console', permissions: 0o600, major: 5, minor: 1 },
      ]),
    );
    const starts = [...archive.matchAll(/070701/g)].map(({ index }) => index);
    expect(starts.map((at) => fields(archive, at)[1])).toEqual([0o040755, 0o120777, 0o020600, 0]);
    expect(fields(archive, starts[2]!).slice(9, 11)).toEqual([5, 1]);
    expect(archive).toContain('busybox');
    expect(starts.map((at) => fields(archive, at)[0])).toEqual([1, 2, 3, 0]);
  });

  it('makes equal bytes of equal members', () => {
    const make = () => cpioArchive([{ kind: 'file', path: 'x', permissions: 0o644, bytes: bytes('y') }]);
    expect(make()).toEqual(make());
  });

  it('refuses paths that the kernel would put elsewhere', () => {
    for (const path of ['', '/bin/sh', 'a\0b'])
      expect(() => cpioArchive([{ kind: 'folder', path, permissions: 0 }])).toThrow(ArchiveMemberError);
  });
});
