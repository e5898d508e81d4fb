/** Watching drivers: what they do on a bus, held to the clauses that bind them. */
export { DriverWatch, type WatchOptions, type WatchReport } from './driver-watch.ts';
export type { WatchFinding } from './findings.ts';
export { type RecordingOptions, watchRecording } from './recording.ts';
export type { WatchLevel, WatchRule } from './rule.ts';
export { watchedClauses, watchRules } from './rules/index.ts';
export { unobservableOfDrivers } from './unobservable.ts';
