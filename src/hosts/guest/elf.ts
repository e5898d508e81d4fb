import { GuestImageError } from './errors.ts';

/** Machines by the number in an ELF header, as far as somebody is likely to hand them to us. */
const MACHINES: Readonly<Record<number, string>> = {
  3: 'i386',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC 64',
  22: 's390',
  40: 'ARM',
  62: 'x86-64',
  183: 'ARM64',
  243: 'RISC-V',
  258: 'LoongArch',
};

const ELF_MAGIC = 0x464c457f;
const CLASS_32 = 1;
const MACHINE_386 = 3;
const SECTION_HEADER_BYTES = 40;

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether a file begins as an ELF file of any kind. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 52 && view(bytes).getUint32(0, true) === ELF_MAGIC;
}

/** What an ELF file was made for, in words: `64-bit x86-64 ELF`. */
export function describeElf(bytes: Uint8Array): string {
  const data = view(bytes);
  const machine = data.getUint16(18, data.getUint8(5) !== 2);
  const bits = data.getUint8(4) === CLASS_32 ? 32 : 64;
  return `a ${bits}-bit ${MACHINES[machine] ?? `machine ${machine}`} ELF file`;
}

/** @throws GuestImageError unless the file is a 32-bit x86 ELF file. */
export function checkElf386(path: string, bytes: Uint8Array): void {
  const wanted = 'a 32-bit i386 ELF file';
  if (!isElf(bytes)) throw new GuestImageError(path, 'no ELF file', wanted);
  const data = view(bytes);
  if (data.getUint8(4) !== CLASS_32 || data.getUint16(18, true) !== MACHINE_386)
    throw new GuestImageError(path, describeElf(bytes), wanted);
}

const cString = (bytes: Uint8Array, at: number) => {
  const end = bytes.indexOf(0, at);
  return new TextDecoder('latin1').decode(bytes.subarray(at, end < 0 ? bytes.length : end));
};

/**
 * The contents of a named section of a 32-bit x86 ELF file, or undefined where it has none.
 * @throws GuestImageError when the file is of another kind or its section table leaves the file.
 */
export function elfSection(path: string, bytes: Uint8Array, name: string): Uint8Array | undefined {
  checkElf386(path, bytes);
  const data = view(bytes);
  const table = data.getUint32(32, true);
  const count = data.getUint16(48, true);
  const namesIndex = data.getUint16(50, true);
  if (table + count * SECTION_HEADER_BYTES > bytes.length || namesIndex >= count)
    throw new GuestImageError(path, 'a damaged ELF file', 'a section table inside the file');
  const field = (index: number, offset: number) =>
    data.getUint32(table + index * SECTION_HEADER_BYTES + offset, true);
  const contents = (index: number) =>
    bytes.subarray(field(index, 16), Math.min(bytes.length, field(index, 16) + field(index, 20)));
  const names = contents(namesIndex);
  for (let index = 0; index < count; index++)
    if (cString(names, field(index, 0)) === name) return contents(index);
  return undefined;
}
