import { afterAll, describe, expect, it } from 'vitest';
import type { Check, SubjectSource } from '../../../src/conformance/device/index.ts';
import { checks, conform } from '../../../src/conformance/device/index.ts';
import { qemuSource } from '../../../src/hosts/qtest/index.ts';
import { ourSource } from '../../../src/testing/index.ts';
import { Scratch } from '../qtest/support.ts';
import { frontProgram, withoutKoffi } from './front-program.ts';

const scratch = new Scratch();
afterAll(() => scratch.close());
const note = withoutKoffi === null ? '' : ` (skipped: ${withoutKoffi})`;

/** Outcomes by check and setting, of those that were made. */
async function outcomesOf(source: SubjectSource, only?: readonly Check[]): Promise<Map<string, string>> {
  const outcomes = new Map<string, string>();
  const options = only === undefined ? {} : { checks: only };
  for await (const { check, setting, outcome } of conform(source, { witness: false, ...options }))
    if (outcome !== 'SKIP') outcomes.set(`${check} ${setting}`, outcome);
  return outcomes;
}

describe.skipIf(withoutKoffi !== null)(`the suite, on our program in a QEMU's place${note}`, () => {
  it.each([
    ['entropy', 'modern'],
    ['block', 'transitional'],
  ])('says of %s:%s what it says of the same function in this process', async (type, kind) => {
    const program = frontProgram(scratch);
    const here = await outcomesOf(ourSource(type, kind));
    const there = await outcomesOf(qemuSource(type, kind, program));
    const common = [...there].filter(([name]) => here.has(name));
    expect(common.length).toBeGreaterThan(100);
    const others = (found: Iterable<readonly [string, string]>) =>
      [...found].filter(([name, outcome]) => here.has(name) && here.get(name) !== outcome);
    const first = others(there);
    // Another process that gets no processor for seconds is taken for a silent one: what differs is looked at once more.
    const again = checks.filter(({ id }) => first.some(([each]) => each.startsWith(`${id} `)));
    expect(again.length > 0).toBe(first.length > 0);
    const second = first.length === 0 ? [] : await outcomesOf(qemuSource(type, kind, program), again);
    expect(others(second)).toEqual([]);
  });
});
