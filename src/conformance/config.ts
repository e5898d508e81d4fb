/** Configuration spaces judged by clauses. */

export { configClauses } from './config/clauses.ts';
export { judgeConfig } from './config/judge.ts';
export { type ConfigFinding, type ConfigVerdict, isBreach } from './config/verdict.ts';
