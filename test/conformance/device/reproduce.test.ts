import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type CampaignResult,
  checks,
  conform,
  type Evidence,
  replay,
  type Step,
} from '../../../src/conformance/device/index.ts';
import { cReproduction, junitText, testReproduction } from '../../../src/conformance/report/index.ts';
import { deviceMutants } from '../../../src/testing/mutants/index.ts';
import { ourSource } from '../../../src/testing/subjects.ts';

const mutant = deviceMutants.find(({ name }) => name === 'reset-leaves-acknowledge')!;

async function finding(): Promise<CampaignResult> {
  const only = checks.filter(({ id }) => id === 'reset-shows-zero');
  for await (const result of conform(ourSource('entropy', 'legacy', mutant), { checks: only }))
    return { item: 0, ...result };
  throw new Error('nothing was found');
}

const stepsOf = (evidence: readonly Evidence[]): Step[] =>
  evidence.flatMap((each): Step[] => {
    if (each.kind === 'access')
      return [[each.operation, each.space, each.fn ?? 0, each.address, each.width, each.value]];
    if (each.kind === 'ram') return [['ram', each.address, each.bytes]];
    return each.kind === 'pause' ? [['pause', each.times]] : [];
  });

const folder = mkdtempSync(join(tmpdir(), 'virtiolab-reproduce-'));
afterAll(() => rmSync(folder, { recursive: true }));
const gcc = spawnSync('gcc', ['--version']).status === 0;

describe('a finding', () => {
  it('can be done again: the broken device answers as it did, an honest one does not', async () => {
    const { evidence } = await finding();
    const steps = stepsOf(evidence!);
    const differences = (broken: boolean) => {
      const { target } = ourSource('entropy', 'legacy', broken ? mutant : undefined).open() as never as {
        target: { bus: never };
      };
      return replay(target.bus, steps);
    };
    expect(differences(true)).toEqual([]);
    expect(differences(false).length).toBeGreaterThan(0);
    expect(differences(false)[0]).toMatchObject({ read: 0, was: 1 });
  });

  it('becomes a test, with its accesses in words', async () => {
    const { name, text } = testReproduction(await finding());
    expect(name).toBe('entropy-legacy-reset-shows-zero-legacy.test.ts');
    expect(text).toContain('// virtiolab conform: WEDGED of reset-shows-zero (legacy) on entropy:legacy');
    expect(text).toContain("ourSource('entropy', 'legacy')");
    expect(text).toMatch(/\['write', 'io', 0, 0x\w+, 1, 0x0\], \/\/ legacy deviceStatus reset/);
  });

  it.skipIf(!gcc)(
    `becomes a C file that compiles${gcc ? '' : ' (skipped: apt-get install gcc)'}`,
    async () => {
      const { name, text } = cReproduction(await finding());
      writeFileSync(join(folder, name), text);
      execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-c', '-o', join(folder, 'o'), join(folder, name)]);
      expect(text).toMatch(/expect\(\d+, "legacy deviceStatus", io_read\(0x\w+, 1\), 0x1\);/);
    },
  );

  it("becomes JUnit's failure", async () => {
    const result = await finding();
    const head = { suite: '0', targets: ['entropy:legacy'], items: 1, seed: 0, runs: 0 } as const;
    const text = junitText({
      head: { campaign: 'virtiolab conform', version: 1, ...head },
      results: [{ ...result, outcome: 'FAIL', expected: 'x', seen: '<a & "b">\u0000' }],
      missing: [],
      contradictions: [],
    });
    expect(text).toContain('tests="1" failures="1"');
    expect(text).toContain('&#60;a &#38; &#34;b&#34;&#62;\ufffd');
  });
});
