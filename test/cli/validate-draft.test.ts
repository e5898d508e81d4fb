import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInDraft, shippedDrafts } from '../../src/drafts/index.ts';
import { root, virtiolab } from './run.ts';

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
const judge = (...args: readonly string[]) => virtiolab(['validate-draft', ...args]);

describe.concurrent('validate-draft', () => {
  it('names what comes with the program', async () => {
    const { status, stdout } = await judge('--list');
    expect(status).toBe(0);
    for (const name of Object.keys(shippedDrafts)) expect(stdout).toMatch(new RegExp(`^${name} `, 'm'));
    const { drafts } = JSON.parse((await judge('--list', '--json')).stdout);
    expect(drafts.map(({ name }: { name: string }) => name)).toEqual(Object.keys(shippedDrafts));
  });

  it('shows errors with their clause, and says so by its exit status', async () => {
    const { status, stdout, stderr } = await judge('administration');
    expect([status, stderr]).toEqual([1, '']);
    expect(stdout).toContain('buffer-multiple (AVQ-13 AVQ-06): ');
    expect(stdout).toContain('VIRTIO_ADMIN_STATUS_Q_INVALID_FIELD may be meant');
    expect(stdout).toMatch(/^\d+ errors, 2 warnings, 0 questions$/m);
    expect(stdout).toContain('Not run\n  it describes no legacy block');
  });

  it('is content with warnings and questions', async () => {
    const { status, stdout } = await judge('mmr-2023');
    expect(status).toBe(0);
    expect(stdout).toContain('Questions to the author');
  });

  it('gives one document, and the draft itself, which is read again', async () => {
    const { stdout } = await judge('broken-ids', '--json');
    const { draft, findings, counts } = JSON.parse(stdout);
    expect(draft).toBe('broken-ids');
    expect(findings).toEqual(findInDraft(shippedDrafts['broken-ids']!));
    expect(counts.error).toBeGreaterThan(1);
    const copy = file('copy.json', (await judge('broken-ids', '--document')).stdout);
    const again = await judge(copy, '--json');
    expect(again.status).toBe(1);
    expect(JSON.parse(again.stdout)).toEqual(JSON.parse(stdout));
  });

  it('runs a draft, and shows the shortest sequence that tells it from a legacy function', async () => {
    const { status, stdout } = await judge('mmr-no-handshake', '--seed', '30', '--runs', '20');
    expect(status).toBe(1);
    expect(stdout).toContain(
      'Run: block, 20 sequences from seed 30, held against a legacy function in I/O space',
    );
    expect(stdout).toMatch(/a driver made from the draft: differs\n +1\. write /);
    expect(stdout).toMatch(/a legacy driver behind the translator: no difference/);
    const { run } = JSON.parse(
      (await judge('mmr-no-handshake', '--seed', '30', '--runs', '20', '--json')).stdout,
    );
    expect(run.counterexamples[0].steps).toContain('write deviceStatus 0x00');
    expect(JSON.parse((await judge('mmr-no-handshake', '--static', '--json')).stdout).run).toBeNull();
  });

  it('takes a module that exports a document, or a table of the MMR draft', async () => {
    const { stdout: document } = await judge('broken-block', '--document');
    const module = await judge(file('draft.mjs', `export const draft = ${document};`), '--static', '--json');
    expect(JSON.parse(module.stdout).draft).toBe('broken-block');
    const table = file(
      'table.ts',
      `import { draft2023 } from ${JSON.stringify(join(root, 'src/public/mmr.ts'))};
       export const mine = { ...draft2023, name: 'mine', encoding: 'bare' as const };`,
    );
    const { status, stdout } = await judge(table, '--static');
    expect([status, stdout.split('\n')[0]]).toEqual([1, 'mine']);
    expect(stdout).toContain('capability-vendor-header');
  });

  it.each([
    [
      'a module without a draft',
      () => [file('none.mjs', 'export const x = 1;')],
      /none.mjs" exports 0 drafts; wants one/,
    ],
    [
      'a module that cannot be loaded',
      () => [file('torn.mjs', 'export const x = {')],
      /torn.mjs" cannot be loaded: /,
    ],
    [
      'a table that cannot be built',
      () => [
        file(
          'bad.ts',
          `import { draft2023 } from ${JSON.stringify(join(root, 'src/public/mmr.ts'))}; export default { ...draft2023, bar: 9 };`,
        ),
      ],
      /bad.ts": draft "mmr-2023": bar 0x9: wants 0\.\.5/,
    ],
    ['no runs', () => ['mmr-2023', '--runs', '0'], /runs 0: wants a whole number of 1/],
    ['half a seed', () => ['mmr-2023', '--seed', '1.5'], /option '--seed 1.5': wants a whole number/],
    ['runs of nothing', () => ['mmr-2023', '--static', '--runs', '9'], /'--static' runs nothing/],
    ['nothing', () => [], /wants a file or a name/],
    [
      'a file that is not there',
      () => ['none.json'],
      /"none.json" cannot be read \(ENOENT\), and is no draft of this program; those are mmr-2023/,
    ],
    ['a folder', () => [folder], /cannot be read \(EISDIR\)/],
    ['broken JSON', () => [file('broken.json', '{"draft": 1')], /broken.json": no JSON: /],
    [
      'another document',
      () => [file('other.json', '{"draft": 1, "name": "x", "field": 2}')],
      /other.json: field: found 2; wants no such name|other.json: field: found 2/,
    ],
    ['two things at once', () => ['mmr-2023', '--list'], /wants one of the two/],
    ['an unknown option', () => ['mmr-2023', '--frob'], /unknown option '--frob'/],
  ])('refuses %s', async (_, args, told) => {
    const { status, stdout, stderr } = await judge(...args());
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(told);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
