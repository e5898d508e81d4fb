import { ArchiveMemberError } from './errors.ts';

/** One member of an archive. `path` has no leading slash; `permissions` are the low nine mode bits. */
export type ArchiveMember =
  | { readonly kind: 'file'; readonly path: string; readonly permissions: number; readonly bytes: Uint8Array }
  | { readonly kind: 'folder'; readonly path: string; readonly permissions: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly permissions: number;
      readonly major: number;
      readonly minor: number;
    };

/** File type bits of a mode (`S_IFMT`), as cpio and Linux share them. */
const TYPE_BITS = { file: 0o100000, folder: 0o040000, link: 0o120000, device: 0o020000 } as const;

const MAGIC = '070701';
const HEADER_BYTES = 110;
const TRAILER = 'TRAILER!!!';
/** The kernel unpacks whole words, and other tools expect whole tape blocks. */
const MEMBER_ALIGNMENT = 4;
const ARCHIVE_ALIGNMENT = 512;

const encoder = new TextEncoder();
const aligned = (length: number, alignment: number) => Math.ceil(length / alignment) * alignment;

interface Packed {
  readonly path: Uint8Array;
  readonly mode: number;
  readonly bytes: Uint8Array;
  readonly major: number;
  readonly minor: number;
}

function pack(member: ArchiveMember): Packed {
  const { path } = member;
  if (path === '' || path.startsWith('/') || path.includes('\0'))
    throw new ArchiveMemberError(path, 'wants a relative path without NUL');
  const permissions = member.kind === 'link' ? 0o777 : member.permissions;
  const bytes =
    member.kind === 'file'
      ? member.bytes
      : member.kind === 'link'
        ? encoder.encode(member.target)
        : new Uint8Array(0);
  if (bytes.length > 0xffffffff)
    throw new ArchiveMemberError(path, `${bytes.length} bytes; at most 2^32 - 1`);
  return {
    path: encoder.encode(path),
    mode: TYPE_BITS[member.kind] | (permissions & 0o777),
    bytes,
    major: member.kind === 'device' ? member.major : 0,
    minor: member.kind === 'device' ? member.minor : 0,
  };
}

const sizeOf = ({ path, bytes }: Packed) =>
  aligned(HEADER_BYTES + path.length + 1, MEMBER_ALIGNMENT) + aligned(bytes.length, MEMBER_ALIGNMENT);

/**
 * A cpio archive in the "newc" format that Linux takes as an initial RAM file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Owner is root, every time is 0, so equal members
 * make equal archives. Folders must come before what is in them.
 * @throws ArchiveMemberError
 */
export function cpioArchive(members: readonly ArchiveMember[]): Uint8Array {
  const packed = members.map(pack);
  const trailer: Packed = {
    path: encoder.encode(TRAILER),
    mode: 0,
    bytes: new Uint8Array(0),
    major: 0,
    minor: 0,
  };
  const length = [...packed, trailer].reduce((sum, member) => sum + sizeOf(member), 0);
  const archive = new Uint8Array(aligned(length, ARCHIVE_ALIGNMENT));
  let at = 0;
  for (const [index, member] of [...packed, trailer].entries()) {
    // Linux tells hard links by inode number, so each member has its own.
    const inode = member.mode === 0 ? 0 : index + 1;
    const links = member.mode === 0 ? 0 : 1;
    const { path, mode, bytes, major, minor } = member;
    const fields = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, major, minor, path.length + 1, 0];
    const header = MAGIC + fields.map((value) => value.toString(16).padStart(8, '0')).join('');
    archive.set(encoder.encode(header), at);
    archive.set(path, at + HEADER_BYTES);
    archive.set(bytes, at + aligned(HEADER_BYTES + path.length + 1, MEMBER_ALIGNMENT));
    at += sizeOf(member);
  }
  return archive;
}
