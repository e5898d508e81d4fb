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
/** Of the longer of the two headers. */
const HEADER_BYTES = 64;

/** Where an ELF file of a class has what is read of it: fields of its header, and of the headers of its sections. */
interface ElfLayout {
  readonly sections: number;
  readonly sectionCount: number;
  readonly namesIndex: number;
  readonly sectionBytes: number;
  readonly sectionStart: number;
  readonly sectionLength: number;
}

const LAYOUT_32: ElfLayout = {
  sections: 32,
  sectionCount: 48,
  namesIndex: 50,
  sectionBytes: 40,
  sectionStart: 16,
  sectionLength: 20,
};
/** Offsets and lengths are 64 bits there, of which the low half is read: no file that comes here is longer. */
const LAYOUT_64: ElfLayout = {
  sections: 40,
  sectionCount: 60,
  namesIndex: 62,
  sectionBytes: 64,
  sectionStart: 24,
  sectionLength: 32,
};

/** A PC that a guest is made for, by Debian's name of it. */
export type GuestArchitecture = 'i386' | 'amd64';

const KINDS: Readonly<
  Record<GuestArchitecture, { elfClass: number; machine: number; layout: ElfLayout; wanted: string }>
> = {
  i386: { elfClass: 1, machine: 3, layout: LAYOUT_32, wanted: 'a 32-bit i386 ELF file' },
  amd64: { elfClass: 2, machine: 62, layout: LAYOUT_64, wanted: 'a 64-bit x86-64 ELF file' },
};

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether a file begins as an ELF file of any kind. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && view(bytes).getUint32(0, true) === ELF_MAGIC;
}

/** What an ELF file was made for, in words: `64-bit x86-64 ELF`. */
export function describeElf(bytes: Uint8Array): string {
  const data = view(bytes);
  const machine = data.getUint16(18, data.getUint8(5) !== 2);
  const bits = data.getUint8(4) === KINDS.i386.elfClass ? 32 : 64;
  return `a ${bits}-bit ${MACHINES[machine] ?? `machine ${machine}`} ELF file`;
}

/** @throws GuestImageError unless the file is an ELF file of that architecture. */
export function checkElf(path: string, bytes: Uint8Array, architecture: GuestArchitecture): void {
  const { elfClass, machine, wanted } = KINDS[architecture];
  if (!isElf(bytes)) throw new GuestImageError(path, 'no ELF file', wanted);
  const data = view(bytes);
  if (data.getUint8(4) !== elfClass || data.getUint16(18, true) !== machine)
    throw new GuestImageError(path, describeElf(bytes), wanted);
}

const cString = (bytes: Uint8Array, at: number) => {
  const end = bytes.indexOf(0, at);
  return new TextDecoder('latin1').decode(bytes.subarray(at, end < 0 ? bytes.length : end));
};

/**
 * The contents of a named section of an ELF file, or undefined where it has none.
 * @throws GuestImageError when the file is for another architecture or its section table leaves the file.
 */
export function elfSection(
  path: string,
  bytes: Uint8Array,
  architecture: GuestArchitecture,
  name: string,
): Uint8Array | undefined {
  checkElf(path, bytes, architecture);
  const { layout } = KINDS[architecture];
  const data = view(bytes);
  const table = data.getUint32(layout.sections, true);
  const count = data.getUint16(layout.sectionCount, true);
  const namesIndex = data.getUint16(layout.namesIndex, true);
  if (table + count * layout.sectionBytes > bytes.length || namesIndex >= count)
    throw new GuestImageError(path, 'a damaged ELF file', 'a section table inside the file');
  const field = (index: number, offset: number) =>
    data.getUint32(table + index * layout.sectionBytes + offset, true);
  const contents = (index: number) => {
    const start = field(index, layout.sectionStart);
    return bytes.subarray(start, Math.min(bytes.length, start + field(index, layout.sectionLength)));
  };
  const names = contents(namesIndex);
  for (let index = 0; index < count; index++)
    if (cString(names, field(index, 0)) === name) return contents(index);
  return undefined;
}
