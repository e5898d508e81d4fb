/** Where a PC loads the boot sector, and where this one puts what it reads. */
const LOAD = 0x7c00;
const FIRST_BUFFER = 0x8000;
const SECOND_BUFFER = 0xa000;

/** Offsets in the sector of what the code refers to. */
const PRINT = 0x60;
const FAIL = 0x70;
const PACKET = 0x80;
const GREETING = 0x90;
const SORRY = 0xb0;

export const SECTOR = 512;
/** Sectors that the boot sector reads: several at once by number, and one by cylinder, head and sector. */
export const byNumber = { first: 70, count: 16 } as const;
/** On cylinder 0 a sector counts from 1 and the second head begins at 63. */
export const byGeometry = { head: 1, sector: 5, number: 63 + 4 } as const;

const word = (value: number): number[] => [value & 0xff, value >> 8];

/** A forward or backward distance from the byte after an instruction of `length` bytes at `at`. */
const distance = (at: number, length: number, target: number): number[] =>
  word((target - at - length) & 0xffff);

/**
 * A disk whose boot sector reads further sectors with the firmware's disk service (int 13h) and sends what is in them
 * over COM1: a zero-terminated text at `byNumber.first`, one in the last sector of that stretch, one at
 * `byGeometry.number`. It ends with a line `failed` where the firmware reports an error.
 */
export function bootDisk(lengthBytes: number, texts: readonly [string, string, string]): Uint8Array {
  const disk = new Uint8Array(lengthBytes);
  const code: number[] = [];
  const emit = (...bytes: number[]) => code.push(...bytes);
  const print = (address: number) => {
    emit(0xbe, ...word(address)); // mov si, address
    emit(0xe8, ...distance(code.length, 3, PRINT)); // call print
  };
  const failIfCarry = () => emit(0x0f, 0x82, ...distance(code.length, 4, FAIL)); // jc fail
  emit(0xfc, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0); // cld; xor ax, ax; mov ds, ax; mov es, ax
  emit(0x8e, 0xd0, 0xbc, ...word(LOAD)); // mov ss, ax; mov sp, LOAD. The firmware left the drive in dl.
  print(LOAD + GREETING);
  emit(0xbe, ...word(LOAD + PACKET), 0xb4, 0x42, 0xcd, 0x13); // mov si, packet; mov ah, 0x42; int 0x13
  failIfCarry();
  print(FIRST_BUFFER);
  print(FIRST_BUFFER + (byNumber.count - 1) * SECTOR);
  emit(0xb8, 0x01, 0x02); // mov ax, 0x0201: read one sector
  emit(0xb9, byGeometry.sector, 0, 0xb6, byGeometry.head); // mov cx, sector of cylinder 0; mov dh, head
  emit(0xbb, ...word(SECOND_BUFFER), 0xcd, 0x13); // mov bx, buffer; int 0x13
  failIfCarry();
  print(SECOND_BUFFER);
  emit(0xf4, 0xeb, 0xfd); // end: hlt; jmp end
  if (code.length > PRINT) throw new Error(`boot code of ${code.length} bytes`);
  disk.set(code);
  // print: push dx; mov dx, 0x3f8; next: lodsb; test al, al; jz done; out dx, al; jmp next; done: pop dx; ret
  disk.set([0x52, 0xba, 0xf8, 0x03, 0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, 0x5a, 0xc3], PRINT);
  // fail: mov si, sorry; call print; end: hlt; jmp end
  disk.set([0xbe, ...word(LOAD + SORRY), 0xe8, ...distance(FAIL + 3, 3, PRINT), 0xf4, 0xeb, 0xfd], FAIL);
  // Disk address packet: its size, sectors, buffer offset and segment, first sector.
  disk.set([16, 0, byNumber.count, 0, ...word(FIRST_BUFFER), 0, 0, byNumber.first], PACKET);
  const put = (text: string, at: number) => disk.set(new TextEncoder().encode(text), at);
  put('in the boot sector\n', GREETING);
  put('failed\n', SORRY);
  put(`${texts[0]}\n`, byNumber.first * SECTOR);
  put(`${texts[1]}\n`, (byNumber.first + byNumber.count - 1) * SECTOR);
  put(`${texts[2]}\n`, byGeometry.number * SECTOR);
  disk.set([0x55, 0xaa], SECTOR - 2);
  return disk;
}
