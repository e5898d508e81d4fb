import { LabCaseError } from './in-lab.ts';
import { hearLabs, type Lab } from './lab.ts';

/** What fast-check calls; as a type of this project's own, since older versions have no word for it. */
interface Reporting {
  decorateRun<Run extends (value: never) => unknown>(run: Run): Run;
}

/** A run that failed, as fast-check has it: whatever else a run may be has no error. */
interface Failed {
  readonly error: unknown;
}

const isFailed = (result: unknown): result is Failed =>
  typeof result === 'object' && result !== null && 'error' in result;

/** The failure of a run tells of the lab that was made last in it. */
function told(result: unknown, labs: readonly Lab[]): unknown {
  const world = labs.at(-1);
  if (!isFailed(result) || world === undefined || result.error instanceof LabCaseError) return result;
  return { ...result, error: new LabCaseError(result.error, world) };
}

/**
 * A plugin of fast-check 4.10 or later for properties that make their labs by `lab()`: the error of a case that fails becomes a LabCaseError,
 * which goes on with the decoded trace of that case and with `explain`. For one property
 * `fc.assert(property, { plugins: [labReporter] })`, for all of them `fc.installGlobalPlugin(labReporter)` once. Of properties
 * that run at the same time in one process each hears the labs of all.
 */
export const labReporter = (): Reporting => ({
  decorateRun: <Run extends (value: never) => unknown>(run: Run) =>
    ((value: never) => {
      const labs: Lab[] = [];
      const stop = hearLabs((world) => labs.push(world));
      const finish = (result: unknown) => {
        stop();
        return told(result, labs);
      };
      const result = run(value);
      return result instanceof Promise ? result.then(finish) : finish(result);
    }) as Run,
});
