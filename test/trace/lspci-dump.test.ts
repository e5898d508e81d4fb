import { describe, expect, it } from 'vitest';
import { DumpError, readDump } from '../../src/trace/index.ts';

const HEX = '00: f4 1a 00 10';
const bytesIn = (text: string) =>
  readDump(text).map(({ slot, title, line, image }) => ({ slot, title, line, length: image.length }));

describe('a dump of lspci', () => {
  it('has functions with their places, titles and bytes', () => {
    const text = `# source\n00:04.0 Ethernet controller: x\n${HEX}\n\n0001:0a:1f.7 Disk\r\n00: 01 02\r\n02: 03\r\n`;
    expect(bytesIn(text)).toEqual([
      { slot: '00:04.0', title: 'Ethernet controller: x', line: 2, length: 4 },
      { slot: '0001:0a:1f.7', title: 'Disk', line: 5, length: 3 },
    ]);
    expect(readDump(text)[0]!.image.read(0, 4)).toBe(0x10001af4);
  });

  it('has lines of -v between them, a mark at its beginning, and bytes up to the last', () => {
    const text = `\ufeff0000:00:04.0 x\n\tSubsystem: y\n\tRegion 0: I/O ports at c000\n${HEX}\nff0: ${'00 '.repeat(16)}\n00:05.0\n${HEX}`;
    expect(bytesIn(text).map(({ slot, length }) => [slot, length])).toEqual([
      ['00:04.0', 4],
      ['00:05.0', 4],
    ]);
    expect(readDump(text)[0]!.image.knows(0xfff)).toBe(true);
  });

  it.each([
    ['nothing', '', 0, /no function in it/],
    ['something else', 'Lorem ipsum\ndolor', 0, /no function in it/],
    ['binary', '\x7fELF\0\0\u0001', 0, /no function in it/],
    ['a listing without bytes', '00:04.0 x\n00:05.0 y\n', 1, /00:04\.0 has no bytes/],
    ['a function without its start', `00:04.0 x\n10: 00\n`, 1, /00:04\.0 has no bytes from the start/],
    ['a byte cut in two', `00:04.0 x\n00: f4 1a 0`, 2, /"0" is no byte/],
    ['a line cut behind its offset', `00:04.0 x\n${HEX}\n10:`, 3, /"" is no byte/],
    ['other text behind an offset', `00:04.0 x\n00: f4 1a xyz\n`, 2, /"xyz" is no byte/],
    ['a very long word', `00:04.0 x\n00: ${'a'.repeat(1e5)}\n`, 2, /^line 2: "a{40}\.\.\." is no byte/],
    ['what no terminal should see', '00:04.0 x\n00: f4 \x1b[2J\x07\n', 2, /^line 2: "\.\[2J\." is no byte/],
    ['seventeen bytes', `00:04.0 x\n00: ${'00 '.repeat(17)}\n`, 2, /17 bytes, more than 16/],
    ['bytes beyond the end', `00:04.0 x\n${HEX}\nfff: 00 00\n`, 3, /beyond the 4096 bytes/],
    ['a byte twice', `00:04.0 x\n${HEX}\n02: 00\n`, 3, /byte at 0x2 for the second time/],
    ['bytes of nobody', `${HEX}\n00:04.0 x\n`, 1, /no function before it/],
    ['bytes behind an empty line', `00:04.0 x\n${HEX}\n\n10: 00\n`, 4, /no function before it/],
    [
      'a function twice',
      `00:04.0 x\n${HEX}\n\n0000:00:04.0 x\n`,
      4,
      /00:04\.0 once more, which was at line 1/,
    ],
  ])('is none with %s', (_, text, line, message) => {
    let error: unknown;
    try {
      readDump(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DumpError);
    expect((error as DumpError).line).toBe(line);
    expect((error as DumpError).message).toMatch(message);
    expect((error as DumpError).message.length).toBeLessThan(200);
  });
});
