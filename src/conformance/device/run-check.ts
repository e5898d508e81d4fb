import { type Bus, TargetGoneError, TargetTimeoutError, VirtiolabError } from '../../core/index.ts';
import { deviceStatus } from '../../virtio/layout/index.ts';
import { Bench } from './bench.ts';
import { type Check, Failure, type Outcome, type Setting, Silence, Skipped } from './check.ts';
import { type Evidence, WitnessedBus } from './evidence.ts';
import type { Subject } from './subject.ts';

/** What a check found on one function in one setting. */
export interface Verdict {
  readonly outcome: Exclude<Outcome, 'XFAIL' | 'XPASS'>;
  /** The clause that is broken; null where none is. */
  readonly clause: string | null;
  readonly expected: string | null;
  readonly seen: string | null;
  /** Why it was skipped, or what is to be known besides. */
  readonly reason: string | null;
  /** After a reset the device serves again; null where nobody asked. */
  readonly recovers: boolean | null;
}

const NOTHING = { clause: null, expected: null, seen: null, reason: null, recovers: null } as const;
/** The clause of a device that serves nothing any more. */
const SERVES = 'BF-RST-01';

const isLost = (error: unknown) => error instanceof TargetGoneError || error instanceof TargetTimeoutError;

/** A device that was reset serves its small request. */
async function serves(bench: Bench): Promise<boolean> {
  try {
    const running = bench.start();
    await bench.ask(running, SERVES);
    bench.transport.disconnect();
    bench.transport.reset();
    return true;
  } catch (error) {
    return error instanceof Skipped;
  }
}

function asksForReset(bench: Bench): boolean {
  try {
    return (bench.transport.status & deviceStatus.needsReset) !== 0;
  } catch {
    return false;
  }
}

/**
 * What a check that ended with an error says of the device. Where it is none of those that checks and drivers throw, what
 * the device answered was such that the check could do nothing with it: an honest one is never the cause.
 */
function judged(check: Check, error: unknown): Verdict {
  if (error instanceof Skipped) return { ...NOTHING, outcome: 'SKIP', reason: error.reason };
  if (error instanceof Failure) {
    const { clause, expected, seen } = error;
    return { ...NOTHING, outcome: 'FAIL', clause, expected, seen };
  }
  if (isLost(error))
    return {
      ...NOTHING,
      outcome: 'WEDGED',
      clause: check.clauses[0]!,
      reason: (error as Error).message,
      recovers: false,
    };
  const { message } = error as Error;
  return {
    ...NOTHING,
    outcome: 'FAIL',
    clause: check.clauses[0]!,
    expected: check.says,
    // The driver gave the device up: it says why.
    seen: error instanceof VirtiolabError ? message : `what the check could do nothing with: ${message}`,
  };
}

/** Whether the device lives on, after a check that tried to break it or found something. */
async function afterwards(bench: Bench, check: Check, verdict: Verdict, silent: boolean): Promise<Verdict> {
  const asks = asksForReset(bench);
  const recovers = await serves(bench);
  if (!recovers)
    return {
      ...verdict,
      outcome: 'WEDGED',
      clause: verdict.clause ?? SERVES,
      recovers,
      reason: 'serves nothing any more, after a reset either',
    };
  if (check.hostile !== true || !silent) return { ...verdict, recovers };
  return asks
    ? { ...NOTHING, outcome: 'WEDGED', recovers, reason: 'asks for a reset, and serves after one' }
    : { ...NOTHING, outcome: 'REJECT', recovers, reason: 'stayed silent, and serves after a reset' };
}

export interface CheckRun {
  /** By which it is made, in place of the target's own. */
  readonly bus?: Bus;
  /** Called when the function was found and reset: what came before is the same for every check. */
  started?(): void;
  /** Called when the check itself has ended: what comes then is for finding out how the device is. */
  ended?(): void;
}

/** Leaves the function reset. One that does not come back was told of before, or is at the next check. */
async function leave(bench: Bench): Promise<void> {
  try {
    await bench.hands.putBack?.();
    bench.transport.disconnect();
    bench.transport.reset();
  } catch {
    // See above.
  }
}

/**
 * Makes one check. The function is reset first and, unless the check passed without being hostile, asked afterwards whether
 * it serves. Whatever the target does, dies, hangs or lies, is a verdict, and no exception.
 */
export async function runCheck(
  subject: Subject,
  check: Check,
  setting: Setting,
  { bus = subject.target.bus, started = () => {}, ended = () => {} }: CheckRun = {},
): Promise<Verdict> {
  let bench: Bench;
  try {
    bench = new Bench(subject, setting, bus);
    if (check.passive !== true) bench.transport.reset();
  } catch (error) {
    const reason = (error as Error).message;
    return { ...NOTHING, outcome: 'WEDGED', clause: SERVES, reason, recovers: false };
  }
  try {
    started();
  } catch (error) {
    return judged(check, error);
  }
  let verdict: Verdict = { ...NOTHING, outcome: 'PASS' };
  let silent = false;
  try {
    await check.run(bench);
  } catch (error) {
    verdict = judged(check, error);
    silent = error instanceof Silence;
  }
  ended();
  if (check.passive === true) return verdict;
  if (verdict.outcome === 'FAIL' || (check.hostile === true && verdict.outcome === 'PASS'))
    verdict = await afterwards(bench, check, verdict, silent);
  // Of one that is lost every access would be waited for.
  if (verdict.recovers !== false) await leave(bench);
  return verdict;
}

/** The same check once more, with everything written down that happens on the bus and in the suite's memory. */
export async function witnessCheck(
  subject: Subject,
  check: Check,
  setting: Setting,
): Promise<{ readonly verdict: Verdict; readonly evidence: readonly Evidence[] }> {
  let bus: WitnessedBus;
  try {
    bus = new WitnessedBus(subject);
  } catch (error) {
    return { verdict: judged(check, error), evidence: [] };
  }
  let length = Infinity;
  const ended = () => {
    length = bus.evidence.length;
  };
  const started = () => bus.restart();
  const verdict = await runCheck(subject, check, setting, { bus, started, ended });
  return { verdict, evidence: bus.evidence.slice(0, length) };
}
