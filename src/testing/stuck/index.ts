import type { Setting } from '../../conformance/device/index.ts';
import { VirtiolabError } from '../../core/index.ts';
import { kindsOf, openSubject, type SubjectKind } from '../subjects.ts';
import type { StuckCase } from './case.ts';
import { functionCases } from './function-cases.ts';
import { interruptCases, queueCases } from './queue-cases.ts';
import { Stage } from './stage.ts';

export type { StuckCase } from './case.ts';
export { Stage } from './stage.ts';

/** Ways to get stuck, one for each reason that `explain` has and a function in this process can show. */
export const stuckCases: readonly StuckCase[] = [...functionCases, ...queueCases, ...interruptCases];

/** A case cannot be made on a function of that type or kind. */
export class StuckCaseError extends VirtiolabError {}

/** The settings in which a case can be made on a function: none where it cannot. */
export function stuckSettings(
  { settings, types, kinds, except }: StuckCase,
  type: string,
  kind: SubjectKind,
): Setting[] {
  if (types?.includes(type) === false || kinds?.includes(kind) === false || except?.includes(kind)) return [];
  const { settings: offered } = openSubject(type, kind);
  return offered.filter((each) => settings?.includes(each) ?? true);
}

/**
 * Gets a function of ours stuck. @param kind by default the first that the case can be made on, transitional before others.
 * @throws StuckCaseError where it can be made on none
 */
export function getStuck(each: StuckCase, type: string, kind?: SubjectKind, setting?: Setting): Stage {
  const kinds = kind === undefined ? (['transitional', ...kindsOf(type)] as const) : [kind];
  for (const one of kinds) {
    if (!kindsOf(type).includes(one)) continue;
    const offered = stuckSettings(each, type, one);
    const chosen = setting === undefined ? offered[0] : offered.find((name) => name === setting);
    if (chosen === undefined) continue;
    const stage = new Stage(type, one, chosen, each.device);
    each.make(stage);
    return stage;
  }
  const where = `${type}${kind === undefined ? '' : `:${kind}`}${setting === undefined ? '' : `, ${setting}`}`;
  const wants = each.types === undefined ? '' : `; it is one of ${each.types.join(', ')} functions`;
  throw new StuckCaseError(`case '${each.reason}' cannot be made on ${where}${wants}`);
}
