/** Where the program is loaded. */
const BASE = 0x08048000;
const HEADERS = 0x34 + 0x20;

const word32 = (value: number) => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
const word16 = (value: number) => [value & 0xff, value >> 8];

/**
 * A program for the guest, which has no sg_reset: it opens the file that its argument names and asks the kernel to reset the
 * device behind it (ioctl SG_SCSI_RESET with SG_SCSI_RESET_DEVICE). Its exit status is 0 when both went well.
 */
function program(): Uint8Array {
  const code = [
    ...[0x8b, 0x5c, 0x24, 0x08], // mov ebx, [esp + 8]: the argument
    ...[0x31, 0xc9, 0x31, 0xd2], // xor ecx, ecx; xor edx, edx
    ...[0xb8, ...word32(5), 0xcd, 0x80], // open(name, O_RDONLY)
    ...[0x89, 0xc3], // mov ebx, eax
    ...[0x6a, 0x01, 0x89, 0xe2], // push 1; mov edx, esp
    ...[0xb9, ...word32(0x2284)], // mov ecx, SG_SCSI_RESET
    ...[0xb8, ...word32(54), 0xcd, 0x80], // ioctl(file, SG_SCSI_RESET, &device)
    ...[0xf7, 0xd8, 0x89, 0xc3], // neg eax; mov ebx, eax
    ...[0xb8, ...word32(1), 0xcd, 0x80], // exit(error)
  ];
  const length = HEADERS + code.length;
  return Uint8Array.from([
    // ELF, 32 bits, little-endian, an executable for the 386.
    ...[0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ...[...word16(2), ...word16(3), ...word32(1), ...word32(BASE + HEADERS)],
    ...[...word32(0x34), ...word32(0), ...word32(0)],
    ...[...word16(0x34), ...word16(0x20), ...word16(1), ...word16(0), ...word16(0), ...word16(0)],
    // One segment: the whole file, to be read and executed.
    ...[...word32(1), ...word32(0), ...word32(BASE), ...word32(BASE)],
    ...[...word32(length), ...word32(length), ...word32(5), ...word32(0x1000)],
    ...code,
  ]);
}

/** A shell command that puts the program into a file. */
export function resetTool(path: string): string {
  const bytes = [...program()].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  return `printf '${bytes}' > ${path} && chmod +x ${path}`;
}
