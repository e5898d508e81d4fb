import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engines, shardOf } from '../../src/cli/conform-shard.ts';
import { program, root, virtiolab } from './run.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-conform-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

describe.concurrent('conform', () => {
  it('judges a function, and says so in a table', async () => {
    const { status, stdout, stderr } = await virtiolab([
      'conform',
      'entropy:transitional',
      '--only',
      'BF-',
      '--seed',
      '5',
    ]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /PASS +FAIL +REJECT +WEDGED +SKIP +XFAIL +XPASS\nentropy:transitional +\d+ +0 +\d+ +\d+ /,
    );
    expect(stdout).toMatch(/\d+ clauses: \d+ kept, 0 broken/);
    expect(stdout).toContain('seed 5');
  });

  it('writes reports and parts', async () => {
    const { status, stdout } = await virtiolab([
      ...['conform', 'entropy:modern', '--only', 'reset', '--json', '--seed', '1'],
      ...['--junit', path('j.xml'), '--html', path('r.html'), '--out', path('all.jsonl')],
    ]);
    expect(status).toBe(0);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ seed: 1, found: 0, missing: [], targets: ['entropy:modern'] });
    expect(document.results.length).toBe(document.items);
    expect(readFileSync(path('j.xml'), 'utf8')).toContain(`tests="${document.items}" failures="0"`);
    expect(readFileSync(path('r.html'), 'utf8')).toContain('entropy:modern');
    const lines = readFileSync(path('all.jsonl'), 'utf8').trim().split('\n');
    expect(lines.length).toBe(document.items + 1);
  });

  it('goes on where it was stopped', async () => {
    const args = ['conform', 'entropy:modern', '--only', 'reset', '--seed', '3', '--out', path('cut.jsonl')];
    expect((await virtiolab(args)).status).toBe(0);
    const text = readFileSync(path('cut.jsonl'), 'utf8');
    writeFileSync(path('cut.jsonl'), text.slice(0, text.indexOf('\n', text.indexOf('\n') + 1) + 10));
    expect((await virtiolab([...args, '--resume'])).status).toBe(0);
    expect(readFileSync(path('cut.jsonl'), 'utf8')).toBe(text);
    const other = await virtiolab([...args.with(5, '4'), '--resume']);
    expect(other).toMatchObject({ status: 2, stdout: '' });
    expect(other.stderr).toContain('is of another suite, seed or number of runs');
  });

  it('stops when its time is up, and says what was not made', async () => {
    const { stdout } = await virtiolab(['conform', 'all', '--time', '1', '--json']);
    const reasons = JSON.parse(stdout).results.map(({ reason }: { reason: string }) => reason);
    expect(reasons.at(-1)).toBe('the time was up: 1 s');
  });

  it.each([
    [['conform'], "wants a target, as in 'conform block:transitional'"],
    [['conform', 'disk'], "target 'disk': unknown device type 'disk'; types are network, block,"],
    [
      ['conform', 'block:old'],
      "target 'block:old': unknown kind 'old' of block functions; kinds are legacy,",
    ],
    [['conform', 'qemu:disk'], "QEMU has no transitional function of type 'disk'"],
    [
      ['conform', 'vfio-user:/nowhere/socket'],
      'nobody listens there (ENOENT); wants the socket of a vfio-user',
    ],
    [['conform', 'vfio-user:/dev/null'], 'nobody listens there (ECONNREFUSED)'],
    [['conform', `vfio-user:/${'x'.repeat(107)}`], 'the path takes 108 bytes; wants 1 to 107 bytes'],
    [['conform', 'a:b:c'], 'wants TYPE[:KIND], all, qemu[:TYPE[:KIND]] or vfio-user:SOCKET'],
    [['conform', 'block', '--only', 'nothing'], "option '--only nothing': no check and no clause begins so"],
    [['conform', 'block', '--shard', '3/2'], "option '--shard 3/2': shard 3 of 2; wants 1/1 to 2/2"],
    [['conform', 'block', '--shard', '2'], "option '--shard 2': no job engine says which shard this is"],
    [['conform', 'block', '--seed', 'x'], "option '--seed x': wants a whole number"],
    [['conform', 'block', '--replay', 'x'], "option '--replay': 'x' begins with no exploration"],
    [['conform', 'block', '--resume'], "option '--resume' wants --out FILE"],
    [['conform', 'block', '--deviations', '/nowhere'], 'deviations /nowhere: '],
    [['conform', 'merge'], "wants files, as in 'conform merge part-*.jsonl'"],
    [['conform', 'merge', '/nowhere'], 'part /nowhere: '],
    [['clause'], "wants the id of a clause, as in 'clause SPL-DESC-05'"],
    [['clause', 'SPL-DESC-99'], "there is no clause 'SPL-DESC-99'; there are SPL-DESC-01,"],
    [['clauses', '--party', 'guest'], "unknown party 'guest'; parties are driver, device"],
  ])('%j is called wrongly', async (args, message) => {
    const { status, stdout, stderr } = await virtiolab(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n').length).toBe(1);
  });

  it('prints a clause, and what checks it', async () => {
    const { status, stdout } = await virtiolab(['clause', 'bf-rst-01']);
    expect(status).toBe(0);
    expect(stdout).toContain('BF-RST-01: device, MUST');
    expect(stdout).toContain('https://github.com/oasis-tcs/virtio-spec/blob/v1.4-cs01/content.tex#L');
    expect(stdout).toMatch(/device +checked: reset-shows-zero/);
    const { stdout: json } = await virtiolab(['clause', 'BF-RST-01', '--json']);
    expect(JSON.parse(json)).toMatchObject({
      id: 'BF-RST-01',
      sides: [{ party: 'device', state: 'checked' }],
    });
  });

  it('judges a recording', async () => {
    const golden = 'test/golden/traces/qemu-virtio-blk';
    const args = ['conform', `recording:${golden}.log`, '--functions', `${golden}.lspci`];
    const { status, stdout } = await virtiolab([...args, '--json']);
    expect(status).toBe(0);
    const { results } = JSON.parse(stdout);
    const outcomes = Object.fromEntries(
      results.map((each: { check: string; outcome: string }) => [each.check, each.outcome]),
    );
    expect(outcomes).toMatchObject({ 'recorded-configuration': 'PASS', 'recorded-status': 'PASS' });
    expect(await virtiolab(['conform', 'recording:package.json'])).toMatchObject({ status: 2, stdout: '' });
    expect((await virtiolab(['conform', `recording:${golden}.log`, 'block'])).stderr).toContain('one target');
  });

  it('lists all clauses, also as a page', async () => {
    const { status, stdout } = await virtiolab(['clauses', '--json', '--html', path('c.html')]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout).length).toBe(734);
    expect(readFileSync(path('c.html'), 'utf8').match(/<tr id="/g)?.length).toBe(734);
  });
});

describe('the number of a shard', () => {
  it.each([
    ['2/8', {}, { index: 2, count: 8 }],
    ['8', { JOB_COMPLETION_INDEX: '0' }, { index: 1, count: 8 }],
    ['8', { PARALLEL_SEQ: '8' }, { index: 8, count: 8 }],
    ['auto', { CI_NODE_INDEX: '3', CI_NODE_TOTAL: '4' }, { index: 3, count: 4 }],
    ['auto', { CIRCLE_NODE_INDEX: '3', CIRCLE_NODE_TOTAL: '4' }, { index: 4, count: 4 }],
    [
      'auto',
      { SLURM_ARRAY_TASK_ID: '12', SLURM_ARRAY_TASK_MIN: '10', SLURM_ARRAY_TASK_COUNT: '5' },
      { index: 3, count: 5 },
    ],
    ['auto', { BUILDKITE_PARALLEL_JOB: '0', BUILDKITE_PARALLEL_JOB_COUNT: '2' }, { index: 1, count: 2 }],
  ])('%s, %j', (text, environment, shard) => {
    expect(shardOf(text, environment)).toEqual(shard);
  });

  it.each([
    ['9', { PARALLEL_SEQ: '10' }, 'PARALLEL_SEQ: shard 10 of 9'],
    ['auto', { PARALLEL_SEQ: '1' }, 'PARALLEL_SEQ does not say of how many; wants --shard N'],
    ['4', { JOB_COMPLETION_INDEX: 'x' }, "JOB_COMPLETION_INDEX is 'x'; wants a whole number"],
    ['0/3', {}, 'shard 0 of 3'],
    ['1/0', {}, 'shard 1 of 0'],
    ['all', {}, "option '--shard all': wants I/N, N or auto"],
  ])('%s, %j is none', (text, environment, message) => {
    expect(() => shardOf(text, environment)).toThrow(message);
  });

  it('is documented for each job engine', () => {
    const text = readFileSync(new URL('../../docs/conform.md', import.meta.url), 'utf8');
    for (const { variable } of engines) expect(text).toContain(variable);
  });
});

const SHARDS = 8;
const parallel = spawnSync('parallel', ['--version']).status === 0;

describe.skipIf(!parallel)(
  `a campaign by GNU parallel${parallel ? '' : ' (skipped: apt-get install parallel)'}`,
  () => {
    it(`of ${SHARDS} shards, one of them killed and run again, is joined`, { timeout: 240_000 }, async () => {
      const campaign = [
        'conform',
        'entropy:legacy',
        'entropy:mmr',
        '--only',
        'BF-',
        '--only',
        'explore',
        '--seed',
        '11',
        '--runs',
        '2',
      ];
      const command = [process.execPath, ...program, ...campaign, '--shard', String(SHARDS)]
        .map((word) => `'${word}'`)
        .join(' ');
      const numbers = Array.from({ length: SHARDS }, (_, i) => String(i + 1));
      execFileSync(
        'parallel',
        ['-j', '2', `${command} --out ${folder}/part-{}.jsonl > /dev/null`, ':::', ...numbers],
        { cwd: root },
      );
      const parts = readdirSync(folder)
        .filter((name) => name.startsWith('part-'))
        .map(path);
      expect(parts.length).toBe(SHARDS);
      const merged = async () => {
        const { status, stdout, stderr } = await virtiolab(['conform', 'merge', ...parts, '--json']);
        return { status, stderr, document: JSON.parse(stdout) };
      };
      const whole = await merged();
      expect(whole).toMatchObject({
        status: 0,
        stderr: '',
        document: { missing: [], contradictions: [], found: 0 },
      });
      expect(whole.document.results.length).toBe(whole.document.items);
      // Killed in the middle of a line.
      const third = path('part-3.jsonl');
      const text = readFileSync(third, 'utf8');
      writeFileSync(third, text.slice(0, text.length / 2));
      const cut = await merged();
      expect(cut.status).toBe(1);
      expect(cut.document.missing).toMatchObject([{ shard: 3 }]);
      const again = await virtiolab([...campaign, '--shard', `3/${SHARDS}`, '--out', third, '--resume']);
      expect(again.status).toBe(0);
      expect(existsSync(third)).toBe(true);
      parts.reverse();
      expect((await merged()).document.results).toEqual(whole.document.results);
    });
  },
);
