export { judgeRecording, type ListedFunction, type RecordingResult } from './judge.ts';
export { type RecordingRule, recordingRules } from './rules.ts';
