import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { draftChecks, findInDraft, parseDraft, shippedDrafts } from '../../src/drafts/index.ts';
import { root } from '../cli/run.ts';

const text = readFileSync(join(root, 'docs/drafts.md'), 'utf8');

describe('docs/drafts.md', () => {
  it('lists every check as it is', () => {
    const rows = [...text.matchAll(/^\| `([a-z0-9-]+)` \| (error|warning|question) \| (.*?) \| (.*) \|$/gm)];
    expect(rows.map(([, id, level, clause, about]) => ({ id, level, clause, about }))).toEqual(
      Object.entries(draftChecks).map(([id, { level, clause, about }]) => ({
        id,
        level,
        clause: clause ?? '',
        about,
      })),
    );
  });

  it('names every draft that comes with the package', () => {
    for (const name of Object.keys(shippedDrafts)) expect(text).toContain(`\`${name}\``);
  });

  it('shows a draft that is read, and has no errors', () => {
    const draft = parseDraft(readFileSync(join(root, 'docs/examples/doorbell-draft.json'), 'utf8'));
    const levels = findInDraft(draft).map(({ level }) => level);
    expect(levels.filter((level) => level === 'error')).toEqual([]);
    expect(levels).toContain('question');
  });
});
