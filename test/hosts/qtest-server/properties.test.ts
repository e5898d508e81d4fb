import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answer, commandNames, QtestMachine } from '../../../src/hosts/qtest-server/index.ts';
import { LineBuffer } from '../../../src/hosts/qtest-server/line-buffer.ts';
import { hexOf, parseNumber } from '../../../src/hosts/qtest-server/numbers.ts';
import { EntropyDevice, SeededEntropy, virtioFunction } from '../../../src/virtio/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';

/** What strtoul makes of a text with base 0, in other words than ours. */
function reference(text: string): bigint | null {
  const [, sign, digits = ''] = /^\s*([+-]?)(.*)$/s.exec(text) ?? [];
  const octal = /^0[0-7]+$/.test(digits);
  if (!octal && !/^(?:0x[\da-f]+|0|[1-9]\d*)$/i.test(digits)) return null;
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  if (value >= 2n ** 64n) return null;
  return BigInt.asUintN(64, sign === '-' ? -value : value);
}

const digits = (alphabet: string, most: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), maxLength: most });
const numberText = fc
  .tuple(
    fc.constantFrom('', '', '', ' ', '\t', '\n '),
    fc.constantFrom('', '', '+', '-', '--'),
    fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n + 5n }).map(String),
      fc.bigInt({ min: 0n, max: 2n ** 65n }).map((value) => `0x${value.toString(16)}`),
      fc.bigInt({ min: 0n, max: 2n ** 64n + 5n }).map((value) => `0${value.toString(8)}`),
      digits('0123456789abcdefxX ', 8),
    ),
  )
  .map((parts) => parts.join(''));

describe('numbers', () => {
  it('are those of strtoul', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        const [found, expected] = [parseNumber(text), reference(text)];
        expect(found === null ? null : BigInt(hexOf(found))).toBe(expected);
      }),
      { numRuns: runs(2000) },
    );
  });
});

describe('lines', () => {
  it('are the same wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), fc.boolean(), (pieces, feeds) => {
        const bytes = Buffer.concat(pieces.map((piece) => (feeds ? Buffer.from([...piece, 10]) : piece)));
        const lines = new LineBuffer(1000);
        const found: string[] = [];
        let at = 0;
        for (const piece of pieces) {
          const end = at + piece.length + (feeds ? 1 : 0);
          lines.add(bytes.subarray(at, end));
          at = end;
          for (let line = lines.next(); line !== null; line = lines.next()) found.push(line);
        }
        expect(found).toEqual(bytes.toString('latin1').split('\n').slice(0, -1));
      }),
      { numRuns: runs(500) },
    );
  });
});

const BASE = 0x1000;
const WINDOW = 64;

/** A command that changes memory near the base, and what it does to a copy. */
const change = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(['b', 1], ['w', 2], ['l', 4], ['q', 8]),
      fc.nat(WINDOW - 8),
      fc.bigInt({ min: -1n, max: 2n ** 64n - 1n }),
    )
    .map(([[letter, width], at, value]) => ({
      line: `write${letter} ${BASE + at} ${value}`,
      apply: (copy: Uint8Array) => {
        for (let i = 0; i < Number(width); i++) copy[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
      },
    })),
  fc
    .tuple(fc.nat(WINDOW - 1), fc.uint8Array({ minLength: 1, maxLength: WINDOW }), fc.boolean())
    .map(([at, data, coded]) => {
      const cut = data.subarray(0, WINDOW - at);
      const text = coded ? Buffer.from(cut).toString('base64') : `0x${Buffer.from(cut).toString('hex')}`;
      return {
        line: `${coded ? 'b64write' : 'write'} 0x${(BASE + at).toString(16)} ${cut.length} ${text}`,
        apply: (copy: Uint8Array) => copy.set(cut, at),
      };
    }),
  fc.tuple(fc.nat(WINDOW - 1), fc.nat(WINDOW), fc.nat(0x3ff)).map(([at, length, value]) => ({
    line: `memset ${BASE + at} ${Math.min(length, WINDOW - at)} ${value}`,
    apply: (copy: Uint8Array) => copy.fill(value & 0xff, at, at + Math.min(length, WINDOW - at)),
  })),
);

describe('memory', () => {
  it('holds what commands of any kind have written, and commands of any kind read it', () => {
    const target = QtestMachine.ofBytes(1 << 20);
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.nat(WINDOW - 8), (changes, at) => {
        answer(target, `memset ${BASE} ${WINDOW} 0`);
        const copy = new Uint8Array(WINDOW);
        for (const { line, apply } of changes) {
          expect(answer(target, line)).toBe('OK');
          apply(copy);
        }
        expect(answer(target, `read ${BASE} ${WINDOW}`)).toBe(`OK 0x${Buffer.from(copy).toString('hex')}`);
        expect(answer(target, `b64read ${BASE} ${WINDOW}`)).toBe(
          `OK ${Buffer.from(copy).toString('base64')}`,
        );
        const eight = new DataView(copy.buffer).getBigUint64(at, true);
        for (const [letter, width] of [
          ['b', 1],
          ['w', 2],
          ['l', 4],
          ['q', 8],
        ] as const)
          expect(BigInt(answer(target, `read${letter} ${BASE + at}`).slice(3))).toBe(
            BigInt.asUintN(8 * width, eight),
          );
      }),
      { numRuns: runs(300) },
    );
  });
});

describe('any line', () => {
  const word = fc.oneof(
    numberText,
    fc.constantFrom(
      ...commandNames,
      'ioapic',
      'unnamed-gpio-in',
      '0xcf8',
      '0xcfc',
      '0x80002010',
      '0xc000',
      '0xe0000000',
      '0x7',
      '',
    ),
    fc.string({ maxLength: 10 }),
  );
  const line = fc
    .tuple(
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...commandNames) }, { weight: 1, arbitrary: word }),
      fc.array(word, { maxLength: 5 }),
    )
    .map(([name, words]) => [name, ...words].join(' ').replaceAll('\n', '\t'));

  it(
    'has one line for an answer, and the next is answered as well',
    () => {
      fc.assert(
        fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
          const target = QtestMachine.ofBytes(1 << 20);
          const source = new SeededEntropy(1);
          target.bus.plug(
            virtioFunction(new EntropyDevice({ source }), { kind: 'transitional' }).pci,
            4 << 3,
          );
          for (const each of lines) expect(answer(target, each)).toMatch(/^(?:OK|FAIL|ERR)(?: [^\n]*)?$/);
          expect(answer(target, 'endianness')).toBe('OK little');
        }),
        { numRuns: runs(150) },
      );
    },
    PATIENCE,
  );
});
