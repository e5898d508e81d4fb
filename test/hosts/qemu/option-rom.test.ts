import { describe, expect, it } from 'vitest';
import { GuestImageError } from '../../../src/hosts/guest/errors.ts';
import { optionRomFor } from '../../../src/hosts/qemu/index.ts';

/** An option ROM, as much of one as firmware looks at. */
function rom(): Uint8Array {
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  bytes.set([0x55, 0xaa, 1]);
  view.setUint16(0x18, 0x40, true);
  bytes.set(new TextEncoder().encode('PCIR'), 0x40);
  view.setUint16(0x44, 0x1af4, true);
  view.setUint16(0x46, 0x1041, true);
  bytes[6] = 256 - (bytes.reduce((sum, byte) => sum + byte) & 0xff);
  return bytes;
}

describe('an option ROM', () => {
  it.each([0x1000, 0x10ff, 0x1041])('is made for device 0x%s, and adds up to 0 all the same', (deviceId) => {
    const before = rom();
    const after = optionRomFor(before, deviceId);
    expect(new DataView(after.buffer).getUint16(0x46, true)).toBe(deviceId);
    expect(after.reduce((sum, byte) => sum + byte) & 0xff).toBe(0);
    expect(before).toEqual(rom());
  });

  it('is told from other files', () => {
    expect(() => optionRomFor(new Uint8Array(10), 1)).toThrow(GuestImageError);
    expect(() => optionRomFor(new Uint8Array(512), 1)).toThrow('option ROM is without 55 aa');
    expect(() => optionRomFor(rom().fill(0, 0x40, 0x44), 1)).toThrow(GuestImageError);
    expect(() => optionRomFor(rom().fill(0xff, 0x18, 0x1a), 1)).toThrow(GuestImageError);
  });
});
