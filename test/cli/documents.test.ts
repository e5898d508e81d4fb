import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { deviations } from '../golden/deviations.ts';
import { root, virtiolab } from './run.ts';

const read = (name: string) => readFileSync(join(root, name), 'utf8');
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** What differs from run to run or as the repository grows: counts, sizes, times, sums, and the width of columns. */
const settled = (screen: string) =>
  screen
    .replace(/\b[0-9a-f]{64}\b/g, '<sum>')
    .replace(/[\d.]+(?= (?:files|bytes|KiB|MiB|ms|MiB\/s|read|write))/g, '<n>')
    .replace(/\b(?:KiB|MiB)(?!\/s)/g, '<unit>')
    .replace(/(config\.capacity\.\w+ +)\S+ +\d+( +r \S+ )\S+/g, '$1<n> <n>$2<n>')
    .replace(/^( +(?:guest|host)) .*$/gm, '$1 <counts>')
    .replace(/ +/g, ' ')
    .trim();

describe('documents', () => {
  it.each(documents)('%s links to what is there', (name) => {
    for (const [, target] of read(name).matchAll(/\]\((?!https?:)([^)#]+)/g))
      expect(existsSync(join(root, dirname(name), target!)), `${name} links to ${target}`).toBe(true);
  });

  it.each(documents)('%s names files that are there', (name) => {
    for (const [, path] of read(name).matchAll(/`((?:src|test|docs|scripts|bench)\/[\w./-]+)`/g))
      expect(existsSync(join(root, path!)), `${name} names ${path}`).toBe(true);
  });

  it.each(documents)('%s runs commands that there are', (name) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const [, script] of read(name).matchAll(/npm run ([\w:-]+)/g))
      expect(scripts).toHaveProperty([script!]);
    for (const [, command] of read(name).matchAll(/npm start (?:--silent )?-- ([\w-]+)/g))
      expect(command === 'COMMAND' || Object.hasOwn(commands, command!), command).toBe(true);
  });

  it('show a screen that the demonstration still draws', async () => {
    const shown = /```text\n(Device block, window mmr[\s\S]*?)```/.exec(read('README.md'))?.[1] ?? '';
    const { stdout } = await virtiolab(['demo'], { COLUMNS: '' });
    expect(settled(shown)).toBe(settled(stdout));
  });

  it('explain every deviation from QEMU by its id', () => {
    const explained = [...read('docs/deviations.md').matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(
      ([, id]) => id!,
    );
    expect(new Set(explained).size).toBe(explained.length);
    const recorded = new Set(deviations.map(({ id }) => id));
    expect(explained).toEqual(expect.arrayContaining([...recorded]));
    // One is known of QEMU and was not recorded.
    expect(explained.filter((id) => !recorded.has(id))).toEqual(['config-change-isr']);
  });
});
