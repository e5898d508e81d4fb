import { putProgram, word32 } from './small-program.ts';

/**
 * A program for the guest, which has no sg_reset: it opens the file that its argument names and asks the kernel to reset the
 * device behind it (ioctl SG_SCSI_RESET with SG_SCSI_RESET_DEVICE). Its exit status is 0 when both went well.
 */
const code: readonly number[] = [
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

/** A shell command that puts the program into a file. */
export const resetTool = (path: string): string => putProgram(code, path);
