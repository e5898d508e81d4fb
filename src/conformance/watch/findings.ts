import { type Finding, type FindingAbout, findingOf } from '../../core/index.ts';
import type { FunctionModel } from './model/function-model.ts';
import type { Violation, WatchLevel, WatchRule } from './rule.ts';

/** What a driver did wrong. What it did in the same way again is counted, not told again. */
export interface WatchFinding extends Finding {
  /** Name of the rule. */
  readonly rule: string;
  readonly level: WatchLevel;
  /** How often, and at which accesses, counted from 1, first and last. */
  count: number;
  readonly first: number;
  last: number;
}

/** All findings, in the order in which each was seen first. */
export class WatchFindings {
  readonly #found = new Map<string, WatchFinding>();

  add(rule: WatchRule, fn: FunctionModel, queue: number | null, seen: Violation, access: number): void {
    const which = seen.queue ?? queue;
    const cited = fn.legacy && rule.legacyClauses !== undefined ? rule.legacyClauses : rule.clauses;
    const clause = seen.clause ?? cited[0]!;
    const key = `${rule.id} ${fn.name} ${which} ${clause}`;
    const again = this.#found.get(key);
    if (again !== undefined) {
      again.count++;
      again.last = access;
      return;
    }
    const about: FindingAbout | null =
      seen.what === undefined
        ? null
        : {
            what: seen.what,
            value: seen.value ?? 0,
            ...(which === null ? {} : { queue: which }),
            ...(seen.descriptor === undefined ? {} : { descriptor: seen.descriptor }),
          };
    const { address, subject } = fn;
    const finding = findingOf({ address, subject }, 'driver', clause, seen.says ?? rule.says, about);
    this.#found.set(key, {
      ...finding,
      queue: which,
      rule: rule.id,
      level: rule.level,
      count: 1,
      first: access,
      last: access,
    });
  }

  get list(): readonly WatchFinding[] {
    return [...this.#found.values()];
  }
}
