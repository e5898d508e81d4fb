import { VirtiolabError } from '../../core/index.ts';
import { type Check, type Outcome, type Setting, settings } from './check.ts';
import type { Verdict } from './run-check.ts';

/** What a target is known to do: a check that fails so is expected to. */
export interface Deviation {
  /** Id of the check. */
  readonly check: string;
  /** The targets that it is about, by name, `*` for anything: `qemu:block:*`; by default all. */
  readonly target?: string;
  /** The setting that it is about; by default all. */
  readonly setting?: Setting;
  readonly reason: string;
}

/** A file of deviations that is none. */
export class DeviationError extends VirtiolabError {}

const MEMBERS = ['check', 'target', 'setting', 'reason'];

function deviationOf(value: unknown, at: string, checks: readonly Check[]): Deviation {
  const wrong = (what: string): never => {
    throw new DeviationError(`${at}: ${what}`);
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) wrong('wants an object');
  const members = value as Record<string, unknown>;
  for (const name of Object.keys(members))
    if (!MEMBERS.includes(name)) wrong(`unknown member '${name}'; members are ${MEMBERS.join(', ')}`);
  const text = (name: string): string => {
    const found = members[name];
    if (typeof found !== 'string' || found.trim() === '')
      return wrong(`${name} ${JSON.stringify(found)}; wants a text`);
    return found;
  };
  const check = text('check');
  if (!checks.some(({ id }) => id === check)) {
    const word = check.split('-')[0]!;
    const near = checks.filter(({ id }) => id.startsWith(word)).map(({ id }) => id);
    wrong(`unknown check '${check}'${near.length === 0 ? '' : `; there are ${near.slice(0, 8).join(', ')}`}`);
  }
  const setting = members['setting'];
  if (setting !== undefined && !settings.includes(setting as Setting))
    wrong(`setting ${JSON.stringify(setting)}; wants one of ${settings.join(', ')}`);
  return {
    check,
    reason: text('reason'),
    ...(members['target'] === undefined ? {} : { target: text('target') }),
    ...(setting === undefined ? {} : { setting: setting as Setting }),
  };
}

/** Reads `{ "deviations": [{ "check", "target"?, "setting"?, "reason" }] }`. @throws DeviationError */
export function readDeviations(text: string, checks: readonly Check[]): Deviation[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new DeviationError(`is no JSON: ${(error as Error).message}`);
  }
  const list = (document as { deviations?: unknown } | null)?.deviations;
  if (!Array.isArray(list)) throw new DeviationError('wants { "deviations": [...] }');
  return list.map((each, i) => deviationOf(each, `deviations[${i}]`, checks));
}

/** `*` stands for anything. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

/** What is known of a target counts: FAIL and WEDGED become XFAIL, and a PASS that should fail XPASS. */
export function expectedBy(
  deviations: readonly Deviation[],
  verdict: Verdict,
  target: string,
  check: Check,
  setting: Setting,
): Omit<Verdict, 'outcome'> & { readonly outcome: Outcome } {
  const known = deviations.find(
    (each) =>
      each.check === check.id &&
      (each.target === undefined || matches(each.target, target)) &&
      (each.setting === undefined || each.setting === setting),
  );
  if (known === undefined) return verdict;
  if (verdict.outcome === 'FAIL' || verdict.outcome === 'WEDGED')
    return { ...verdict, outcome: 'XFAIL', reason: known.reason };
  return verdict.outcome === 'PASS' ? { ...verdict, outcome: 'XPASS', reason: known.reason } : verdict;
}
