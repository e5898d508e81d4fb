import { type Campaign, type Outcome, outcomes } from '../conformance/device/index.ts';
import {
  clauseOutcomes,
  type GroupedFinding,
  groupFindings,
  groupRefusals,
  groupSkips,
  isFound,
  summarize,
} from '../conformance/report/index.ts';
import { style } from './output.ts';
import { columns, fold } from './text.ts';

const colours: Readonly<Record<Outcome, Parameters<typeof style>[0]>> = {
  PASS: 'green',
  FAIL: 'red',
  REJECT: 'yellow',
  WEDGED: 'red',
  SKIP: 'dim',
  XFAIL: 'yellow',
  XPASS: 'red',
};

/** Places that a finding lists; more are counted. */
const PLACES = 6;

function findingLines({
  outcome,
  check,
  clause,
  level,
  expected,
  seen,
  reason,
  where,
}: GroupedFinding): string[] {
  const more = where.length > PLACES ? ` and ${where.length - PLACES} more` : '';
  return [
    `${style(colours[outcome], outcome)} ${check}${clause === null ? '' : `: ${clause}${level === null ? '' : `, ${level}`}`}`,
    ...(expected === null ? [] : [`  expected ${expected}`, `  saw      ${seen}`]),
    ...(reason === null ? [] : [`  ${reason}`]),
    `  on ${where.slice(0, PLACES).join(', ')}${more}`,
  ];
}

/** The campaign for people. */
export function campaignLines(campaign: Campaign, width: number): string[] {
  const table = columns([
    ['', ...outcomes],
    ...summarize(campaign).map(({ target, counts }) => [
      target,
      ...outcomes.map((each) => String(counts[each])),
    ]),
  ]);
  const findings = groupFindings(campaign);
  const states = clauseOutcomes(campaign);
  const count = (state: string) => states.filter((each) => each.state === state).length;
  const skips = groupSkips(campaign).map(({ reason, checks }) => `  ${checks.length} checks: ${reason}`);
  const refusals = groupRefusals(campaign).map(
    ({ outcome, reason, checks }) =>
      `  ${style(colours[outcome], outcome)} ${checks.length} checks: ${reason}`,
  );
  const lines = [
    ...table,
    '',
    ...findings.flatMap((finding) => [...findingLines(finding), '']),
    ...(refusals.length === 0 ? [] : ['What no driver may do:', ...refusals, '']),
    ...(skips.length === 0 ? [] : ['Not made:', ...skips, '']),
    `${states.length} clauses: ${count('kept')} kept, ${count('broken')} broken, ${count('skipped')} not tried`,
    ...campaign.missing.map(({ shard, items }) => `shard ${shard} lacks ${items} results`),
    ...campaign.contradictions.map((item) => `two parts say different things of item ${item}`),
  ];
  return fold(lines, width);
}

/** The campaign as a document. */
export function campaignJson(campaign: Campaign): unknown {
  const { head, results, missing, contradictions } = campaign;
  return {
    ...head,
    summary: summarize(campaign),
    found: results.filter(isFound).length,
    missing,
    contradictions,
    clauses: clauseOutcomes(campaign),
    results,
  };
}
