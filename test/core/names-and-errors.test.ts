import { describe, expect, it, test } from 'vitest';
import {
  AddressRangeError,
  expectSame,
  FunctionAddressError,
  formatFunctionAddress,
  functionAddress,
  OptionError,
  RegisterMapError,
  StateEncodingError,
  StateMismatchError,
  StateVersionError,
  TargetGoneError,
  TargetTimeoutError,
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
    ['bus', 255, (value: number) => functionAddress(value, 0)],
    ['device', 31, (value: number) => functionAddress(0, value)],
    ['function', 7, (value: number) => functionAddress(0, 0, value)],
    ['segment', 0xffff, (value: number) => functionAddress(0, 0, 0, value)],
  ] as const)('have no %s but 0 to %d', (part, most, of) => {
    for (const value of [0, most]) expect(of(value)).toBeGreaterThanOrEqual(0);
    for (const value of [-1, 0.5, most + 1, Number.NaN]) {
      expect(() => of(value)).toThrow(FunctionAddressError);
      expect(() => of(value)).toThrow(expect.objectContaining({ part, value }));
      expect(() => of(value)).toThrow(`${part} ${value}; wants a whole number of 0..${most}`);
    }
  });
});

describe('errors', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  class ShapeError extends OptionError {}

  // Made within the test: what is made while tests are collected belongs to none of them.
  test.each<[string, () => VirtiolabError, string, object]>([
    [
      'RegisterMapError',
      () => new RegisterMapError('r', 'why'),
      'register r: why',
      { register: 'r', reason: 'why' },
    ],
    [
      'AddressRangeError',
      () => new AddressRangeError(16, 32, 'why'),
      'address range 0x10 + 0x20: why',
      { start: 16, length: 32, reason: 'why' },
    ],
    [
      'StateMismatchError',
      () => new StateMismatchError('part', 3, '4'),
      'saved state of part: found 3, expected 4',
      { part: 'part', found: 3, expected: '4' },
    ],
    [
      'StateVersionError',
      () => new StateVersionError('a.version', 4, 3),
      'saved state of a.version: found 4, expected version 3 or older',
      { part: 'a.version', found: 4, version: 4, newest: 3 },
    ],
    [
      'StateVersionError',
      () => new StateVersionError('a.version', 1, 3),
      'saved state of a.version: found 1, expected a version that can be upgraded to 3',
      { version: 1, newest: 3 },
    ],
    ['StateEncodingError', () => new StateEncodingError('torn'), 'encoded state: torn', { reason: 'torn' }],
    [
      'ShapeError',
      () => new ShapeError('size', 3, 'a power of 2'),
      'size 3: wants a power of 2',
      { option: 'size', value: 3 },
    ],
    [
      'FunctionAddressError',
      () => new FunctionAddressError('bus', 256, 255),
      'bus 256; wants a whole number of 0..255',
      { part: 'bus', value: 256 },
    ],
    [
      'TargetGoneError',
      () => new TargetGoneError('QEMU', 'it ended'),
      'QEMU is gone: it ended',
      { target: 'QEMU', reason: 'it ended' },
    ],
    [
      'TargetTimeoutError',
      () => new TargetTimeoutError('QEMU', 'a read', 50),
      'QEMU does not answer a read: waited for 50 ms',
      { target: 'QEMU', what: 'a read', milliseconds: 50 },
    ],
  ])('carry their class name and the wrong value: %s', (name, make, message, fields) => {
    const error = make();
    expect(error).toBeInstanceOf(VirtiolabError);
    expect([error.name, error.message]).toEqual([name, message]);
    expect(error).toMatchObject(fields);
  });

  test.each<[string, unknown, string]>([
    ['bytes by their number', new Uint8Array(5), '5 bytes'],
    ['no number at all', Number.NaN, 'NaN'],
    ['a number without end', Number.POSITIVE_INFINITY, 'Infinity'],
    ['text in quotes', '3', '"3"'],
    ['nothing', undefined, 'undefined'],
    ['plain data', { a: [null] }, '{"a":[null]}'],
    ['what has no JSON', 7n, '7'],
    ['what has no JSON within', { a: [7n] }, 'an object that is no plain data'],
    ['a cycle', cycle, 'an object that is no plain data'],
    ['100 characters whole', 'x'.repeat(98), `"${'x'.repeat(98)}"`],
    ['what is longer, cut to 100', 'x'.repeat(99), `"${'x'.repeat(96)}...`],
  ])('show in one line %s', (_, found, shown) => {
    expect(new StateMismatchError('p', found, 'q').message).toBe(
      `saved state of p: found ${shown}, expected q`,
    );
  });

  it('tell a saved state of another shape', () => {
    expect(() => expectSame('queues', 2, 2)).not.toThrow();
    expect(() => expectSame('queues', 2, 3)).toThrow(StateMismatchError);
    expect(() => expectSame('queues', undefined, true)).toThrow(
      expect.objectContaining({ part: 'queues', found: undefined, expected: 'true' }),
    );
  });
});
