import { VirtiolabError } from '../../core/index.ts';
import type { Check, Outcome, Setting } from './check.ts';
import { settings } from './check.ts';
import { checks as allChecks } from './checks/index.ts';
import { type Deviation, expectedBy } from './deviations.ts';
import type { Evidence } from './evidence.ts';
import { runCheck, type Verdict, witnessCheck } from './run-check.ts';
import type { Subject, SubjectSource } from './subject.ts';

/** A check on a function of a source, in a setting. */
export interface Item {
  readonly source: SubjectSource;
  readonly check: Check;
  readonly setting: Setting;
}

export interface Result extends Omit<Verdict, 'outcome'> {
  /** Name of the source. */
  readonly target: string;
  readonly check: string;
  /** What the check can find broken, and what a device that passes does. */
  readonly clauses: readonly string[];
  readonly says: string;
  /** How it was driven; `recorded` where somebody else did. */
  readonly setting: Setting | 'recorded';
  readonly outcome: Outcome;
  /** Failures: what happened, when the check was made once more; null where nobody wrote it down. */
  readonly evidence: readonly Evidence[] | null;
}

export interface SuiteOptions {
  /** By default every check there is. */
  readonly checks?: readonly Check[];
  readonly deviations?: readonly Deviation[];
  /** Write down what happened in failures; by default true. */
  readonly witness?: boolean;
  /** Asked before each check: a reason makes it and all later ones a SKIP. */
  readonly stop?: () => string | null;
}

/** Opened when it is first asked for, and again once it is lost. */
class Holder {
  readonly source: SubjectSource;
  #subject: Subject | null = null;

  constructor(source: SubjectSource) {
    this.source = source;
  }

  async get(): Promise<Subject> {
    this.#subject ??= await this.source.open();
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

/** The items of a subject, in order: what does not fit its type or its interfaces is none. */
function itemsOf(
  source: SubjectSource,
  { type, settings: offered }: Pick<Subject, 'type' | 'settings'>,
  checks: readonly Check[],
): Item[] {
  return checks
    .filter(({ types }) => types === undefined || types.includes(type.name))
    .flatMap((check) => {
      const fit = settings.filter(
        (each) => offered.includes(each) && (check.settings ?? settings).includes(each),
      );
      return (check.passive === true ? fit.slice(0, 1) : fit).map((setting) => ({ source, check, setting }));
    });
}

/**
 * All that the suite does with some targets, in order: the same sources and checks give the same list. Each source is opened
 * once, to see what it is. @throws VirtiolabError where one has nothing to show.
 */
export async function planSuite(
  sources: readonly SubjectSource[],
  checks: readonly Check[] = allChecks,
): Promise<Item[]> {
  const items: Item[] = [];
  for (const source of sources) {
    const holder = new Holder(source);
    items.push(...itemsOf(source, await holder.get(), checks));
    holder.drop();
  }
  return items;
}

const named = ({ source, check, setting }: Item) => ({
  target: source.name,
  check: check.id,
  clauses: check.clauses,
  says: check.says,
  setting,
});

async function judge(holder: Holder, item: Item, options: SuiteOptions): Promise<Result> {
  const { check, setting, source } = item;
  let subject: Subject;
  try {
    subject = await holder.get();
  } catch (error) {
    if (error instanceof VirtiolabError)
      return skipped(item, `the target cannot be had any more: ${error.message}`);
    throw error;
  }
  const found = await runCheck(subject, check, setting);
  const lost = found.outcome === 'WEDGED' && found.recovers !== true;
  if (source.cheap || lost) holder.drop();
  let evidence: readonly Evidence[] | null = null;
  // One that asks for a reset after what no driver may do is as it should be.
  if (options.witness !== false && (found.outcome === 'FAIL' || lost)) {
    evidence = await witnessed(holder, item);
    if (source.cheap || lost) holder.drop();
  }
  const verdict = expectedBy(options.deviations ?? [], found, source.name, check, setting);
  return { ...named(item), ...verdict, evidence };
}

/** What happens when a check is made once more; null where the target cannot be had for that. */
async function witnessed(holder: Holder, { check, setting }: Item): Promise<readonly Evidence[] | null> {
  try {
    return (await witnessCheck(await holder.get(), check, setting)).evidence;
  } catch (error) {
    if (error instanceof VirtiolabError) return null;
    throw error;
  }
}

const skipped = (item: Item, reason: string): Result => ({
  ...named(item),
  outcome: 'SKIP',
  clause: null,
  expected: null,
  seen: null,
  reason,
  recovers: null,
  evidence: null,
});

/** Makes checks one after the other. @throws VirtiolabError where a source has nothing to show any more. */
export async function* runSuite(
  items: readonly Item[],
  options: SuiteOptions = {},
): AsyncGenerator<Result, void> {
  let holder: Holder | null = null;
  try {
    for (const item of items) {
      const reason = options.stop?.() ?? null;
      if (reason !== null) {
        yield skipped(item, reason);
        continue;
      }
      if (holder?.source !== item.source) {
        holder?.drop();
        holder = new Holder(item.source);
      }
      yield await judge(holder, item, options);
    }
  } finally {
    holder?.drop();
  }
}

/** Makes every check on functions of one source. @throws VirtiolabError where it has none. */
export async function* conform(
  source: SubjectSource,
  options: SuiteOptions = {},
): AsyncGenerator<Result, void> {
  yield* runSuite(await planSuite([source], options.checks), options);
}
