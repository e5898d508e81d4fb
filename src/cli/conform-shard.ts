import type { Shard } from '../conformance/device/index.ts';
import { UsageError } from './command.ts';

/** How a job engine tells a job which of several it is. */
interface Engine {
  readonly name: string;
  readonly variable: string;
  /** The number of the first, or the variable that has it. */
  readonly first: number | string;
  /** The variable that has the number of all, where there is one. */
  readonly count: string | null;
}

/** In the order in which they are looked for. */
export const engines: readonly Engine[] = [
  {
    name: 'Slurm arrays',
    variable: 'SLURM_ARRAY_TASK_ID',
    first: 'SLURM_ARRAY_TASK_MIN',
    count: 'SLURM_ARRAY_TASK_COUNT',
  },
  { name: 'Kubernetes indexed jobs', variable: 'JOB_COMPLETION_INDEX', first: 0, count: null },
  { name: 'GNU parallel', variable: 'PARALLEL_SEQ', first: 1, count: null },
  { name: 'GitLab CI', variable: 'CI_NODE_INDEX', first: 1, count: 'CI_NODE_TOTAL' },
  { name: 'CircleCI', variable: 'CIRCLE_NODE_INDEX', first: 0, count: 'CIRCLE_NODE_TOTAL' },
  { name: 'Buildkite', variable: 'BUILDKITE_PARALLEL_JOB', first: 0, count: 'BUILDKITE_PARALLEL_JOB_COUNT' },
];

const WHOLE = /^\d{1,6}$/;

function numberIn(environment: NodeJS.ProcessEnv, variable: string): number {
  const text = environment[variable] ?? '';
  if (!WHOLE.test(text)) throw new UsageError(`${variable} is '${text}'; wants a whole number`);
  return Number(text);
}

function shard(index: number, count: number, from: string): Shard {
  if (count < 1 || index < 1 || index > count)
    throw new UsageError(
      `${from}: shard ${index} of ${count}; wants 1/1 to ${Math.max(count, 1)}/${Math.max(count, 1)}`,
    );
  return { index, count };
}

/**
 * `i/n`, from 1 on; or `n`, and the job engine's own variable says which; or `auto`, where it also says of how many.
 * @throws UsageError
 */
export function shardOf(text: string | undefined, environment: NodeJS.ProcessEnv = process.env): Shard {
  if (text === undefined) return { index: 1, count: 1 };
  const named = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  if (named !== null) return shard(Number(named[1]), Number(named[2]), `option '--shard ${text}'`);
  if (text !== 'auto' && !WHOLE.test(text))
    throw new UsageError(`option '--shard ${text}': wants I/N, N or auto`);
  const engine = engines.find(({ variable }) => environment[variable] !== undefined);
  if (engine === undefined)
    throw new UsageError(
      `option '--shard ${text}': no job engine says which shard this is; wants I/N, or one of ${engines.map(({ variable }) => variable).join(', ')}`,
    );
  const { variable, first, count } = engine;
  const start =
    typeof first === 'number' ? first : environment[first] === undefined ? 0 : numberIn(environment, first);
  if (text === 'auto' && count === null)
    throw new UsageError(`option '--shard auto': ${variable} does not say of how many; wants --shard N`);
  const total = text === 'auto' ? numberIn(environment, count!) : Number(text);
  return shard(numberIn(environment, variable) - start + 1, total, variable);
}
