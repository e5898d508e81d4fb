import { type ClauseLevel, clauses } from '../catalogue/index.ts';
import { type Campaign, type CampaignResult, type Outcome, outcomes } from '../device/index.ts';

/** Results of a target, counted. */
export interface TargetSummary {
  readonly target: string;
  readonly counts: Readonly<Record<Outcome, number>>;
}

/** Results in which something was found: what a campaign fails for. */
export const isFound = ({ outcome, recovers }: CampaignResult): boolean =>
  outcome === 'FAIL' || outcome === 'XPASS' || (outcome === 'WEDGED' && recovers !== true);

/** Equal findings of several targets and settings, told once. */
export interface GroupedFinding {
  readonly check: string;
  readonly says: string;
  readonly outcome: Outcome;
  readonly clause: string | null;
  readonly level: ClauseLevel | null;
  /** Where the published text has the clause. */
  readonly address: string | null;
  readonly expected: string | null;
  readonly seen: string | null;
  readonly reason: string | null;
  /** Where it was seen, `qemu:block:legacy modern`. */
  readonly where: readonly string[];
  /** The first of the results. */
  readonly first: CampaignResult;
}

/** Checks that ended alike: skipped for the same reason, or met in the same way where they did what no driver may. */
export interface GroupedChecks {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly checks: readonly string[];
}

/** How far a campaign has tried a clause. */
export interface ClauseOutcome {
  readonly clause: string;
  readonly state: 'broken' | 'kept' | 'skipped';
}

const none = (): Record<Outcome, number> =>
  Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>;

export function summarize({ results }: Pick<Campaign, 'results'>): TargetSummary[] {
  const byTarget = new Map<string, Record<Outcome, number>>();
  for (const { target, outcome } of results) {
    const counts = byTarget.get(target) ?? none();
    byTarget.set(target, counts);
    counts[outcome]++;
  }
  return [...byTarget].map(([target, counts]) => ({ target, counts }));
}

/** What was found, and what is known; what is the same in several places once. */
export function groupFindings({ results }: Pick<Campaign, 'results'>): GroupedFinding[] {
  const groups = new Map<string, GroupedFinding & { where: string[] }>();
  for (const result of results) {
    const { outcome, check, clause, expected, seen, reason, target, setting } = result;
    if (!isFound(result) && outcome !== 'XFAIL') continue;
    const place = `${target} ${setting}`;
    const key = JSON.stringify([outcome, check, clause, expected, seen, reason]);
    const group = groups.get(key);
    if (group !== undefined) {
      group.where.push(place);
      continue;
    }
    const row = clause === null ? undefined : clauses.get(clause);
    groups.set(key, {
      check,
      outcome,
      clause,
      expected,
      seen,
      reason,
      says: result.says,
      level: row?.level ?? null,
      address: row?.address ?? null,
      where: [place],
      first: result,
    });
  }
  const rank = (outcome: Outcome) => ['FAIL', 'WEDGED', 'XPASS', 'XFAIL', 'REJECT'].indexOf(outcome);
  return [...groups.values()].sort((a, b) => rank(a.outcome) - rank(b.outcome));
}

/** Checks that were not made, by reason. */
export const groupSkips = (campaign: Pick<Campaign, 'results'>): GroupedChecks[] =>
  grouped(campaign, ({ outcome }) => outcome === 'SKIP');

/** Checks that did what no driver may, and what became of the device: silence, or a reset that it asks for. */
export const groupRefusals = (campaign: Pick<Campaign, 'results'>): GroupedChecks[] =>
  grouped(
    campaign,
    (result) => result.outcome === 'REJECT' || (result.outcome === 'WEDGED' && !isFound(result)),
  );

function grouped(
  { results }: Pick<Campaign, 'results'>,
  fits: (result: CampaignResult) => boolean,
): GroupedChecks[] {
  const groups = new Map<string, { outcome: Outcome; reason: string; checks: Set<string> }>();
  for (const result of results.filter(fits)) {
    const { outcome, check, reason } = result;
    const key = `${outcome} ${reason}`;
    const group = groups.get(key) ?? { outcome, reason: reason ?? '', checks: new Set<string>() };
    groups.set(key, group);
    group.checks.add(check);
  }
  return [...groups.values()].map(({ checks, ...rest }) => ({ ...rest, checks: [...checks] }));
}

/** What the campaign says of each clause that one of its checks is about, in the catalogue's order. */
export function clauseOutcomes({ results }: Pick<Campaign, 'results'>): ClauseOutcome[] {
  const tried = new Set<string>();
  const named = new Set<string>();
  const broken = new Set<string>();
  for (const { clauses: its, outcome, clause } of results) {
    for (const each of its) {
      named.add(each);
      if (outcome !== 'SKIP') tried.add(each);
    }
    if (clause !== null && outcome !== 'REJECT') broken.add(clause);
  }
  return [...clauses.keys()]
    .filter((clause) => named.has(clause) || broken.has(clause))
    .map((clause) => ({
      clause,
      state: broken.has(clause) ? 'broken' : tried.has(clause) ? 'kept' : 'skipped',
    }));
}
