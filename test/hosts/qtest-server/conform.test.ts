import { afterAll, describe, expect, it } from 'vitest';
import type { SubjectSource } from '../../../src/conformance/device/index.ts';
import { conform } from '../../../src/conformance/device/index.ts';
import { qemuSource } from '../../../src/hosts/qtest/index.ts';
import { ourSource } from '../../../src/testing/index.ts';
import { Scratch } from '../qtest/support.ts';
import { frontProgram, withoutKoffi } from './front-program.ts';

const scratch = new Scratch();
afterAll(() => scratch.close());
const note = withoutKoffi === null ? '' : ` (skipped: ${withoutKoffi})`;

/** Outcomes by check and setting, of those that were made. */
async function outcomesOf(source: SubjectSource): Promise<Map<string, string>> {
  const outcomes = new Map<string, string>();
  for await (const { check, setting, outcome } of conform(source, { witness: false }))
    if (outcome !== 'SKIP') outcomes.set(`${check} ${setting}`, outcome);
  return outcomes;
}

describe.skipIf(withoutKoffi !== null)(`the suite, on our program in a QEMU's place${note}`, () => {
  it.each([
    ['entropy', 'modern'],
    ['block', 'transitional'],
  ])('says of %s:%s what it says of the same function in this process', async (type, kind) => {
    const [here, there] = [
      await outcomesOf(ourSource(type, kind)),
      await outcomesOf(qemuSource(type, kind, frontProgram(scratch))),
    ];
    const common = [...there].filter(([name]) => here.has(name));
    expect(common.length).toBeGreaterThan(100);
    expect(common.filter(([name, outcome]) => here.get(name) !== outcome)).toEqual([]);
  });
});
