/*
 * A disk from which UEFI firmware starts a program: a FAT16 file system on the whole disk, with the one file that is started
 * where nobody says what else to start.
 */

const SECTOR = 512;
const CLUSTER_SECTORS = 4;
const CLUSTER = CLUSTER_SECTORS * SECTOR;
const ROOT_ENTRIES = 512;
const ENTRY_BYTES = 32;
const FIRST_CLUSTER = 2;
const LAST = 0xffff;
const attribute = { folder: 0x10, file: 0x20 } as const;

/** Where the program's section stands in the file and in memory. */
const FILE_AT = 0x400;
const MEMORY_AT = 0x1000;
const MACHINE_X64 = 0x8664;
const EXECUTABLE_LARGE = 0x22;
const PE32_PLUS = 0x20b;
const EFI_APPLICATION = 10;
const CODE_READ_EXECUTE = 0x60000020;
const OPTIONAL_BYTES = 240;

const aligned = (value: number, to: number) => Math.ceil(value / to) * to;

/** A PE32+ program of one section, whose first byte is run. */
function program(section: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FILE_AT + aligned(section.length, SECTOR));
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string) => bytes.set(new TextEncoder().encode(value), at);
  const pe = 0x40;
  text(0, 'MZ');
  view.setUint32(0x3c, pe, true);
  text(pe, 'PE');
  view.setUint16(pe + 4, MACHINE_X64, true);
  view.setUint16(pe + 6, 1, true);
  view.setUint16(pe + 20, OPTIONAL_BYTES, true);
  view.setUint16(pe + 22, EXECUTABLE_LARGE, true);
  const optional = pe + 24;
  view.setUint16(optional, PE32_PLUS, true);
  view.setUint32(optional + 4, aligned(section.length, SECTOR), true);
  view.setUint32(optional + 16, MEMORY_AT, true);
  view.setUint32(optional + 20, MEMORY_AT, true);
  view.setUint32(optional + 32, 0x1000, true);
  view.setUint32(optional + 36, SECTOR, true);
  view.setUint32(optional + 56, MEMORY_AT + aligned(section.length, 0x1000), true);
  view.setUint32(optional + 60, FILE_AT, true);
  view.setUint16(optional + 68, EFI_APPLICATION, true);
  view.setUint32(optional + 108, 16, true);
  const header = optional + OPTIONAL_BYTES;
  text(header, '.text');
  view.setUint32(header + 8, section.length, true);
  view.setUint32(header + 12, MEMORY_AT, true);
  view.setUint32(header + 16, aligned(section.length, SECTOR), true);
  view.setUint32(header + 20, FILE_AT, true);
  view.setUint32(header + 36, CODE_READ_EXECUTE, true);
  bytes.set(section, FILE_AT);
  return bytes;
}

const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** Where texts and payload stand in the section. */
const GOOD = 0x80;
const BAD = 0xc0;
const PAYLOAD = 0x100;

/**
 * Adds up the bytes of a payload that comes with it, and says on COM1 whether the sum is what it should be: a line `good` or
 * `bad`. A long payload makes the firmware read much.
 */
function summing(payload: Uint8Array, good: string, bad: string): Uint8Array {
  const section = new Uint8Array(PAYLOAD + payload.length);
  const sum = payload.reduce((total, byte) => (total + byte) >>> 0, 0);
  const code: number[] = [];
  const emit = (...bytes: number[]) => code.push(...bytes);
  /** lea rsi, [rip + distance] */
  const point = (target: number) => emit(0x48, 0x8d, 0x35, ...u32(target - code.length - 7));
  emit(0xfa, 0xfc, 0x31, 0xdb); // cli; cld; xor ebx, ebx
  point(PAYLOAD);
  emit(0xb9, ...u32(payload.length)); // mov ecx, length
  emit(0x31, 0xc0, 0xac, 0x01, 0xc3, 0xff, 0xc9, 0x75, 0xf9); // xor eax, eax; next: lodsb; add ebx, eax; dec ecx; jnz next
  emit(0x81, 0xfb, ...u32(sum)); // cmp ebx, sum
  point(GOOD);
  emit(0x74, 0x07); // je print
  point(BAD);
  emit(0x66, 0xba, 0xf8, 0x03); // print: mov dx, 0x3f8
  emit(0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8); // next: lodsb; test al, al; jz end; out dx, al; jmp next
  emit(0xf4, 0xeb, 0xfd); // end: hlt; jmp end
  if (code.length > GOOD) throw new Error(`a program of ${code.length} bytes`);
  section.set(code);
  // A line of its own, whatever the firmware printed before.
  section.set(new TextEncoder().encode(`\n${good}\n`), GOOD);
  section.set(new TextEncoder().encode(`\n${bad}\n`), BAD);
  section.set(payload, PAYLOAD);
  return section;
}

/** A directory entry. `name` of eight and three letters, filled up with spaces. */
function entry(name: string, kind: number, cluster: number, length: number): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(name));
  bytes[11] = kind;
  view.setUint16(26, cluster, true);
  view.setUint32(28, length, true);
  return bytes;
}

/** @param payload what the program adds up; `good` is printed where it is whole, else `bad`. */
export function uefiDisk(lengthBytes: number, payload: Uint8Array, good: string, bad: string): Uint8Array {
  const disk = new Uint8Array(lengthBytes);
  const view = new DataView(disk.buffer);
  const sectors = lengthBytes / SECTOR;
  const fatSectors = Math.ceil((sectors / CLUSTER_SECTORS + FIRST_CLUSTER) / (SECTOR / 2));
  disk.set([0xeb, 0x3c, 0x90]);
  disk.set(new TextEncoder().encode('VIRTLAB '), 3);
  view.setUint16(11, SECTOR, true);
  disk[13] = CLUSTER_SECTORS;
  view.setUint16(14, 1, true);
  disk[16] = 2;
  view.setUint16(17, ROOT_ENTRIES, true);
  disk[21] = 0xf8;
  view.setUint16(22, fatSectors, true);
  view.setUint16(24, 63, true);
  view.setUint16(26, 16, true);
  view.setUint32(32, sectors, true);
  disk[36] = 0x80;
  disk[38] = 0x29;
  disk.set(new TextEncoder().encode('VIRTIOLAB  FAT16   '), 43);
  view.setUint16(510, 0xaa55, true);

  const root = (1 + 2 * fatSectors) * SECTOR;
  const data = root + ROOT_ENTRIES * ENTRY_BYTES;
  const at = (cluster: number) => data + (cluster - FIRST_CLUSTER) * CLUSTER;
  const chain = (cluster: number, next: number) => {
    for (const fat of [1, 1 + fatSectors]) view.setUint16(fat * SECTOR + 2 * cluster, next, true);
  };
  const file = program(summing(payload, good, bad));
  const clusters = Math.ceil(file.length / CLUSTER);
  const [efi, boot, first] = [FIRST_CLUSTER, FIRST_CLUSTER + 1, FIRST_CLUSTER + 2];
  for (const [cluster, next] of [
    [0, 0xfff8],
    [1, LAST],
    [efi, LAST],
    [boot, LAST],
  ] as const)
    chain(cluster, next);
  for (let i = 0; i < clusters; i++) chain(first + i, i + 1 === clusters ? LAST : first + i + 1);
  const dots = (own: number, parent: number) => [
    entry('.          ', attribute.folder, own, 0),
    entry('..         ', attribute.folder, parent, 0),
  ];
  const folder = (start: number, entries: readonly Uint8Array[]) => {
    for (const [i, bytes] of entries.entries()) disk.set(bytes, start + i * ENTRY_BYTES);
  };
  folder(root, [entry('EFI        ', attribute.folder, efi, 0)]);
  folder(at(efi), [...dots(efi, 0), entry('BOOT       ', attribute.folder, boot, 0)]);
  folder(at(boot), [...dots(boot, efi), entry('BOOTX64 EFI', attribute.file, first, file.length)]);
  disk.set(file, at(first));
  return disk;
}
