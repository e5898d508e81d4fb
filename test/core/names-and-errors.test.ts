import { describe, expect, it, test } from 'vitest';
import {
  AddressRangeError,
  expectSame,
  formatFunctionAddress,
  functionAddress,
  RegisterMapError,
  StateMismatchError,
  VirtiolabError,
} from '../../src/core/index.ts';

describe('function addresses', () => {
  test.each([
    [0, 0, 0, 0, '00:00.0'],
    [0, 4, 0, 0x20, '00:04.0'],
    [1, 31, 7, 0x1ff, '01:1f.7'],
    [255, 16, 1, 0xff81, 'ff:10.1'],
  ])('%d, %d, %d', (bus, device, fn, address, text) => {
    expect(functionAddress(bus, device, fn)).toBe(address);
    expect(formatFunctionAddress(address)).toBe(text);
  });

  test.each([
    [1, 0x10020, '0001:00:04.0'],
    [0xffff, 0xffff0020, 'ffff:00:04.0'],
  ])('of segment %d', (segment, address, text) => {
    expect(functionAddress(0, 4, 0, segment)).toBe(address);
    expect(formatFunctionAddress(address)).toBe(text);
  });

  test.each([
    ['segment', [0, 0, 0, 0x10000]],
    ['bus', [256, 0]],
    ['device', [0, 32]],
    ['function', [0, 0, -1]],
  ] as const)('of no such %s', (part, [bus, device, fn, segment]) => {
    expect(() => functionAddress(bus, device, fn, segment)).toThrow(expect.objectContaining({ part }));
  });
});

describe('errors', () => {
  test.each([
    [new RegisterMapError('r', 'why'), 'RegisterMapError', 'register r: why'],
    [new AddressRangeError(16, 32, 'why'), 'AddressRangeError', 'address range 0x10 + 0x20: why'],
    [
      new StateMismatchError('part', 3, '4'),
      'StateMismatchError',
      'saved state of part: found 3, expected 4',
    ],
  ])('carry their class name and the wrong value: %s', (error, name, message) => {
    expect(error).toBeInstanceOf(VirtiolabError);
    expect([error.name, error.message]).toEqual([name, message]);
  });

  it('tell a saved state of another shape', () => {
    expect(() => expectSame('queues', 2, 2)).not.toThrow();
    expect(() => expectSame('queues', 2, 3)).toThrow(StateMismatchError);
    expect(() => expectSame('queues', undefined, true)).toThrow(
      expect.objectContaining({ part: 'queues', found: undefined, expected: 'true' }),
    );
  });
});
