export * from './checks/check.ts';
export * from './checks/index.ts';
export type {
  DraftBlock,
  DraftCapability,
  DraftCommand,
  DraftCommands,
  DraftDocument,
  DraftField,
  DraftRules,
  DraftSpace,
  DraftStatement,
  DraftStructure,
} from './document/document.ts';
export * from './document/read.ts';
export type { DocumentProblem, JsonSchema } from './document/shape.ts';
export type { DraftedBus } from './instance/drafted-bus.ts';
export { type DraftedFunction, type DraftedRegister, draftedFunction } from './instance/drafted-function.ts';
export {
  type DraftCounterexample,
  type DraftRun,
  DraftRunOptionError,
  type DraftRunOptions,
  runDraft,
} from './instance/run.ts';
export * from './judge.ts';
export * from './shipped/index.ts';
export { documentOfDraft } from './shipped/mmr.ts';
