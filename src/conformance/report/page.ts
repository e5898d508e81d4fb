import { clauses } from '../catalogue/index.ts';
import { type Campaign, outcomes } from '../device/index.ts';
import { evidenceLine } from './evidence-text.ts';
import { escapeXml as escaped } from './junit.ts';
import {
  clauseOutcomes,
  type GroupedFinding,
  groupFindings,
  groupRefusals,
  groupSkips,
  summarize,
} from './summary.ts';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse}td,th{padding:.15rem .7rem;text-align:left;border-bottom:1px solid #ddd;vertical-align:top}
td.n{text-align:right}pre{background:#f6f6f6;padding:.7rem;overflow:auto;font-size:13px;max-height:30rem}
.FAIL,.WEDGED,.XPASS,.broken{color:#a50026}.PASS,.kept{color:#00682f}.skipped,.SKIP{color:#666}details{margin:.3rem 0 1rem}`;

const link = (id: string): string => {
  const clause = clauses.get(id);
  return clause === undefined
    ? escaped(id)
    : `<a href="${escaped(clause.address)}" title="${escaped(`${clause.level}: ${clause.says}`)}">${id}</a>`;
};

const row = (cells: readonly string[], tag = 'td') =>
  `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;

function findingHtml(finding: GroupedFinding): string {
  const { outcome, check, clause, level, expected, seen, reason, where, says, first } = finding;
  const facts = [
    ...(clause === null ? [] : [['clause', `${link(clause)} (${level ?? ''})`] as const]),
    ['a device that passes', escaped(says)] as const,
    ...(expected === null ? [] : [['expected', escaped(expected)] as const]),
    ...(seen === null ? [] : [['seen', escaped(seen)] as const]),
    ...(reason === null ? [] : [['besides', escaped(reason)] as const]),
    ['where', where.map(escaped).join('<br>')] as const,
  ];
  const trace = (first.evidence ?? []).map((each) => escaped(evidenceLine(each))).join('\n');
  return [
    `<h3 id="${escaped(check)}"><span class="${outcome}">${outcome}</span> ${escaped(check)}</h3>`,
    `<table>${facts.map(([name, value]) => row([name, value])).join('')}</table>`,
    trace === ''
      ? ''
      : `<details><summary>what happened on ${escaped(where[0]!)}</summary><pre>${trace}</pre></details>`,
  ].join('\n');
}

/** The campaign as one HTML page without scripts or anything from elsewhere. */
export function pageText(campaign: Campaign): string {
  const { head, missing } = campaign;
  const findings = groupFindings(campaign);
  const perClause = clauseOutcomes(campaign);
  const table = [
    row(['target', ...outcomes], 'th'),
    ...summarize(campaign).map(({ target, counts }) =>
      row([
        escaped(target),
        ...outcomes.map((outcome) => `<span class="${outcome}">${counts[outcome]}</span>`),
      ]),
    ),
  ].join('');
  const states = ['broken', 'kept', 'skipped'] as const;
  const coverage = states.map((state) => {
    const own = perClause.filter((each) => each.state === state);
    return `<h3 class="${state}">${own.length} ${state}</h3><p>${own.map(({ clause }) => link(clause)).join(' ')}</p>`;
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>virtiolab conform</title><style>${STYLE}</style>
<h1>virtiolab conform</h1>
<p>${head.targets.map(escaped).join(', ')}; suite ${escaped(head.suite)}, seed ${head.seed}, ${head.runs} runs of each exploration.</p>
${missing.length === 0 ? '' : `<p class="FAIL">Incomplete: ${missing.map(({ shard, items }) => `shard ${shard} lacks ${items} results`).join(', ')}.</p>`}
<h2>Results</h2><table>${table}</table>
<h2>Findings</h2>
${findings.length === 0 ? '<p>None.</p>' : findings.map(findingHtml).join('\n')}
<h2>What no driver may do</h2><table>${groupRefusals(campaign)
    .map(({ outcome, reason, checks }) => row([outcome, escaped(reason), checks.map(escaped).join(', ')]))
    .join('')}</table>
<h2>Clauses</h2>
${coverage.join('\n')}
<h2>Not made</h2><table>${groupSkips(campaign)
    .map(({ reason, checks }) => row([escaped(reason), checks.map(escaped).join(', ')]))
    .join('')}</table>
</html>
`;
}
