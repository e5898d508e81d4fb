import { isStateMap, type State, type StateMap } from '../../core/index.ts';
import { type AttributeSet, attributesOf } from './attributes.ts';
import { type Profile, profileOfManifest, profileOfState } from './profile.ts';
import { oldestTaken, releaseOf, releases, versionText } from './releases.ts';

/** What virtio itself says of a device. */
export interface VirtioTraits {
  readonly type: string;
  readonly legacy: boolean;
  readonly guestEndian: string;
  /** By words of 32 bits; of a legacy driver the one. */
  readonly offered: readonly number[];
  readonly offeredLegacy: number;
  readonly queueSizes: readonly number[];
  readonly configBytes: number;
}

/** One of two sides of a move, as far as it is known. */
export interface Party {
  readonly name: string;
  readonly attributes: AttributeSet;
  /** Null where attributes are all that is known. */
  readonly profile: Profile | null;
  readonly virtio: VirtioTraits | null;
}

const DEVICE = 'parts.device';

/** The device's own record; behind the translator it is in the host, and of a virtual function not that of its owner. */
function deviceRow({ rows }: Profile) {
  const found = [...rows.values()].filter(({ path }) => path === DEVICE || path.endsWith(`.${DEVICE}`));
  return found.find(({ path }) => path.includes('virtual-functions')) ?? found[0] ?? null;
}

const numbers = (value: State | undefined) => (Array.isArray(value) ? (value as readonly number[]) : []);

function traitsOf(profile: Profile): VirtioTraits | null {
  const made = deviceRow(profile)?.made ?? null;
  if (!isStateMap(made)) return null;
  return {
    type: String(made.type),
    legacy: made.legacy === true,
    guestEndian: String(made.guestEndian),
    offered: numbers(made['offered features']),
    offeredLegacy: Number(made['features offered to legacy drivers']),
    queueSizes: numbers(made['queue sizes']),
    configBytes: Number(made['configuration bytes']),
  };
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** How the guest sees the device, in a word: its structures, or the back end in front of it. */
function kindOf(profile: Profile, made: StateMap): string {
  const parts = profile.parts.get('') ?? [];
  const backend = parts.find((name) => name.startsWith('backend '));
  if (backend !== undefined) return `via-${backend.slice('backend '.length)}`;
  const [legacy, modern] = [parts.includes('legacy'), parts.includes('common')];
  const first = (Array.isArray(made.BARs) ? (made.BARs as readonly StateMap[]) : []).find(
    ({ index }) => index === 0,
  );
  const memory = legacy && first?.kind !== 'io' ? '-memory' : '';
  return `${legacy && modern ? 'transitional' : legacy ? 'legacy' : 'modern'}${memory}`;
}

/** Flags of migration as VFIO has them, which all functions here have. */
const MIGRATION_FLAGS = 'stop-copy,pre-copy';

/** What a function publishes about itself. */
function selfOf(
  profile: Profile,
  virtio: VirtioTraits,
  made: StateMap,
): readonly (readonly [string, string])[] {
  const ids = made.ids as StateMap;
  return [
    ['software_version', versionText(releases[releaseOf(profile)]!.software)],
    ['device_api', 'vfio-pci'],
    ['type', `virtio-${virtio.type}_${kindOf(profile, made)}`],
    ['pci_id', hex(Number(ids.vendorId), 4) + hex(Number(ids.deviceId), 4)],
    ['aggregator', `${virtio.queueSizes.length}`],
    ['migration_flags', MIGRATION_FLAGS],
    [
      'virtio_features',
      [...virtio.offered]
        .reverse()
        .map((word) => hex(word, 8))
        .join(''),
    ],
    ['virtio_legacy_features', hex(virtio.offeredLegacy, 8)],
    ['virtio_queue_size', `${Math.max(0, ...virtio.queueSizes)}`],
    ['virtio_config_bytes', `${virtio.configBytes}`],
    ['virtio_endian', virtio.guestEndian],
    ['msix_vectors', `${Number(made['MSI-X vectors'])}`],
  ];
}

function attributeSetOf(profile: Profile, virtio: VirtioTraits | null): AttributeSet {
  const made = profile.rows.get('')?.made ?? null;
  if (virtio === null || !isStateMap(made)) return { self: new Map(), compatible: [] };
  const self = selfOf(profile, virtio, made);
  const { major, minor } = releases[releaseOf(profile)]!.software;
  const compatible = self.map(([name, value]) =>
    name === 'software_version'
      ? ([name, `${major}.{minor:int:0-${minor}}.{bugfix:int:0-999}`] as const)
      : ([name, value] as const),
  );
  return {
    self: attributesOf('self', self, true),
    compatible: [attributesOf('compatible', compatible, false)],
  };
}

function partyOf(name: string, profile: Profile): Party {
  const virtio = traitsOf(profile);
  return { name, profile, virtio, attributes: attributeSetOf(profile, virtio) };
}

/** A device that is there: `manifest` as {@link Movable.manifest} has it. */
export const partyOfManifest = (name: string, manifest: State): Party =>
  partyOf(name, profileOfManifest(manifest));

/** One of which a state is left: it takes what a device of its release takes. */
export function partyOfState(name: string, state: State): Party {
  const profile = profileOfState(state);
  const rows = new Map([...profile.rows].map(([path, row]) => [path, { ...row, since: oldestTaken(row) }]));
  return partyOf(name, { ...profile, rows });
}

/** One that is known by what it says of itself alone. */
export const partyOfAttributes = (name: string, attributes: AttributeSet): Party => ({
  name,
  attributes,
  profile: null,
  virtio: null,
});
