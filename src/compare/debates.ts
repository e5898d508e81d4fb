import type { DebateFacts, DebateRow } from './debate-row.ts';
import { debates003 } from './debates-003/index.ts';
import { compatibilityDebate } from './migration/debate.ts';
import { vdpaDebates } from './vdpa/debates.ts';

/** Every position of every debate that runs. */
export const debateRows: readonly DebateRow[] = [...vdpaDebates, ...debates003, ...compatibilityDebate];

/** What each debate was about. */
const seeds: Readonly<Record<DebateRow['seed'], string>> = {
  '000': 'Whether vDPA devices have to be devices of virtio 1.0',
  '002': 'Legacy guests on vDPA devices',
  '003': 'Mediated devices and interrupt message storage',
  '004': 'Which devices may take each other’s state',
};

const cell = (text: string) => text.replaceAll('|', '\\|').replace(/\s+/g, ' ');
const code = (text: string) => `\`${text}\``;

const line = (row: DebateRow, { cost, breaks, verdict }: DebateFacts): string =>
  `| ${[row.proposal, row.proposedBy, row.usableBy, cost, breaks, verdict].map(cell).join(' | ')} | ${code(row.command)} |`;

/** All debates as a document, from a run of every row. */
export async function debatesDocument(rows: readonly DebateRow[] = debateRows): Promise<string> {
  const sections: string[] = [];
  for (const [seed, title] of Object.entries(seeds)) {
    const own = rows.filter((row) => row.seed === seed);
    if (own.length === 0) continue;
    const lines: string[] = [];
    for (const row of own) lines.push(line(row, await row.run()));
    sections.push(
      `## ${title}\n\n| proposal | by | who may use it | cost | what breaks | verdict | shown by |\n|---|---|---|---|---|---|---|\n${lines.join('\n')}\n`,
    );
  }
  return `# Debates, answered by runs

Written by \`npx tsx scripts/debates.ts\`: every position that somebody took in the debates behind this project is a row of a table that runs
(\`src/compare/debate-row.ts\`), and what it costs and breaks is counted in that run.

${sections.join('\n')}`;
}
