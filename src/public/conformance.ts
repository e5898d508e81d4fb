/** Judging by clauses. */
// The clauses as data, and what checks each.
export {
  type Clause,
  type ClauseLevel,
  clauseOf,
  clauses,
  type Observable,
  UnknownClauseError,
} from '../conformance/catalogue/index.ts';
// Configuration spaces, as they were written down.
export { type ConfigFinding, type ConfigVerdict, isBreach, judgeConfig } from '../conformance/config.ts';
export { type ClauseCoverage, coverage, type SideCoverage } from '../conformance/coverage.ts';
// Devices, by a suite of checks.
export {
  Bench,
  type Campaign,
  CampaignError,
  type CampaignHead,
  type CampaignPart,
  type CampaignResult,
  type Check,
  checks,
  conform,
  type Deviation,
  DeviationError,
  type Evidence,
  type Hands,
  type Item,
  mergeParts,
  type Outcome,
  planSuite,
  type ReplayDifference,
  type Result,
  readDeviations,
  readPart,
  replay,
  runCheck,
  runSuite,
  type Setting,
  type Step,
  type Subject,
  type SubjectSource,
  type SuiteOptions,
  type Verdict,
} from '../conformance/device/index.ts';
// Why nothing happens.
export {
  type ExplainedChain,
  type ExplainedQueue,
  type ExplainOptions,
  type Explanation,
  explain,
  explainSeen,
  formatBuffers,
  formatExplanation,
  type Reason,
  type ReasonKind,
  RecordedFunction,
  reasonLines,
  type Seen,
  type SeenBuffer,
  type SeenInterface,
  type SeenMsix,
  type SeenQueue,
  type SeenVector,
} from '../conformance/explain/index.ts';
export { cReproduction, junitText, pageText, testReproduction } from '../conformance/report/index.ts';
// Drivers, watched on their bus or in a recording.
export {
  DriverWatch,
  type RecordingOptions,
  unobservableOfDrivers,
  type WatchFinding,
  type WatchLevel,
  type WatchOptions,
  type WatchReport,
  type WatchRule,
  watchedClauses,
  watchRecording,
  watchRules,
} from '../conformance/watch/index.ts';
