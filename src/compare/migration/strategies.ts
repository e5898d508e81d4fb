import { oneValue, outside, softwareVersion } from './attributes.ts';
import { brief, differences, type Judgement, judgement, type Reason } from './judgement.ts';
import type { Party } from './party.ts';
import { formatPattern } from './pattern.ts';
import { type Profile, saidAt } from './profile.ts';

/** A way to say beforehand whether the state of one device can be loaded into another. */
export interface Strategy {
  /** In a line: by what it goes. */
  readonly summary: string;
  /** Where it comes from. */
  readonly from: string;
  /** Null where too little is known of either side. */
  judge(source: Party, target: Party): Judgement | null;
}

/** The source's `self` has to be among what the target says that it is compatible with. */
function byAttributes(source: Party, target: Party): Judgement {
  const { self } = source.attributes;
  const tried = target.attributes.compatible.map((compatible) => outside(self, compatible));
  if (tried.length === 0)
    return judgement([{ what: 'compatible', source: 'one device', target: 'nothing is' }]);
  // The kind that is least different says best what is wrong.
  const nearest = tried.reduce((best, each) => (each.length < best.length ? each : best));
  return judgement(
    nearest.map(({ name, found, wanted }) => ({
      what: name,
      source: brief(found),
      target: brief(wanted === null ? null : formatPattern(wanted)),
    })),
  );
}

/** Attributes that have to be equal where versions say the rest. */
const matched = ['device_api', 'type', 'aggregator'] as const;

function byVersion(source: Party, target: Party): Judgement | null {
  const [from, to] = [source.attributes.self, target.attributes.self];
  const [older, newer] = [from, to].map((self) => softwareVersion(oneValue(self, 'software_version') ?? ''));
  if (older == null || newer == null) return null;
  const reasons: Reason[] = matched.flatMap((name) =>
    differences(name, oneValue(from, name), oneValue(to, name)),
  );
  if (older.major !== newer.major || older.minor > newer.minor)
    reasons.push({
      what: 'software_version',
      source: oneValue(from, 'software_version')!,
      target: `${newer.major}.0.0 to ${newer.major}.${newer.minor}.x`,
    });
  return judgement(reasons);
}

const hex = (word: number) => (word >>> 0).toString(16);

/** A driver may have accepted whatever was offered, and use every queue as far as it goes. */
function byDeviceParts({ virtio: from }: Party, { virtio: to }: Party): Judgement | null {
  if (from === null || to === null) return null;
  const reasons = differences('device type', from.type, to.type);
  for (const [word, bits] of from.offered.entries())
    if ((bits & ~(to.offered[word] ?? 0)) !== 0)
      reasons.push({ what: `features, word ${word}`, source: hex(bits), target: hex(to.offered[word] ?? 0) });
  if (from.queueSizes.length !== to.queueSizes.length)
    reasons.push({ what: 'queues', source: `${from.queueSizes.length}`, target: `${to.queueSizes.length}` });
  else
    for (const [queue, size] of from.queueSizes.entries())
      if (size > to.queueSizes[queue]!)
        reasons.push({
          what: `size of queue ${queue}`,
          source: `${size}`,
          target: `${to.queueSizes[queue]}`,
        });
  return judgement(reasons);
}

/** Nothing can be known of what is opaque, but by which interface it is spoken to. */
function byLoading(source: Party, target: Party): Judgement {
  const api = ({ attributes }: Party) => oneValue(attributes.self, 'device_api');
  return judgement(differences('device_api', api(source), api(target)));
}

function recordReasons(source: Profile, target: Profile): Reason[] {
  const reasons: Reason[] = [];
  for (const [path, names] of target.parts) {
    const own = source.parts.get(path);
    if (own !== undefined || path === '')
      reasons.push(
        ...differences(`parts of ${path === '' ? 'the function' : path}`, own?.join(', '), names.join(', ')),
      );
  }
  for (const row of source.rows.values()) {
    const taken = saidAt(target.rows, row.path);
    if (taken === undefined) continue;
    const what = row.path === '' ? 'the function' : row.path;
    if (row.version > taken.version || row.version < taken.since)
      reasons.push({
        what: `version of ${what}`,
        source: `${row.version}`,
        target: taken.since === taken.version ? `${taken.version}` : `${taken.since} to ${taken.version}`,
      });
    reasons.push(...differences(what, row.made, taken.made));
  }
  for (const [place, value] of source.outside) {
    const wanted = saidAt(target.outside, place);
    if (wanted !== undefined) reasons.push(...differences(place, value, wanted));
  }
  return reasons;
}

/** Every record has to be of a version that the target takes, and every part made alike. */
const byRecords = ({ profile: from }: Party, { profile: to }: Party): Judgement | null =>
  from === null || to === null ? null : judgement(recordReasons(from, to));

/** In the order in which they came up. */
export const strategies = {
  attributes: {
    summary: 'the source is among what the target says that it is compatible with',
    from: 'self and compatible, Yan Zhao',
    judge: byAttributes,
  },
  versions: {
    summary: 'same type, and a version of the same major number that is not newer',
    from: 'semantic versioning, Cornelia Huck',
    judge: byVersion,
  },
  parts: {
    summary: 'the target offers the features and the queues that the driver may use',
    from: 'device parts, virtio 1.4',
    judge: byDeviceParts,
  },
  opaque: {
    summary: 'nothing is known beforehand; the target refuses when it loads',
    from: 'VFIO, version 2 of migration',
    judge: byLoading,
  },
  records: {
    summary: 'every record of the state is of a version that the target takes, and made alike',
    from: 'manifest() of this package',
    judge: byRecords,
  },
} as const satisfies Readonly<Record<string, Strategy>>;

export type StrategyName = keyof typeof strategies;
export const strategyNames = Object.keys(strategies) as readonly StrategyName[];
