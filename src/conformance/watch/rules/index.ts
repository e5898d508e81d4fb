import type { MomentKind, WatchRule } from '../rule.ts';
import { blockChapter } from './block.ts';
import { featuresChapter } from './features.ts';
import { interruptsChapter } from './interrupts.ts';
import { legacyChapter } from './legacy.ts';
import { kicksChapter } from './queues.ts';
import { splitChapter } from './split.ts';
import { statusChapter } from './status.ts';

/** Every rule, by chapter. */
export const watchRules: readonly WatchRule[] = [
  ...statusChapter,
  ...featuresChapter,
  ...legacyChapter,
  ...kicksChapter,
  ...interruptsChapter,
  ...splitChapter,
  ...blockChapter,
];

/** Clauses that some rule checks, in alphabetical order. */
export const watchedClauses: readonly string[] = [
  ...new Set(watchRules.flatMap(({ clauses, legacyClauses = [] }) => [...clauses, ...legacyClauses])),
].sort();

export type RulesByKind = Readonly<Record<MomentKind, readonly WatchRule[]>>;

const KINDS: readonly MomentKind[] = [
  'status',
  'start',
  'features',
  'set-up',
  'legacy-register',
  'common-register',
  'queue-address',
  'queue-enable',
  'queue-reset',
  'queue-size',
  'vector',
  'kick',
  'isr',
  'config-read',
  'config-write',
  'pci-read',
  'pci-write',
  'msix',
  'ring',
  'look',
  'chain',
  'end',
];

const made = new Map<string, RulesByKind>();

/** The rules that bind a driver of an interface and of a device type, where those are known. */
export function rulesFor(speaks: 'legacy' | 'modern' | null, type: string | null): RulesByKind {
  const key = `${speaks} ${type}`;
  let rules = made.get(key);
  if (rules === undefined) {
    const bind = watchRules.filter(
      (rule) =>
        (rule.speaks === undefined || rule.speaks === speaks) &&
        (rule.type === undefined || rule.type === type),
    );
    rules = Object.fromEntries(
      KINDS.map((kind) => [kind, bind.filter(({ on }) => on.includes(kind))]),
    ) as unknown as RulesByKind;
    made.set(key, rules);
  }
  return rules;
}
