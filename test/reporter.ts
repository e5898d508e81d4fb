import { appendFileSync, writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node';
import { type Evidence, evidenceOf } from './evidence.ts';

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** What failed, a line each. */
  readonly failures: string[];
}

const firstLine = (errors: ReadonlyArray<{ readonly message: string }> = []) =>
  (errors[0]?.message ?? '').split('\n', 1)[0]!;

function tallyModule(module: TestModule, tally: Tally, shown: Evidence[]): void {
  let failedHere = 0;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    const evidence = state === 'passed' ? evidenceOf(module.moduleId, test.fullName) : null;
    if (evidence !== null) shown.push(evidence);
    if (state === 'passed') tally.passed++;
    else if (state === 'failed') {
      failedHere++;
      tally.failures.push(
        `${module.relativeModuleId} > ${test.fullName}: ${firstLine(test.result().errors)}`,
      );
    } else tally.skipped++;
  }
  // A file that does not load, or a hook that throws, has no failed test to show for it: it still failed.
  if (failedHere === 0 && module.state() === 'failed') {
    failedHere = 1;
    tally.failures.push(`${module.relativeModuleId}: ${firstLine(module.errors())}`);
  }
  tally.failed += failedHere;
}

/**
 * Ends the run with one line of the runner's own counts: `N passed, N failed` and `, N skipped` where there are any. Where
 * VIRTIOLAB_EVIDENCE names a file, it gets what the passed tests show to work (`npm run works`); where VIRTIOLAB_TALLY names
 * one, the same line is added there, and before it one for each failure, for whoever runs several tiers.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandled: ReadonlyArray<SerializedError>,
    reason: TestRunEndReason,
  ): void {
    const tally: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] };
    const shown: Evidence[] = [];
    for (const module of modules) tallyModule(module, tally, shown);
    const target = process.env['VIRTIOLAB_EVIDENCE'];
    if (target !== undefined) writeFileSync(target, JSON.stringify(shown));
    // The runner also fails a run for an error outside any test, or for finding none: "0 failed" would then be a lie.
    tally.failed += unhandled.length;
    tally.failures.push(...unhandled.map((error) => `outside of any test: ${firstLine([error])}`));
    if (tally.failed === 0 && reason !== 'passed') tally.failed = 1;
    const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
    const line = `${tally.passed} passed, ${tally.failed} failed${skipped}\n`;
    const tallies = process.env['VIRTIOLAB_TALLY'];
    const failures = tally.failures.map((failure) => `failed: ${failure}\n`);
    if (tallies !== undefined) appendFileSync(tallies, [...failures, line].join(''));
    // On exit, because other reporters still have their summaries to write and this must be the last line.
    process.once('exit', () => process.stdout.write(line));
  }
}
