import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wayNames } from '../../src/mmr/index.ts';
import { virtiolab } from './run.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe.concurrent('compare', () => {
  it('shows every way in numbers', async () => {
    const { status, stdout, stderr } = await virtiolab(['compare', '--vfs', '4096']);
    expect([status, stderr]).toEqual([0, '']);
    for (const way of wayNames) expect(stdout).toMatch(new RegExp(`^  ${way} +\\d+ `, 'm'));
    for (const title of [
      'Bring-up',
      'One request',
      'Shutdown',
      'and 4096 of them',
      'Who needs no translator',
    ])
      expect(stdout).toContain(title);
    // 28 KiB of BARs for each: the draft's own, MSI-X, and the modern structures.
    expect(stdout).toMatch(/^ {2}mmr +28672 .* 112 MiB /m);
  });

  it('gives one document, with what each number is', async () => {
    const { status, stdout, stderr } = await virtiolab([
      'compare',
      ...['--device', 'entropy', '--io', '100', '--way', 'mmr', '--way', 'io-bar', '--json'],
    ]);
    expect([status, stderr]).toEqual([0, '']);
    const document = JSON.parse(stdout);
    expect(document.ways.map(({ way }: { way: string }) => way)).toEqual(['mmr', 'io-bar']);
    expect(document).toMatchObject({ device: 'entropy', bytes: 100, vfs: 256 });
    for (const name of Object.keys(document.ways[0].counts.request)) {
      expect(document.legend[name]).toBeTypeOf('string');
      expect(document.costSources[name]).toBeTypeOf('string');
    }
    // One port access of the guest kicks, and one interrupt comes back, of 100 bytes that the device wrote.
    expect(document.ways[0].counts.request).toMatchObject({ portExits: 1, postedWrites: 1, interrupts: 1 });
    expect(document.ways[0].counts.request.dmaWrittenBytes).toBeGreaterThan(100);
  });

  it('draws a page that stands by itself', async () => {
    const page = join(folder, 'page.html');
    const { status } = await virtiolab(['compare', '--device', 'scsi', '--html', page]);
    expect(status).toBe(0);
    const text = readFileSync(page, 'utf8');
    expect(text.match(/<svg /g)).toHaveLength(7);
    expect(text.match(/<svg /g)!.length).toBe(text.match(/<\/svg>/g)!.length);
    expect(text).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
    for (const way of wayNames) expect(text).toContain(`>${way}<`);
  });

  it('models time by the costs of a file', async () => {
    const names = ['portExits', 'memoryExits', 'configExits', 'memoryReads', 'postedWrites', 'portAccesses'];
    const rest = [
      'configAccesses',
      'adminCommands',
      'dmaReads',
      'dmaReadBytes',
      'dmaWrites',
      'dmaWrittenBytes',
    ];
    const zero = Object.fromEntries(
      [...names, ...rest, 'interrupts', 'guestInterrupts'].map((name) => [name, 0]),
    );
    const costs = file('costs.json', JSON.stringify({ ...zero, portExits: 3000 }));
    const { stdout } = await virtiolab(['compare', '--way', 'mmr', '--costs', costs, '--json']);
    expect(JSON.parse(stdout).ways[0].modelledNs.request).toBeCloseTo(3000);
  });

  it.each([
    { args: ['--device', 'toaster'], text: "unknown device 'toaster'; devices are " },
    { args: ['--way', 'pigeon'], text: "unknown way 'pigeon'; ways are io-bar, " },
    { args: ['--io', '100'], text: 'request bytes 100: wants a multiple of 512' },
    { args: ['--io', 'much'], text: "option '--io much': wants a whole number" },
    { args: ['--vfs', '65536'], text: 'functions 65536: wants a whole number of 1..65535' },
    { args: ['--vfs', '-1'], text: 'vfs' },
    { args: ['--costs', '/nowhere/costs.json'], text: 'costs /nowhere/costs.json: ENOENT' },
  ])('is called wrongly with $args', async ({ args, text }) => {
    const { status, stdout, stderr } = await virtiolab(['compare', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(text);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    { text: '{', says: 'JSON' },
    { text: '[]', says: 'wants an object of nanoseconds by name' },
    { text: '{"exits":1}', says: 'costs.exits 1: wants none but portExits' },
    { text: '{"portExits":"x"}', says: 'costs.portExits x: wants nanoseconds' },
  ])('refuses costs $text', async ({ text, says }) => {
    const { status, stderr } = await virtiolab(['compare', '--costs', file(`${says.length}.json`, text)]);
    expect(status).toBe(2);
    expect(stderr).toContain(says);
  });

  it('fails where the page cannot be written', async () => {
    const args = ['compare', '--way', 'mmr', '--html', join(folder, 'none', 'page.html')];
    const { status, stdout, stderr } = await virtiolab(args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/page .*ENOENT/);
  });
});
