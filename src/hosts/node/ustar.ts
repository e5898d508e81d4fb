import { VirtiolabError } from '../../core/index.ts';

/** A regular file of an archive. `path` is relative, with slashes; `permissions` are the low nine mode bits. */
export interface UstarMember {
  readonly path: string;
  readonly permissions: number;
  readonly bytes: Uint8Array;
}

/** A member that the ustar format cannot name. */
export class UstarPathError extends VirtiolabError {
  readonly path: string;

  constructor(path: string) {
    super(`archive member ${JSON.stringify(path)}: wants 1..100 bytes, or up to 155 more before a slash`);
    this.path = path;
  }
}

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** A string whose characters are the bytes of `text` in UTF-8. */
const byteString = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;

/** Cuts a long path at a slash into name and prefix. */
function splitPath(path: string): { name: string; prefix: string } {
  const bytes = byteString(path);
  if (bytes.length === 0 || bytes.includes('\0')) throw new UstarPathError(path);
  if (bytes.length <= NAME_BYTES) return { name: bytes, prefix: '' };
  const slash = bytes.indexOf('/', bytes.length - NAME_BYTES - 1);
  if (slash <= 0 || slash > PREFIX_BYTES || slash === bytes.length - 1) throw new UstarPathError(path);
  return { name: bytes.slice(slash + 1), prefix: bytes.slice(0, slash) };
}

/** The header's fields in order; each is filled up with NUL to its width (POSIX.1-1988, section 10.1.1). */
function header({ path, permissions, bytes }: UstarMember): Buffer {
  const { name, prefix } = splitPath(path);
  const fields = (checksum: string): [text: string, width: number][] => [
    [name, NAME_BYTES],
    [octal(permissions, 8), 8],
    [octal(0, 8), 8], // owner
    [octal(0, 8), 8], // group
    [octal(bytes.length, 12), 12],
    [octal(0, 12), 12], // time
    [checksum, 8],
    ['0', 1], // a regular file
    ['', NAME_BYTES], // link target
    ['ustar\0', 6],
    ['00', 2],
    ['', 32], // owner's name
    ['', 32], // group's name
    [octal(0, 8), 8],
    [octal(0, 8), 8],
    [prefix, PREFIX_BYTES],
    ['', 12],
  ];
  const pack = (checksum: string) =>
    Buffer.from(
      fields(checksum)
        .map(([text, width]) => text.padEnd(width, '\0'))
        .join(''),
      'latin1',
    );
  // The sum is taken over a header whose own checksum field is blank.
  let sum = 0;
  for (const byte of pack(' '.repeat(8))) sum += byte;
  return pack(`${octal(sum, 7)} `);
}

/**
 * A tar archive. Owner, group and time are 0, so equal members make equal bytes. Its length is a multiple of 512.
 * @throws UstarPathError
 */
export function ustarArchive(members: readonly UstarMember[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const member of members) {
    const padding = new Uint8Array((BLOCK_BYTES - (member.bytes.length % BLOCK_BYTES)) % BLOCK_BYTES);
    parts.push(header(member), member.bytes, padding);
  }
  // Two blocks of zeros end an archive.
  parts.push(new Uint8Array(2 * BLOCK_BYTES));
  return Buffer.concat(parts);
}
