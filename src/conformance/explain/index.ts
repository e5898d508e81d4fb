export { formatBuffers, type SeenBuffer } from './chain.ts';
export { type ExplainOptions, type Explanation, explain, explainSeen, reasonTable } from './explain.ts';
export { formatExplanation, reasonLines } from './format.ts';
export type { Seen, SeenInterface, SeenMsix, SeenQueue, SeenVector } from './observed.ts';
export type { Reason, ReasonKind } from './reason.ts';
export { RecordedFunction } from './recorded.ts';
export type { ExplainedChain, ExplainedQueue } from './situation.ts';
