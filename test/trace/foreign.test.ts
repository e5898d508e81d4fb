import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Width } from '../../src/core/index.ts';
import { Decoder, DumpedFunctions, eventOf, placesOf, readTrace, TraceError } from '../../src/trace/index.ts';

const folder = join(import.meta.dirname, '../golden/traces');
const text = (name: string) => readFileSync(join(folder, name), 'utf8');
const log = text('qemu-virtio-blk.log');
const dump = text('qemu-virtio-blk.lspci');

/** A trace in the specification's words. */
function decoded(trace: string, functions: string): string[] {
  const dumped = new DumpedFunctions(functions);
  const addresses = dumped.functions.map(({ address }) => address);
  const places = placesOf(dumped, addresses);
  const decoder = new Decoder();
  for (const fn of dumped.functions) decoder.add(dumped, fn);
  return readTrace(trace).accesses.map((access) => {
    const { place, register, value, meaning } = decoder.decode(eventOf(access, places));
    return [access.space, access.operation, access.width, place, register, value, meaning]
      .join(' ')
      .trimEnd();
  });
}

describe('traces of other programs', () => {
  it("are decoded: QEMU's, of a block driver by the legacy and the modern interface", async () => {
    await expect(`${decoded(log, dump).join('\n')}\n`).toMatchFileSnapshot(
      join(folder, 'qemu-virtio-blk.decoded.txt'),
    );
  });

  it('mean the same in JSON lines and in mmiotrace', () => {
    const lines = [
      '{"space":"memory","operation":"write","address":"0x8000000014","width":1,"value":3}',
      '{"space":"memory","operation":"read","address":549755813908,"width":1,"value":"0x03"}',
    ].join('\n');
    const mmiotrace = [
      'VERSION 20070824',
      'MAP 12.5 1 0x8000000000 0xffffc900 0x1000 0x0 0',
      'W 1 12.600100 1 0x8000000014 0x3 0x0 0',
      'MARK 12.7 up',
      'R 1 12.600200 1 0x8000000014 0x3 0x0 0',
      'UNMAP 13.0 1 0x0 0',
    ].join('\n');
    const expected = [
      'memory write 1 common deviceStatus 0x03 acknowledge driver',
      'memory read 1 common deviceStatus 0x03 acknowledge driver',
    ];
    expect(decoded(lines, dump)).toEqual(expected);
    expect(decoded(mmiotrace, dump)).toEqual(expected);
    expect([lines, mmiotrace, log].map((each) => readTrace(each).format)).toEqual([
      'json-lines',
      'mmiotrace',
      'qemu',
    ]);
  });

  it("take QEMU's configuration ports for what they select, and what is not theirs for nothing", () => {
    const event = (name: string, addr: string, value: string, size: number) =>
      `12@1.5:memory_region_ops_${name} cpu 0 mr 0x5 addr ${addr} value ${value} size ${size} name 'x'`;
    const { accesses } = readTrace(
      [
        event('read', '0xcfc', '0xffffffff', 4),
        'virtio_notify vdev 0x1 vq 0x2',
        event('write', '0xcf8', '0x80002010', 4),
        event('read', '0xcf8', '0x80002010', 4),
        event('read', '0xcfe', '0xc081', 2),
        // A byte there is a port of its own, and selects nothing; nor are the ports on either side of the two.
        event('write', '0xcf8', '0x1', 1),
        event('write', '0xcf9', '0x6', 1),
        event('read', '0xd00', '0x1', 4),
        event('read', '0x60', '0x1', 1),
        event('read', '0xcff', '0xc0', 1),
        event('read', '0xfee00000', '0x1', 8),
        event('write', '0xc012', '0xffffffffffffff07', 1),
      ].join('\n'),
    );
    expect(accesses).toEqual([
      { space: 'config', operation: 'read', address: 0x12, width: 2, value: 0xc081, fn: 0x20, line: 5 },
      { space: 'io', operation: 'write', address: 0xcf8, width: 1, value: 1, fn: null, line: 6 },
      { space: 'io', operation: 'write', address: 0xcf9, width: 1, value: 6, fn: null, line: 7 },
      { space: 'io', operation: 'read', address: 0xd00, width: 4, value: 1, fn: null, line: 8 },
      { space: 'io', operation: 'read', address: 0x60, width: 1, value: 1, fn: null, line: 9 },
      { space: 'config', operation: 'read', address: 0x13, width: 1, value: 0xc0, fn: 0x20, line: 10 },
      { space: 'io', operation: 'write', address: 0xc012, width: 1, value: 7, fn: null, line: 12 },
    ]);
  });

  it('may have empty lines, which count, and lines that are indented', () => {
    const line = JSON.stringify(object);
    const linesOf = (trace: string) => readTrace(trace).accesses.map((access) => access.line);
    expect(linesOf(`\n${line}\n\n  \n\r\n  ${line}\n\n`)).toEqual([2, 6]);
    expect(linesOf('VERSION 20070824\n  W 1 12.6 1 0x8000000014 0x3 0x0 0\n')).toEqual([2]);
  });

  it('show addresses as they are where nobody says what they mean', () => {
    const event = eventOf(readTrace(log).accesses.find(({ space }) => space === 'io')!, []);
    expect(new Decoder().decode(event)).toMatchObject({ function: '', place: '', meaning: '' });
  });

  const object = { space: 'io', operation: 'read', address: 1, width: 1, value: 1 };
  test.each([
    ['an empty file', '', 'it is empty'],
    ['blank lines', ' \n\n', 'it is empty'],
    ['a binary file', '\x7fELF\x02\x01\x00\x00', 'it is no text'],
    ['another kind of text', 'Dear Sir,\n', 'it is no trace: wants JSON lines'],
    ['JSON that is cut', `${JSON.stringify(object)}\n{"space":"io","oper`, 'line 2: is no JSON object'],
    ['an array', '{}\n', 'line 1: space undefined; wants config, io, memory'],
    ['a list behind an object', `${JSON.stringify(object)}\n[]`, 'line 2: is no JSON object'],
    ['a number behind an object', `${JSON.stringify(object)}\n5`, 'line 2: is no JSON object'],
    ['null behind an object', `${JSON.stringify(object)}\nnull`, 'line 2: is no JSON object'],
    ['a width', JSON.stringify({ ...object, width: 3 }), 'line 1: width 3; wants 1, 2 or 4'],
    ['a value', JSON.stringify({ ...object, value: 256 }), 'value 256; wants a whole number from 0 to 0xff'],
    ['a negative value', JSON.stringify({ ...object, value: -1 }), 'value -1; wants a whole number'],
    ['half a value', JSON.stringify({ ...object, value: 0.5 }), 'value 0.5; wants a whole number'],
    ['a decimal text', JSON.stringify({ ...object, value: '12' }), 'value "12"; wants a whole number'],
    ['no value', JSON.stringify({ ...object, value: null }), 'value null; wants a whole number'],
    ['a port', JSON.stringify({ ...object, address: '0x10000' }), 'address "0x10000"; wants'],
    ['an operation', JSON.stringify({ ...object, operation: 'peek' }), 'operation "peek"; wants read, write'],
    [
      'a function',
      JSON.stringify({ ...object, space: 'config' }),
      'function undefined; wants a place such as',
    ],
    ["QEMU's, cut", log.slice(0, 260), 'is no whole access of QEMU: it is cut'],
    [
      'mmiotrace, cut',
      'VERSION 20070824\nW 4 1.5 1 0xf',
      'line 2: is no whole access of mmiotrace: it is cut',
    ],
    [
      'mmiotrace, cut before the end of a line of Windows',
      'VERSION 20070824\r\nR 4 1.5 1 0xf0 0x1 0x0\r\n',
      'line 2: is no whole access of mmiotrace: it is cut',
    ],
    ['mmiotrace without accesses', 'VERSION 20070824\nMARK 1 x', 'there is no access in it'],
  ])('refuse %s', (_, trace, message) => {
    expect(() => readTrace(trace)).toThrow(TraceError);
    expect(() => readTrace(trace)).toThrow(message);
  });

  it('never end otherwise, wherever they are cut or overwritten', () => {
    const short = log.slice(0, 3000);
    fc.assert(
      fc.property(
        fc.nat(3000),
        fc.nat(3000),
        fc.string({ unit: 'binary-ascii', maxLength: 8 }),
        (from, at, piece) => {
          const torn = short.slice(0, at) + piece + short.slice(Math.max(from, at));
          try {
            expect(readTrace(torn).accesses.length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(TraceError);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a dump of functions', () => {
  it('answers as a bus does where there is no function: with ones', () => {
    const functions = new DumpedFunctions(dump);
    expect([1, 2, 4].map((width) => functions.configRead(0x28, 0, width as Width))).toEqual([
      0xff, 0xffff, 0xffffffff,
    ]);
    // What was not listed of a function that is there is 0.
    expect(functions.configRead(0x20, 0x100, 4)).toBe(0);
    expect(placesOf(functions)).toEqual(placesOf(functions, [0x20]));
  });

  test.each([
    ['nothing', '', 'there is no function in it: wants what lspci -xxxx prints'],
    ['bytes of nobody', '00: f4 1a\n', 'line 1: has bytes, and there is no function before it'],
    [
      'a line that is cut',
      `${dump.slice(0, 70)}`,
      'line 2: "0" is no byte: the line is cut, or not of a dump',
    ],
  ])('is refused: %s', (_, bad, message) => {
    expect(() => new DumpedFunctions(bad)).toThrow(message);
  });
});
