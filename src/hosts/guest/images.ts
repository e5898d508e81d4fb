import { describeElf, isElf } from './elf.ts';
import { GuestImageError } from './errors.ts';

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Offsets in the setup header of a bzImage (Documentation/arch/x86/boot.rst). */
const setupHeader = { magic: 0x202, version: 0x206, loadFlags: 0x211, extendedLoadFlags: 0x236 } as const;
const HDRS = 0x53726448;
/** The kernel has a 64-bit entry point, which only a 64-bit kernel has. */
const KERNEL_64 = 1;
const LOADED_HIGH = 1;
const WANTED_KERNEL = 'a 32-bit x86 bzImage (Debian: linux-image-686 of bookworm)';

/** Other kernels, by the words at the places where they sign themselves. */
const FOREIGN_KERNELS: readonly (readonly [offset: number, magic: number, name: string])[] = [
  [0x38, 0x644d5241, 'an ARM64 kernel image'],
  [0x38, 0x05435352, 'a RISC-V kernel image'],
  [0x24, 0x016f2818, 'an ARM zImage'],
  [0x38, 0x818223cd, 'a LoongArch kernel image'],
];

function describeKernel(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'empty';
  if (isElf(bytes)) return describeElf(bytes);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'a gzip file';
  if (bytes[0] === 0x21 && bytes[1] === 0x3c) return 'an archive, perhaps the package itself';
  const data = view(bytes);
  for (const [offset, magic, name] of FOREIGN_KERNELS)
    if (bytes.length >= offset + 4 && data.getUint32(offset, true) === magic) return name;
  return 'no kernel image (no "HdrS" at 0x202)';
}

/**
 * Refuses kernels that the 32-bit PC cannot boot, by name.
 * @returns the release string in the image, such as `6.1.0-50-686`, or the empty string where it has none.
 * @throws GuestImageError
 */
export function checkKernelImage(path: string, bytes: Uint8Array): string {
  const data = view(bytes);
  if (bytes.length < 0x268 || data.getUint32(setupHeader.magic, true) !== HDRS)
    throw new GuestImageError(path, describeKernel(bytes), WANTED_KERNEL);
  const version = data.getUint16(setupHeader.version, true);
  if (version < 0x20c || (data.getUint8(setupHeader.loadFlags) & LOADED_HIGH) === 0)
    throw new GuestImageError(path, `a kernel of boot protocol 0x${version.toString(16)}`, WANTED_KERNEL);
  if ((data.getUint16(setupHeader.extendedLoadFlags, true) & KERNEL_64) !== 0)
    throw new GuestImageError(path, 'a 64-bit x86 kernel', WANTED_KERNEL);
  const at = data.getUint16(0x20e, true) + 0x200;
  const end = bytes.indexOf(0, at);
  const text = new TextDecoder('latin1').decode(bytes.subarray(at, Math.min(end, at + 128)));
  return text.split(' ')[0] ?? '';
}

/** First instruction that the processor runs, 16 bytes below the top of the image: a far jump. */
const FAR_JUMP = 0xea;
const BIOS_BYTES = [0x10000, 0x20000, 0x40000];

/** @throws GuestImageError unless the file looks like a PC BIOS of 64, 128 or 256 KiB. */
export function checkBios(path: string, bytes: Uint8Array): void {
  const wanted = 'a PC BIOS image of 64, 128 or 256 KiB (Debian: bios-256k.bin of seabios)';
  if (!BIOS_BYTES.includes(bytes.length))
    throw new GuestImageError(path, `${bytes.length} bytes long`, wanted);
  if (bytes[bytes.length - 16] !== FAR_JUMP)
    throw new GuestImageError(path, 'without a far jump at its reset vector', wanted);
}

/** @throws GuestImageError unless the file begins as an option ROM. */
export function checkVgaBios(path: string, bytes: Uint8Array): void {
  const wanted = 'a VGA option ROM (Debian: vgabios-stdvga.bin of seabios)';
  if (bytes[0] !== 0x55 || bytes[1] !== 0xaa)
    throw new GuestImageError(path, 'without the option ROM signature 55 aa', wanted);
}
