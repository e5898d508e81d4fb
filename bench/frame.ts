/**
 * The frame of every benchmark: a case measures ours and a baseline in turn, in each of several processes, and is judged by
 * the median of the ratios of their medians: what the compiler makes of the same code differs from process to process. Only ratios travel between machines, and only when both sides saw the same noise: that is why the
 * runs alternate, and why tinybench, which finishes one task before it starts the next, is not used for this.
 */

/** One measurement. Returns the rate (million/s, say) or the cost (bytes, ms) of one complete run. */
export type Measure = () => number | Promise<number>;

export interface Contest {
  readonly ours: Measure;
  readonly baseline: Measure;
  /** Called after the last run, also after one that threw. */
  readonly release?: () => void | Promise<void>;
}

/** What this machine lacks, in words for stderr: the case is then passed over. */
export interface Skip {
  readonly skip: string;
}

export interface Plan {
  readonly name: string;
  readonly unit: string;
  /** Compiles, allocates, starts what the runs need; not timed. */
  prepare(): Contest | Skip | Promise<Contest | Skip>;
}

export interface Case extends Plan {
  /** The bound on ours / baseline. */
  readonly target: number;
  readonly kind: 'atLeast' | 'atMost';
}

/** A case of rates, where more is better: ours / baseline must reach the target. */
export const atLeast = (target: number, plan: Plan): Case => ({ ...plan, target, kind: 'atLeast' });

/**
 * A case of costs, where less is better: ours / baseline must not exceed the target. For an absolute bound let the
 * baseline return the budget (`baseline: () => 1`) and the target be 1.
 */
export const atMost = (target: number, plan: Plan): Case => ({ ...plan, target, kind: 'atMost' });

/** One result, as `--json` prints it. */
export type Row = {
  readonly name: string;
  readonly ours: number;
  readonly baseline: number;
  readonly unit: string;
  readonly ratio: number;
  readonly target: number;
} & ({ readonly atLeast: true } | { readonly atMost: true });

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

// Six digits are more than any of this means; fifteen would only look exact.
const round = (value: number): number => Number(value.toPrecision(6));

export function toRow({ name, unit, target, kind }: Case, ours: number, baseline: number): Row {
  const row = {
    name,
    ours: round(ours),
    baseline: round(baseline),
    unit,
    ratio: round(ours / baseline),
    target,
  };
  return kind === 'atLeast' ? { ...row, atLeast: true } : { ...row, atMost: true };
}

export const meetsTarget = (row: Row): boolean =>
  'atLeast' in row ? row.ratio >= row.target : row.ratio <= row.target;

export const RUNS = 7;

/** Runs one case: one discarded pair to warm up, then `runs` pairs whose order alternates. */
export async function runCase(which: Case, runs = RUNS): Promise<Row | Skip> {
  const contest = await which.prepare();
  if ('skip' in contest) return contest;
  const ours: number[] = [];
  const baseline: number[] = [];
  const take = async (measure: Measure, into: number[]): Promise<void> => {
    globalThis.gc?.(); // nobody pays for what the other left behind
    into.push(await measure());
  };
  try {
    await contest.ours();
    await contest.baseline();
    for (let run = 0; run < runs; run++) {
      if (run % 2 === 1) await take(contest.baseline, baseline);
      await take(contest.ours, ours);
      if (run % 2 === 0) await take(contest.baseline, baseline);
    }
  } finally {
    await contest.release?.();
  }
  return toRow(which, median(ours), median(baseline));
}

/** What several processes made of one case: medians, and the lowest and highest ratio. */
export interface Summary {
  readonly row: Row;
  readonly lowest: number;
  readonly highest: number;
}

/** `rows` of one case, at least one. */
export function summarize(rows: readonly Row[]): Summary {
  const ratios = rows.map(({ ratio }) => ratio);
  const row: Row = {
    ...rows[0]!,
    ours: round(median(rows.map(({ ours }) => ours))),
    baseline: round(median(rows.map(({ baseline }) => baseline))),
    ratio: round(median(ratios)),
  };
  return { row, lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}
