import type { MomentKind, WatchRule } from '../rule.ts';
import { adminChapter } from './admin.ts';
import { balloonChapter } from './balloon.ts';
import { blockChapter } from './block.ts';
import { blockZonesChapter } from './block-zones.ts';
import { configChapter } from './config.ts';
import { consoleChapter } from './console.ts';
import { featuresChapter } from './features.ts';
import { interruptsChapter } from './interrupts.ts';
import { kicksChapter } from './kicks.ts';
import { legacyChapter } from './legacy.ts';
import { modernChapter } from './modern.ts';
import { msixChapter } from './msix.ts';
import { networkChapter } from './network.ts';
import { networkControlChapter } from './network-control.ts';
import { networkStatisticsChapter } from './network-statistics.ts';
import { optionalQueuesChapter } from './optional-queues.ts';
import { packedChapter } from './packed.ts';
import { pciChapter } from './pci.ts';
import { entropyChapter, p9Chapter, scsiChapter } from './simple-types.ts';
import { splitChapter } from './split.ts';
import { statusChapter } from './status.ts';

/** Every rule, by chapter. */
export const watchRules: readonly WatchRule[] = [
  ...statusChapter,
  ...featuresChapter,
  ...legacyChapter,
  ...modernChapter,
  ...pciChapter,
  ...configChapter,
  ...msixChapter,
  ...kicksChapter,
  ...interruptsChapter,
  ...splitChapter,
  ...packedChapter,
  ...blockChapter,
  ...blockZonesChapter,
  ...networkChapter,
  ...networkControlChapter,
  ...networkStatisticsChapter,
  ...adminChapter,
  ...optionalQueuesChapter,
  ...consoleChapter,
  ...balloonChapter,
  ...entropyChapter,
  ...scsiChapter,
  ...p9Chapter,
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

/** What software does before it chooses an interface: only capabilities of virtio 1.x are there to be misused. */
const BEFORE: ReadonlySet<MomentKind> = new Set(['pci-read', 'pci-write']);

const made = new Map<string, RulesByKind>();

/** The rules that bind a driver of an interface and of a device type, where those are known. */
export function rulesFor(speaks: 'legacy' | 'modern' | null, type: string | null): RulesByKind {
  const key = `${speaks} ${type}`;
  let rules = made.get(key);
  if (rules === undefined) {
    const binds = ({ speaks: own, type: only }: WatchRule, kind: MomentKind) =>
      (own === undefined || own === (speaks ?? (BEFORE.has(kind) ? 'modern' : null))) &&
      (only === undefined || only === type);
    rules = Object.fromEntries(
      KINDS.map((kind) => [kind, watchRules.filter((rule) => rule.on.includes(kind) && binds(rule, kind))]),
    ) as unknown as RulesByKind;
    made.set(key, rules);
  }
  return rules;
}
