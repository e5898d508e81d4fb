import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { UsageError } from '../../src/cli/command.ts';
import { compat as command } from '../../src/cli/compat.ts';
import { matrixLines } from '../../src/cli/compat-view.ts';
import type { Tally } from '../../src/compare/migration/index.ts';
import { virtiolab } from './run.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string | Uint8Array) => {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
};

/** The command in this process: starting a program takes longer than all that it does. */
async function compat(...args: readonly string[]): Promise<{ status: number; stdout: string }> {
  let stdout = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  try {
    const status = await command.run(args);
    return { status, stdout };
  } finally {
    write.mockRestore();
  }
}
const kept = (name: string) => `test/golden/states/${name}.json`;

const vgpu =
  'software_version=0.1.0\ndevice_api=vfio-pci\ntype=i915-GVTg_V5_4\npci_id=80865963\naggregator=2\n';
const ranged = `${vgpu.replace('V5_4', 'V5_{val1:int:1,2,4,8}').replace('=2\n', '={val1}/2\n')}`;

describe('compat', () => {
  it('says who may move, why not, and what the target says of the state itself', async () => {
    const good = await compat('block,release=1.0.0', 'block');
    expect(good.status).toBe(0);
    expect(good.stdout).toMatch(/^block,release=1\.0\.0 -> block: may move\n/);
    const bad = await compat('block:transitional', 'block:modern');
    expect(bad.status).toBe(1);
    expect(bad.stdout).toContain('      type: virtio-block_transitional -> virtio-block_modern\n');
    expect(bad.stdout).toContain('  parts      yes\n');
    expect(bad.stdout).toContain(
      '  loading    no: saved state of function.shape.ids.deviceId: found 4097, expected 4162',
    );
  });

  it('lets the chosen strategies decide', async () => {
    const { status, stdout } = await compat('block', 'block:modern', '--strategy', 'parts', '--json');
    expect(status).toBe(0);
    const [move] = JSON.parse(stdout);
    expect(move).toMatchObject({
      may: true,
      judgements: { parts: { compatible: true } },
      loading: { tried: true },
    });
    expect(Object.keys(move.judgements)).toEqual(['parts']);
    expect(
      (await compat('block', 'block:modern', '--strategy', 'parts', '--strategy', 'versions')).status,
    ).toBe(1);
  });

  it('reads states, whole machines or one function of them', async () => {
    const forth = await compat(kept('machine-1'), kept('machine-2'), '--json');
    expect(forth.status).toBe(0);
    expect(JSON.parse(forth.stdout).map(({ may }: { may: boolean }) => may)).toEqual(new Array(7).fill(true));
    const back = await compat(kept('machine-2'), kept('machine-1'));
    expect(back.status).toBe(1);
    expect(back.stdout).toContain('      version of parts.device: 2 -> 1\n');
    const one = await compat(`${kept('machine-1')}@00:06.0`, 'entropy:legacy,queue-size=4,seed=7');
    expect(one.status).toBe(0);
    expect(one.stdout).toContain('  loading    yes');
    const all = await compat(kept('machine-1'), 'entropy:legacy,queue-size=4,seed=7', '--json');
    expect(JSON.parse(all.stdout).filter(({ may }: { may: boolean }) => may)).toHaveLength(1);
  });

  it('writes what a device says of itself and what it saves, and reads both again', async () => {
    const [tree, state] = [join(folder, 'device'), join(folder, 'deep', 'saved.json')];
    const { status, stdout } = await compat('network:mmr,queue-pairs=2', '--write', tree, '--save', state);
    expect(status).toBe(0);
    expect(stdout).toContain(
      'self\nsoftware_version=1.1.0\ndevice_api=vfio-pci\ntype=virtio-network_via-mmr\n',
    );
    expect(readdirSync(join(tree, 'migration'))).toEqual(['compatible', 'self']);
    expect(readFileSync(join(tree, 'migration', 'self', 'aggregator'), 'utf8')).toBe('5\n');
    const move = await compat(state, 'network:mmr,queue-pairs=2');
    expect(move.status).toBe(0);
    for (const target of ['network:mmr,queue-pairs=2', tree])
      expect((await compat(tree, target)).status).toBe(0);
    const other = await compat(tree, 'network:mmr');
    expect(other.status).toBe(1);
    expect(other.stdout).toContain('      aggregator: 5 -> 3\n');
    expect(other.stdout).toContain('  records    cannot say: too little is known');
  });

  it('reads attributes of others, with their ranges', async () => {
    const [self, compatible] = [file('self.txt', vgpu), file('compatible.txt', ranged)];
    expect((await compat(self, compatible)).status).toBe(0);
    const bigger = file('bigger.txt', vgpu.replace('V5_4', 'V5_16'));
    const { status, stdout } = await compat(bigger, compatible, '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)[0].judgements.attributes.reasons[0]).toEqual({
      what: 'type',
      source: 'i915-GVTg_V5_16',
      target: 'i915-GVTg_V5_{val1:int:1,2,4,8}',
    });
    file('two/migration/self', vgpu);
    file('two/migration/compatible', ranged);
    expect((await compat(self, join(folder, 'two'))).status).toBe(0);
  });

  it('counts how often each strategy is wrong', async () => {
    const { status, stdout } = await compat('--matrix', '--json');
    expect(status).toBe(0);
    const { mistakes, ...matrix } = JSON.parse(stdout);
    await expect(`${JSON.stringify(matrix, null, 2)}\n`).toMatchFileSnapshot('../golden/compat/matrix.json');
    const document = readFileSync('docs/migration.md', 'utf8');
    for (const [name, tally] of Object.entries<Tally>(matrix.tallies)) {
      const { rightYes, rightNo, wrongYes, wrongNo } = tally;
      const cells = [rightYes, rightNo, wrongYes, wrongNo].map((count) => count.toLocaleString('en-US'));
      expect(document).toContain(`| \`${name}\` | ${cells.join(' | ')} |`);
    }
    const { records, ...others } = matrix.tallies;
    expect(records).toEqual({
      rightYes: matrix.loaded,
      rightNo: matrix.pairs - matrix.loaded,
      wrongYes: 0,
      wrongNo: 0,
    });
    const wrong = Object.values<Tally>(others).reduce(
      (sum: number, { wrongYes, wrongNo }) => sum + wrongYes + wrongNo,
      0,
    );
    expect(mistakes).toHaveLength(wrong);
    expect(matrixLines({ ...matrix, mistakes }).join('\n')).toMatch(/^records +\d+ +\d+ +0 +0 /m);
  });

  it.each<[string, () => readonly string[], string]>([
    ['nothing', () => [], 'wants a source and a target'],
    ['three', () => ['block', 'block', 'block'], '3 were named'],
    ['an unknown type', () => ['blok', 'block'], 'with a type of network, block'],
    ['an unknown option', () => ['block,colour=red', 'block'], 'option colour: wants queue-size'],
    ['a release that had no such device', () => ['block:admin,release=1.0.0', 'block'], 'wants one that has'],
    ['more vectors than there are', () => ['block', 'block:mmr,vectors=65'], 'wants a whole number of 0..64'],
    ['an unknown strategy', () => ['block', 'block', '--strategy', 'luck'], 'strategies are attributes'],
    ['a file that is not there', () => ['./nowhere.json', 'block'], 'cannot be read (ENOENT)'],
    [
      'a function that is not there',
      () => [`${kept('machine-1')}@00:1f.0`, 'block'],
      'wants 00:02.0, 00:03.0',
    ],
    ['a torn state', () => [file('torn.json', '{"virtiolab": 1, "sta'), 'block'], 'torn, or no state'],
    ['a torn binary', () => [file('torn.bin', 'vlstate\nxx'), 'block'], 'torn, or no state'],
    [
      'a state of nothing',
      () => [file('none.json', '{"virtiolab":1,"state":{"a":1}}'), 'block'],
      'no virtio function',
    ],
    [
      'a deep state',
      () => [file('deep.json', `{"virtiolab":1,"state":${'['.repeat(9999)}${']'.repeat(9999)}}`), 'block'],
      '',
    ],
    [
      'attributes that are not ASCII',
      () => [file('utf.txt', vgpu.replace('GVT', 'GÜT')), 'block'],
      'expected ASCII',
    ],
    ['torn attributes', () => [file('cut.txt', vgpu.slice(0, -1)), 'block'], 'an end of its last line'],
    [
      'an empty range',
      () => [file('empty.txt', vgpu.replace('=2\n', '={a:int:}\n')), 'block'],
      'values between commas',
    ],
    ['an empty file', () => [file('nothing.txt', ''), 'block'], ''],
    [
      'a version from the future',
      () => [file('future.txt', vgpu.replace('0.1.0', '3.0.0')), 'block'],
      'expected 1.x.y',
    ],
    [
      'an empty directory',
      () => [mkdtempSync(join(folder, 'empty-')), 'block'],
      'neither self nor compatible',
    ],
    ['a matrix of devices', () => ['--matrix', 'block'], 'one too many'],
    ['a strategy for one', () => ['block', '--strategy', 'parts'], 'wants a source and a target'],
    ['a file for two', () => ['block', 'block', '--save', 'x'], 'is for one device'],
    ['a file for several', () => [kept('machine-1'), '--save', join(folder, 'x')], 'wants one, as in'],
  ])('is called wrongly with %s', async (_, args, message) => {
    const error = await compat(...args()).then(
      () => null,
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toBeInstanceOf(UsageError);
    expect(error!.message).toContain(message);
    expect(error!.message).not.toContain('\n');
  });

  it('is a command of the program, with its errors in one line', async () => {
    const help = await virtiolab(['compat', '--help']);
    expect([help.status, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('Example: ');
    const wrong = await virtiolab(['compat', 'block', 'blok']);
    expect([wrong.status, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toMatch(/^virtiolab: "blok": device blok: [^\n]+\n$/);
  });
});
