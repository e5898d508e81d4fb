import { describe, expect, it, test } from 'vitest';
import { RegisterMapError, registers, ro, rw, StateMismatchError, type Width } from '../../src/core/index.ts';
import { ConfigSpace, readConfigPieces } from '../../src/pci/index.ts';

const block = registers({
  fixed: ro(0, 2, '', { reset: 0xbeef }),
  control: rw(2, 2, '', { reset: 0x0101, writable: 0x0ff0 }),
  events: ro(4, 2, '', { reset: 0xf00f, writeOneToClear: 0x8003 }),
  mixed: rw(6, 2, '', { writable: 0x00ff, writeOneToClear: 0xff00, reset: 0x1234 }),
  many: rw(8, 1, '', { count: 4, reset: 7 }),
});

function space(length = 256) {
  const config = new ConfigSpace(length);
  config.place(block, 0x40);
  return config;
}

describe('configuration space (PCI-BUS-01)', () => {
  const writes: readonly [string, number, Width, number, number, Width, number][] = [
    ['hardwired bits stay', 0x40, 2, 0x0000, 0x40, 2, 0xbeef],
    ['a write changes its writable bits alone', 0x42, 2, 0xffff, 0x42, 2, 0x0ff1 | 0x0100],
    ['a narrow write changes one byte', 0x43, 1, 0x05, 0x42, 2, 0x0501],
    ['writing 1 clears', 0x44, 2, 0x8001, 0x44, 2, 0x700e],
    ['writing 0 does not clear', 0x44, 2, 0x0000, 0x44, 2, 0xf00f],
    ['writing 1 to a bit that cannot be cleared does nothing', 0x44, 2, 0x7ffc, 0x44, 2, 0xf00f],
    ['both kinds of bits in one register', 0x46, 2, 0x10aa, 0x46, 2, 0x02aa],
    ['a dword reaches two registers', 0x40, 4, 0x0ff00000, 0x40, 4, 0x0ff1beef],
    ['an array keeps each element', 0x4a, 1, 0x99, 0x48, 4, 0x07990707],
    ['what is not placed is hardwired to 0', 0x60, 4, 0xffffffff, 0x60, 4, 0],
    ['past the end nothing is written', 0xfe, 4, 0xffffffff, 0xfe, 2, 0],
  ];
  test.each(writes)('%s', (_, offset, width, value, readAt, readWidth, expected) => {
    const config = space();
    config.write(offset, width, value);
    expect(config.read(readAt, readWidth)).toBe(expected);
  });

  it('reads all ones past its end', () => {
    expect([space().read(0x100, 1), space().read(0xfe, 4), space().read(0x1000, 2)]).toEqual([
      0xff, 0xffffffff, 0xffff,
    ]);
    expect(space(4096).read(0xffc, 4)).toBe(0);
  });

  it('places values given by name, and refuses what does not fit or is too wide', () => {
    const config = space();
    config.place(block, 0x80, { fixed: 0x1111, many: 3 });
    expect([config.read(0x80, 2), config.read(0x88, 4), config.read(0x82, 2)]).toEqual([
      0x1111, 0x03030303, 0x0101,
    ]);
    expect(() => config.place(block, 0xf6)).toThrow(RegisterMapError);
    expect(() => config.place(registers({ wide: ro(0, 8) }), 0)).toThrow(/64 bits/);
  });

  it('goes back to what it was sealed with, masks included', () => {
    const config = space();
    config.set(0x40, 2, 0x4242);
    config.seal();
    config.write(0x42, 2, 0xffff);
    config.write(0x44, 2, 0xffff);
    config.reset();
    expect([config.read(0x40, 2), config.read(0x42, 2), config.read(0x44, 2)]).toEqual([
      0x4242, 0x0101, 0xf00f,
    ]);
    config.write(0x40, 2, 0);
    expect(config.read(0x40, 2)).toBe(0x4242);
  });

  it('runs hooks for every access that touches their bytes: before a read, after a write', () => {
    const config = space();
    const log: string[] = [];
    config.onRead(0x42, 2, () => {
      log.push('read');
      config.set(0x42, 2, 0x0222);
    });
    config.onWrite(0x42, 2, () => log.push(`wrote ${config.get(0x42, 2).toString(16)}`));
    expect(config.read(0x40, 4)).toBe(0x0222beef);
    config.read(0x44, 1);
    config.read(0x41, 1);
    config.write(0x43, 1, 0x0f);
    config.write(0x44, 4, 0);
    config.write(0x40, 4, 0);
    config.get(0x42, 2);
    expect(log).toEqual(['read', 'wrote f22', 'wrote 2']);
  });

  it('saves its bytes and loads them into a space of the same length', () => {
    const config = space();
    config.write(0x42, 2, 0x0550);
    const fresh = space();
    fresh.load(config.save());
    expect(fresh.read(0x42, 2)).toBe(0x0551);
    expect(() => space(4096).load(config.save())).toThrow(StateMismatchError);
  });

  test.each([
    [0x41, 2, ['1@41', '1@42']],
    [0x41, 4, ['1@41', '2@42', '1@44']],
    [0x42, 4, ['2@42', '2@44']],
    [0x44, 4, ['4@44']],
  ] as const)('an access at %d of %d bytes is made of aligned pieces', (offset, width, pieces) => {
    const log: string[] = [];
    const read = (at: number, piece: Width) => {
      log.push(`${piece}@${at.toString(16)}`);
      return Array.from({ length: piece }, (_, i) => ((at + i) & 0xff) * 2 ** (8 * i)).reduce(
        (a, b) => a + b,
      );
    };
    const expected = Array.from({ length: width }, (_, i) => (offset + i) * 2 ** (8 * i)).reduce(
      (a, b) => a + b,
    );
    expect(readConfigPieces(read, offset, width)).toBe(expected);
    expect(log).toEqual(pieces);
  });
});

describe('functions that are built alike', () => {
  const made = () => {
    const space = new ConfigSpace(256);
    space.place(registers({ id: ro(0, 2), control: rw(4, 4), events: rw(8, 2) }), 0, { id: 0x1af4 });
    space.setMasks(8, 2, 0, 0xffff);
    space.set(8, 2, 0xff);
    space.seal();
    return space;
  };
  const bytesOf = (space: ConfigSpace) => [space.get(0, 2), space.get(4, 4), space.get(8, 2)];

  it('have bytes of their own as soon as they differ', () => {
    const [one, other] = [made(), made()];
    one.write(4, 4, 0x12345678);
    one.write(8, 2, 0x0f);
    expect(bytesOf(one)).toEqual([0x1af4, 0x12345678, 0xf0]);
    expect(bytesOf(other)).toEqual([0x1af4, 0, 0xff]);
    one.reset();
    expect(bytesOf(one)).toEqual(bytesOf(other));
  });

  it('keep to themselves what they are wired to, and which bits can be written', () => {
    const [one, other] = [made(), made()];
    one.wire(0, 2, 0x1234);
    one.setMasks(4, 4, 0xff);
    for (const space of [one, other]) space.write(4, 4, 0xffff);
    expect([bytesOf(one), bytesOf(other)]).toEqual([
      [0x1234, 0xff, 0xff],
      [0x1af4, 0xffff, 0xff],
    ]);
    for (const space of [one, other]) space.reset();
    expect([one.initial(0), other.initial(0)]).toEqual([0x34, 0xf4]);
    expect(one.fingerprint([])).not.toBe(other.fingerprint([]));
    expect(made().fingerprint([])).toBe(other.fingerprint([]));
  });
});
