/** Configuration spaces judged by clauses. */
export { judgeConfig } from './config/judge.ts';
export { levels } from './config/levels.ts';
export { type ConfigFinding, type ConfigVerdict, isBreach } from './config/verdict.ts';
