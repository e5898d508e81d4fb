import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { virtiolab } from './run.ts';

let folder: string;
let temporary: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
  temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  writeFileSync(join(folder, 'odd.img'), new Uint8Array(1000));
  writeFileSync(join(folder, 'empty.img'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

const image = (name: string) => ['demo', '--image', join(folder, name)];

describe.concurrent('the command line', () => {
  it('prints help with an example, for the program and for every command', async () => {
    const runs = [['--help'], ...Object.keys(commands).map((name) => [name, '--help'])];
    for (const args of runs) {
      const { status, stdout, stderr } = await virtiolab(args);
      expect([status, stderr], args.join(' ')).toEqual([0, '']);
      expect(stdout).toContain('Usage: virtiolab');
      expect(stdout).toContain('Example:');
      expect(stdout).toContain('--json');
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  it('lists every command', async () => {
    const { stdout } = await virtiolab(['-h']);
    for (const [name, { summary }] of Object.entries(commands))
      expect(stdout).toMatch(new RegExp(`\\n  ${name} +${summary}\\n`));
  });

  it('tells its version', async () => {
    expect((await virtiolab(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

const KNOWN_COMMANDS = new RegExp(
  `unknown command 'frobnicate'; commands are ${Object.keys(commands).join(', ')}\n`,
);

/** What is wrong, and what the one line about it names. */
const wrong: readonly (readonly [what: string, args: () => readonly string[], named: RegExp])[] = [
  ['an unknown command', () => ['frobnicate'], KNOWN_COMMANDS],
  ['an option without a command', () => ['--json'], /option '--json' wants a command before it/],
  [
    'an unknown option',
    () => ['demo', '--frob'],
    /unknown option '--frob'; options are --device, --image, --window/,
  ],
  [
    'an unexpected argument',
    () => ['demo', 'disk.img'],
    /unexpected argument 'disk.img'; options are --device, --image/,
  ],
  ['an option without its value', () => ['demo', '--image'], /option '--image' wants a value/],
  ['a value for a flag', () => ['lspci', '--json=1'], /option '--json' takes no value/],
  [
    'an unknown window',
    () => ['demo', '--window', 'frob'],
    /unknown window 'frob'; windows are io-bar, memory-bar, mmr, mmr-virtual, admin, modern-shim, native-mmr, legacy-memory, transitional-memory, modern/,
  ],
  [
    'an unknown device',
    () => ['demo', '--device', 'frob'],
    /unknown device 'frob'; devices are balloon, block, console, entropy, network, p9, rtc, scsi/,
  ],
  [
    'an image for a device without one',
    () => ['demo', '--device', 'scsi', '--image', 'disk.img'],
    /option '--image' belongs to block devices, and the device is scsi/,
  ],
  ['a missing image', () => image('missing.img'), /missing\.img": no such file; wants a regular file/],
  ['a name with a line break', () => image('no\nsuch'), /no\\nsuch": no such file/],
  ['a directory', () => image('.'), /is a directory; wants a regular file of whole 512-byte sectors/],
  ['an image of odd size', () => image('odd.img'), /is 1000 bytes long, not a multiple of 512; wants/],
  ['an empty image', () => image('empty.img'), /is empty; wants a regular file/],
  ['a slot that is none', () => ['lspci', '-s', 'zz'], /'zz' is no slot; wants a device such as 04/],
  [
    'a slot without a function',
    () => ['lspci', '-s', '7f:00'],
    /no function at '7f:00'; there are functions from/,
  ],
];

describe.concurrent('bad input', () => {
  it.for(wrong)('%s: one line that names it, exit status 2, nothing written', async ([, args, named]) => {
    const before = readdirSync(folder);
    // One for each: others run at the same time, and have scratch folders while they do.
    const own = mkdtempSync(join(temporary, 'run-'));
    const { status, stdout, stderr } = await virtiolab(args(), { TMPDIR: own });
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^virtiolab: [^\n]+\n$/);
    expect(stderr).toMatch(named);
    expect(readdirSync(folder)).toEqual(before);
    expect(readdirSync(own).filter((name) => name.startsWith('virtiolab'))).toEqual([]);
  });
});
