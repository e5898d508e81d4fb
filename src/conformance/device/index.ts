export { type Answer, Bench, type Running, type Signals, type StartOptions } from './bench.ts';
export * from './campaign.ts';
export {
  type Check,
  Failure,
  type Outcome,
  outcomes,
  type Setting,
  Silence,
  Skipped,
  settings,
} from './check.ts';
export { checks } from './checks/index.ts';
export { type Deviation, DeviationError, readDeviations } from './deviations.ts';
export { type Evidence, WitnessedBus } from './evidence.ts';
export type { Hands, SentFrame } from './hands.ts';
export { type ReplayDifference, replay, type Step } from './replay.ts';
export { runCheck, type Verdict, witnessCheck } from './run-check.ts';
export type { Subject, SubjectSource } from './subject.ts';
export * from './suite.ts';
