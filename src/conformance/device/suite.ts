import { VirtiolabError } from '../../core/index.ts';
import type { Check, Outcome, Setting } from './check.ts';
import { settings } from './check.ts';
import { checks as allChecks } from './checks/index.ts';
import type { Evidence } from './evidence.ts';
import { runCheck, type Verdict, witnessCheck } from './run-check.ts';
import type { Subject, SubjectSource } from './subject.ts';

/** What a target is known to do: a check that fails so is expected to. */
export interface Deviation {
  /** Id of the check. */
  readonly check: string;
  /** The setting that it is about; undefined for all. */
  readonly setting?: Setting;
  readonly reason: string;
}

/** A check on a function in a setting. */
export interface Item {
  readonly check: Check;
  readonly setting: Setting;
}

export interface Result extends Omit<Verdict, 'outcome'> {
  /** Name of the source. */
  readonly target: string;
  readonly check: string;
  readonly setting: Setting;
  readonly outcome: Outcome;
  /** Failures: what happened, when the check was made once more; null where nobody wrote it down. */
  readonly evidence: readonly Evidence[] | null;
}

export interface SuiteOptions {
  /** By default every check there is. */
  readonly checks?: readonly Check[];
  readonly deviations?: readonly Deviation[];
  /** This part of so many, from 0 on: items are dealt out in turn. */
  readonly shard?: { readonly index: number; readonly count: number };
  /** Write down what happened in failures; by default true. */
  readonly witness?: boolean;
}

/** The items of a subject, in order: what does not fit its type or its interfaces is none. */
export function itemsOf(
  { type, settings: offered }: Pick<Subject, 'type' | 'settings'>,
  { checks = allChecks, shard }: SuiteOptions = {},
): Item[] {
  const items = checks
    .filter(({ types }) => types === undefined || types.includes(type.name))
    .flatMap((check) =>
      settings
        .filter((each) => offered.includes(each) && (check.settings ?? settings).includes(each))
        .map((setting) => ({ check, setting })),
    );
  return shard === undefined ? items : items.filter((_, i) => i % shard.count === shard.index);
}

/** What is known of a target counts: FAIL and WEDGED become XFAIL, and a PASS that should fail XPASS. */
function expected(verdict: Verdict, { check, setting }: Item, deviations: readonly Deviation[]) {
  const known = deviations.find(
    (each) => each.check === check.id && (each.setting === undefined || each.setting === setting),
  );
  if (known === undefined) return verdict;
  const { outcome } = verdict;
  if (outcome === 'FAIL' || (outcome === 'WEDGED' && check.hostile !== true))
    return { ...verdict, outcome: 'XFAIL' as const, reason: known.reason };
  return outcome === 'PASS' ? { ...verdict, outcome: 'XPASS' as const, reason: known.reason } : verdict;
}

/** Opened when it is first asked for, and again once it is lost. */
class Holder {
  readonly #source: SubjectSource;
  #subject: Subject | null = null;

  constructor(source: SubjectSource) {
    this.#source = source;
  }

  async get(): Promise<Subject> {
    this.#subject ??= await this.#source.open();
    return this.#subject;
  }

  drop(): void {
    const subject = this.#subject;
    this.#subject = null;
    try {
      subject?.target.close();
    } catch (error) {
      if (!(error instanceof VirtiolabError)) throw error;
    }
  }
}

/** Makes every check on functions of a source, one after the other. @throws VirtiolabError where the source has none. */
export async function* conform(
  source: SubjectSource,
  options: SuiteOptions = {},
): AsyncGenerator<Result, void> {
  const holder = new Holder(source);
  try {
    const items = itemsOf(await holder.get(), options);
    for (const item of items) {
      const { check, setting } = item;
      const found = await runCheck(await holder.get(), check, setting);
      const verdict = expected(found, item, options.deviations ?? []);
      if (source.cheap || found.outcome === 'WEDGED') holder.drop();
      let evidence: readonly Evidence[] | null = null;
      if (options.witness !== false && (found.outcome === 'FAIL' || found.outcome === 'WEDGED')) {
        ({ evidence } = await witnessCheck(await holder.get(), check, setting));
        if (source.cheap || found.outcome === 'WEDGED') holder.drop();
      }
      yield { target: source.name, check: check.id, setting, ...verdict, evidence };
    }
  } finally {
    holder.drop();
  }
}
