/** Judging by clauses. */
// Drivers, watched on their bus or in a recording.
export {
  DriverWatch,
  type WatchFinding,
  type WatchLevel,
  type WatchOptions,
  type WatchReport,
  type WatchRule,
  watchedClauses,
  watchRules,
} from '../conformance/watch/index.ts';
