import type { ClauseCoverage } from '../coverage.ts';
import { escapeXml as escaped } from './junit.ts';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td{padding:.2rem .7rem;border-bottom:1px solid #ddd;vertical-align:top}
.checked{color:#00682f}.not-yet{color:#a50026}.not-observable{color:#666}`;

/** Clauses as one HTML page, by section. */
export function clausesPage(rows: readonly ClauseCoverage[]): string {
  const sections = new Map<string, ClauseCoverage[]>();
  for (const row of rows) {
    const own = sections.get(row.clause.section) ?? [];
    sections.set(row.clause.section, [...own, row]);
  }
  const body = [...sections].map(([section, own]) => {
    const lines = own.map(({ clause: { id, level, says, address }, sides }) => {
      const states = sides.map(
        ({ party, state, by, reason }) =>
          `<div class="${state.replace(' ', '-')}">${party}: ${state}${by.length > 0 ? `: ${by.map(escaped).join(', ')}` : ''}${reason === null ? '' : `: ${escaped(reason)}`}</div>`,
      );
      return `<tr id="${id}"><td><a href="${escaped(address)}">${id}</a></td><td>${level}</td><td>${escaped(says)}</td><td>${states.join('')}</td></tr>`;
    });
    return `<h2>${escaped(section)}</h2><table>${lines.join('\n')}</table>`;
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Clauses</title><style>${STYLE}</style>
<h1>Clauses, and what checks them</h1>
${body.join('\n')}
</html>
`;
}
