/** Where a program is loaded. */
const BASE = 0x08048000;
const HEADERS = 0x34 + 0x20;

export const word32 = (value: number) => [
  value & 0xff,
  (value >> 8) & 0xff,
  (value >> 16) & 0xff,
  value >>> 24,
];
const word16 = (value: number) => [value & 0xff, value >> 8];

/** A static program for a 386 around machine code: ELF, 32 bits, little-endian. */
function program(code: readonly number[]): number[] {
  const length = HEADERS + code.length;
  return [
    ...[0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ...[...word16(2), ...word16(3), ...word32(1), ...word32(BASE + HEADERS)],
    ...[...word32(0x34), ...word32(0), ...word32(0)],
    ...[...word16(0x34), ...word16(0x20), ...word16(1), ...word16(0), ...word16(0), ...word16(0)],
    // One segment: the whole file, to be read and executed.
    ...[...word32(1), ...word32(0), ...word32(BASE), ...word32(BASE)],
    ...[...word32(length), ...word32(length), ...word32(5), ...word32(0x1000)],
    ...code,
  ];
}

/** A shell command that puts a program into a file, where the guest has none for what is wanted. */
export function putProgram(code: readonly number[], path: string): string {
  const bytes = program(code).map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`);
  return `printf '${bytes.join('')}' > ${path} && chmod +x ${path}`;
}
