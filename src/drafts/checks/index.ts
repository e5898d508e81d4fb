import type { DraftDocument } from '../document/document.ts';
import { modelOf } from '../model.ts';
import { blockChecks } from './blocks.ts';
import { capabilityChecks } from './capabilities.ts';
import type { DraftChecks, DraftFinding } from './check.ts';
import { commandChecks } from './commands.ts';
import { idChecks } from './ids.ts';
import { nameChecks } from './names.ts';
import { numberChecks } from './numbers.ts';
import { ruleChecks } from './rules.ts';
import { statementChecks } from './statements.ts';
import { structureChecks } from './structures.ts';

/** Every static check by its id, in the order in which findings are told. */
export const draftChecks: DraftChecks = {
  ...idChecks,
  ...capabilityChecks,
  ...structureChecks,
  ...blockChecks,
  ...numberChecks,
  ...commandChecks,
  ...nameChecks,
  ...statementChecks,
  ...ruleChecks,
};

/** What the static checks find in a draft. */
export function findInDraft(document: DraftDocument): DraftFinding[] {
  const model = modelOf(document);
  const findings: DraftFinding[] = [];
  for (const [check, { level, clause, run }] of Object.entries(draftChecks))
    run(model, (path, message) => findings.push({ check, level, clause, path, message }));
  return findings;
}
