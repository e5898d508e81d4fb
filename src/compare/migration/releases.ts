import { isStateMap, type State, type StateMap } from '../../core/index.ts';
import type { SoftwareVersion } from './attributes.ts';
import type { Profile, ProfileRow } from './profile.ts';

/** A record whose fields changed with a release. */
interface RaisedRecord {
  readonly record: string;
  /** Where states have it. */
  readonly place: RegExp;
  readonly version: number;
  /** What the version before did not have. */
  readonly added: readonly string[];
}

interface Release {
  readonly software: SoftwareVersion;
  readonly raised: readonly RaisedRecord[];
}

/**
 * Releases of the saved state. The minor number rises where records of newer versions come and older ones are upgraded; the major one
 * would where older states are given up, which has not happened.
 */
export const releases: readonly Release[] = [
  { software: { major: 1, minor: 0, bugfix: 0 }, raised: [] },
  {
    software: { major: 1, minor: 1, bugfix: 0 },
    raised: [
      {
        record: 'virtio-device',
        place: /(?:^|\.)parts\.device$/,
        version: 2,
        added: ['administration', 'mode'],
      },
      {
        record: 'common-configuration',
        place: /(?:^|\.)parts\.common$/,
        version: 2,
        added: ['notifyOffsets'],
      },
    ],
  },
];

export const newestRelease = releases.length - 1;

export const versionText = ({ major, minor, bugfix }: SoftwareVersion) => `${major}.${minor}.${bugfix}`;

/** The number of the release that a device is of, by its records. */
export function releaseOf({ rows }: Profile): number {
  for (let release = newestRelease; release > 0; release--)
    for (const { place, version } of releases[release]!.raised)
      for (const row of rows.values()) if (place.test(row.path) && row.version >= version) return release;
  return 0;
}

/** The oldest version of a record of which there is a way to its own. */
export function oldestTaken({ path, version }: Pick<ProfileRow, 'path' | 'version'>): number {
  const raised = releases.flatMap((release) => release.raised.filter(({ place }) => place.test(path)));
  return raised.reduce((oldest, each) => Math.min(oldest, each.version - 1), version);
}

/** Something in a state that a release did not know, and that is more than nothing; null where it could have had all of it. */
export function unknownTo(state: State, release: number, path = ''): string | null {
  if (typeof state !== 'object' || state === null || state instanceof Uint8Array) return null;
  const raised = releases.slice(release + 1).flatMap((each) => each.raised);
  for (const [name, each] of Object.entries(state)) {
    const place = Array.isArray(state) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
    const isNew = raised.some((record) => record.place.test(path) && record.added.includes(name));
    // How a device runs is what it was before anybody could stop it.
    if (isNew && each !== null && name !== 'mode') return place;
    const found = unknownTo(each as State, release, place);
    if (found !== null) return found;
  }
  return null;
}

/** What a release would have saved in place of a state of today's, as far as it could have had it. */
export function stateOfRelease(state: State, release: number, path = ''): State {
  if (Array.isArray(state))
    return (state as readonly State[]).map((each, i) => stateOfRelease(each, release, `${path}[${i}]`));
  if (!isStateMap(state)) return state;
  let older: StateMap = state;
  for (const { raised } of releases.slice(release + 1))
    for (const { place, version, added } of raised)
      if (place.test(path))
        older = {
          ...Object.fromEntries(Object.entries(older).filter(([name]) => !added.includes(name))),
          version: version - 1,
        };
  return Object.fromEntries(
    Object.entries(older).map(([name, each]) => [
      name,
      stateOfRelease(each, release, path === '' ? name : `${path}.${name}`),
    ]),
  );
}
