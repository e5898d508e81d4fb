import { describe, expect, it } from 'vitest';
import { GuestImageError } from '../../../src/hosts/guest/errors.ts';
import { checkBios, checkKernelImage, checkVgaBios } from '../../../src/hosts/guest/images.ts';

const WANTED = 'wants a 32-bit x86 bzImage (Debian: linux-image-686 of bookworm)';

function kernel(change: (view: DataView) => void = () => {}): Uint8Array {
  const file = new Uint8Array(0x4000);
  const view = new DataView(file.buffer);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x20f, true);
  view.setUint8(0x211, 1);
  view.setUint16(0x20e, 0x3000 - 0x200, true);
  file.set(new TextEncoder().encode('6.1.0-50-686 (debian-kernel) #1 SMP\0'), 0x3000);
  change(view);
  return file;
}

const word = (offset: number, value: number) => {
  const file = new Uint8Array(0x4000);
  new DataView(file.buffer).setUint32(offset, value, true);
  return file;
};

describe('guest images', () => {
  it('takes a 32-bit bzImage and knows its release', () => {
    expect(checkKernelImage('vmlinuz', kernel())).toBe('6.1.0-50-686');
  });

  it.each([
    ['a 64-bit x86 kernel', kernel((view) => view.setUint16(0x236, 0x3f, true))],
    ['a kernel of boot protocol 0x206', kernel((view) => view.setUint16(0x206, 0x206, true))],
    ['an ARM64 kernel image', word(0x38, 0x644d5241)],
    ['a RISC-V kernel image', word(0x38, 0x05435352)],
    ['an ARM zImage', word(0x24, 0x016f2818)],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, ...new Uint8Array(0x300))],
    ['empty', new Uint8Array(0)],
    ['no kernel image (no "HdrS" at 0x202)', new Uint8Array(0x4000)],
  ])('refuses %s by name', (name, file) => {
    expect(() => checkKernelImage('/boot/vmlinuz', file)).toThrow(`/boot/vmlinuz is ${name}; ${WANTED}`);
    expect(() => checkKernelImage('/boot/vmlinuz', file)).toThrow(GuestImageError);
  });

  it('refuses a vmlinux by its machine', () => {
    const file = new Uint8Array(0x4000);
    file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    new DataView(file.buffer).setUint16(18, 183, true);
    expect(() => checkKernelImage('vmlinux', file)).toThrow('vmlinux is a 64-bit ARM64 ELF file');
  });

  it('tells firmware from other files', () => {
    const bios = new Uint8Array(0x40000);
    expect(() => checkBios('bios.bin', bios)).toThrow('bios.bin is without a far jump at its reset vector');
    bios[bios.length - 16] = 0xea;
    checkBios('bios.bin', bios);
    expect(() => checkBios('bios.bin', bios.subarray(1))).toThrow('bios.bin is 262143 bytes long');
    checkVgaBios('vga.bin', Uint8Array.of(0x55, 0xaa, 0x40));
    expect(() => checkVgaBios('vga.bin', bios)).toThrow('vga.bin is without the option ROM signature 55 aa');
  });
});
