import { describe, expect, it, test } from 'vitest';
import { decodeP9, encodeP9, isRequest, p9Messages } from '../../src/virtio/index.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** Messages byte by byte, as the protocol's manual draws them. */
const examples = [
  [
    'Tversion',
    0xffff,
    { msize: 8192, version: '9P2000.L' },
    '15000000 64 ffff 00200000 0800 3950323030302e4c',
  ],
  [
    'Tattach',
    1,
    { fid: 2, afid: 0xffffffff, uname: 'ü', aname: '', nUname: 3 },
    '19000000 68 0100 02000000 ffffffff 0200c3bc 0000 03000000',
  ],
  [
    'Twalk',
    2,
    { fid: 1, newfid: 2, names: ['a', 'bc'] },
    '18000000 6e 0200 01000000 02000000 0200 0100 61 0200 6263',
  ],
  [
    'Rwalk',
    2,
    { qids: [{ type: 0x80, version: 1, path: 0x0102030405060708n }] },
    '16000000 6f 0200 0100 80 01000000 0807060504030201',
  ],
  [
    'Tread',
    3,
    { fid: 1, offset: 2n ** 63n, count: 5 },
    '17000000 74 0300 01000000 0000000000000080 05000000',
  ],
  ['Rread', 3, { data: Uint8Array.of(9, 8) }, '0d000000 75 0300 02000000 0908'],
  ['Rlerror', 4, { ecode: 13 }, '0b000000 07 0400 0d000000'],
  ['Tflush', 5, { oldtag: 0x0102 }, '09000000 6c 0500 0201'],
] as const;

describe('messages of 9P', () => {
  test.each(examples)('%s is the bytes that it has to be', (name, tag, fields, hex) => {
    expect(Buffer.from(encodeP9(name, fields as never, tag)).toString('hex')).toBe(hex.replaceAll(' ', ''));
    expect(decodeP9(name, bytes(hex))).toEqual(fields);
  });

  test.each(examples)('%s that is cut off is none', (name, _tag, _fields, hex) => {
    const whole = bytes(hex);
    for (let length = 7; length < whole.length; length++)
      expect(decodeP9(name, whole.subarray(0, length))).toBeNull();
    expect(decodeP9(name === 'Tread' ? 'Rread' : 'Tread', whole)).toBeNull();
  });

  it('has no list and no data that is longer than the message', () => {
    expect(decodeP9('Twalk', bytes('18000000 6e 0200 01000000 02000000 ffff 0100 61'))).toBeNull();
    expect(decodeP9('Rread', bytes('0d000000 75 0300 ffffffff 0908'))).toBeNull();
  });

  it('come in pairs: a request has an even type, and its reply the next', () => {
    const types = new Map<string, number>(Object.entries(p9Messages).map(([name, { type }]) => [name, type]));
    for (const [name, type] of types) {
      expect(isRequest(type)).toBe(name.startsWith('T'));
      if (name.startsWith('T')) expect(types.get(`R${name.slice(1)}`)).toBe(type + 1);
    }
  });
});
