import { VirtiolabError } from '../core/index.ts';
import type { DraftFinding, DraftLevel } from './checks/check.ts';
import { findInDraft } from './checks/index.ts';
import type { DraftDocument } from './document/document.ts';

const MOST_SHOWN = 10;

/** A draft with errors. `findings` has those, and not what is a warning or a question. */
export class DraftFindingsError extends VirtiolabError {
  readonly draft: string;
  readonly findings: readonly DraftFinding[];

  constructor(draft: string, findings: readonly DraftFinding[]) {
    const lines = findings
      .slice(0, MOST_SHOWN)
      .map(({ check, path, message }) => `\n  ${check}: ${path}: ${message}`);
    const more = findings.length - MOST_SHOWN;
    super(`draft ${draft}:${lines.join('')}${more > 0 ? `\n  and ${more} more` : ''}`);
    this.draft = draft;
    this.findings = findings;
  }
}

/** Findings by level. */
export const countLevels = (findings: readonly DraftFinding[]): Readonly<Record<DraftLevel, number>> => {
  const counts = { error: 0, warning: 0, question: 0 };
  for (const { level } of findings) counts[level]++;
  return counts;
};

/** A draft that has no errors, as it was given. @throws DraftFindingsError */
export function checkDraftDocument(document: DraftDocument): DraftDocument {
  const errors = findInDraft(document).filter(({ level }) => level === 'error');
  if (errors.length > 0) throw new DraftFindingsError(document.name, errors);
  return document;
}
