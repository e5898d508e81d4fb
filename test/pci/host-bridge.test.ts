import { describe, expect, it, test } from 'vitest';
import { functionAddress, type Width } from '../../src/core/index.ts';
import { type ConfigAccess, ConfigPorts, ECAM_BUS_BYTES, Ecam } from '../../src/pci/index.ts';
import { bareFunction, SLOT, smallMachine } from './support.ts';

/** Configuration space whose every byte is its own offset, with a log. */
function recorder() {
  const log: string[] = [];
  const config: ConfigAccess = {
    configRead: (fn, offset, width) => {
      log.push(`r${width} ${fn.toString(16)}+${offset.toString(16)}`);
      return Array.from({ length: width }, (_, i) => ((offset + i) & 0xff) * 2 ** (8 * i)).reduce(
        (a, b) => a + b,
      );
    },
    configWrite: (fn, offset, width, value) =>
      void log.push(`w${width} ${fn.toString(16)}+${offset.toString(16)}=${value.toString(16)}`),
  };
  return { config, log };
}

describe('ports 0xCF8 and 0xCFC (PCI-BUS-01)', () => {
  const address = 0x80000000 + SLOT * 256 + 0x10;

  test.each([
    [4, 4, 0x13121110, 'r4 20+10'],
    [4, 2, 0x1110, 'r2 20+10'],
    [6, 2, 0x1312, 'r2 20+12'],
    [5, 1, 0x11, 'r1 20+11'],
    [7, 1, 0x13, 'r1 20+13'],
    [5, 2, 0x1211, 'r2 20+11'],
  ] as const)('a read at +%d of %d bytes reaches exactly those bytes', (offset, width, value, access) => {
    const { config, log } = recorder();
    const ports = new ConfigPorts(config);
    ports.write(0, 4, address);
    expect(ports.read(offset, width)).toBe(value);
    expect(log).toEqual([access]);
  });

  test.each([
    [4, 4, 'w4 20+10=a1b2c3d4'],
    [6, 1, 'w1 20+12=d4'],
    [6, 2, 'w2 20+12=c3d4'],
  ] as const)('a write at +%d of %d bytes reaches exactly those bytes', (offset, width, access) => {
    const { config, log } = recorder();
    const ports = new ConfigPorts(config);
    ports.write(0, 4, address);
    ports.write(offset, width, width === 4 ? 0xa1b2c3d4 : width === 2 ? 0xc3d4 : 0xd4);
    expect(log).toEqual([access]);
  });

  it('keeps the address, without its reserved bits, and takes it only as a dword', () => {
    const { config, log } = recorder();
    const ports = new ConfigPorts(config);
    ports.write(0, 4, 0xffffffff);
    expect(ports.read(0, 4)).toBe(0x80fffffc);
    ports.write(0, 2, 0);
    ports.write(3, 1, 0);
    expect(ports.read(0, 4)).toBe(0x80fffffc);
    expect([ports.read(0, 1), ports.read(0, 2), ports.read(2, 2)]).toEqual([0xff, 0xffff, 0xffff]);
    expect(log).toEqual([]);
  });

  it('reads ones and writes nothing while the enable bit is off', () => {
    const { config, log } = recorder();
    const ports = new ConfigPorts(config);
    ports.write(0, 4, address - 0x80000000);
    ports.write(4, 4, 1);
    expect([ports.read(4, 4), ports.read(7, 1), log]).toEqual([0xffffffff, 0xff, []]);
  });

  it('in a machine answers an access across the two registers by its pieces', () => {
    const machine = smallMachine();
    machine.plug(bareFunction(), SLOT);
    machine.ioWrite(0xcf8, 4, 0x80000000 + SLOT * 256);
    expect(machine.ioRead(0xcfc, 4)).toBe(0x56781234);
    expect(machine.ioRead(0xcfa, 4)).toBe(0x1234ffff);
    expect(machine.ioRead(0xcfb, 2)).toBe(0x34ff);
    expect(machine.ioRead(0xcfe, 4)).toBe(0xffff5678);
    machine.ioWrite(0xcf8, 4, 0x80000004 + SLOT * 256);
    machine.ioWrite(0xcfb, 2, 0x4700);
    expect(machine.ioRead(0xcfc, 2)).toBe(0x47);
  });

  it('reads ones where no function is', () => {
    const machine = smallMachine();
    machine.ioWrite(0xcf8, 4, 0x80000000 + functionAddress(0, 9) * 256);
    expect([machine.ioRead(0xcfc, 2), machine.ioRead(0xcff, 1)]).toEqual([0xffff, 0xff]);
  });
});

describe('memory-mapped configuration', () => {
  test.each([
    [0x20100, 4, 'r4 20+100'],
    [0x20ffc, 2, 'r2 20+ffc'],
    [0x00003, 1, 'r1 0+3'],
    [0xff000, 4, 'r4 ff+0'],
  ] as const)('offset %d of %d bytes is a function and a register', (offset, width, access) => {
    const { config, log } = recorder();
    const ecam = new Ecam(config);
    ecam.read(offset, width as Width);
    ecam.write(offset, width as Width, 5);
    expect(log).toEqual([access, `${access.replace('r', 'w')}=5`]);
  });

  it('in a machine stands where it is told to, over one bus', () => {
    const machine = smallMachine({ ecamBase: 0xb0000000 });
    machine.plug(bareFunction({ express: true }), SLOT);
    const base = 0xb0000000 + SLOT * 4096;
    expect([machine.memoryRead(base, 4), machine.memoryRead(base + 2, 2)]).toEqual([0x56781234, 0x5678]);
    machine.memoryWrite(base + 4, 2, 0x7);
    expect(machine.configRead(SLOT, 4, 2)).toBe(7);
    expect(machine.memoryRead(base + 0x100, 4)).toBe(0);
    // 256 bytes are all that a conventional function has.
    expect(machine.memoryRead(0xb0000000 + 0x100, 4)).toBe(0xffffffff);
    expect(machine.memoryRead(0xb0000000 + ECAM_BUS_BYTES - 4, 4)).toBe(0xffffffff);
    expect(machine.memoryRead(0xe0000000 + SLOT * 4096, 4)).toBe(0xffffffff);
  });
});

it('the host bridge has a function of its own at 00:00.0', () => {
  const machine = smallMachine();
  expect([machine.configRead(0, 0, 4), machine.configRead(0, 8, 4), machine.configRead(0, 0x3d, 1)]).toEqual([
    0x00081b36, 0x06000000, 0,
  ]);
});
