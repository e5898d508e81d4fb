import { GuestMemory } from '../../core/index.ts';
import { BlockDevice, MemoryStorage, VdpaParent } from '../../virtio/index.ts';
import { SECTOR_BYTES } from '../../virtio/layout/index.ts';
import type { DebateFacts, DebateRow } from '../debate-row.ts';
import { frameCosts, softwareCosts } from './costs.ts';
import { type Cell, type Outcome, vdpaMatrix } from './matrix.ts';
import { type Position, positions } from './positions.ts';
import { reorderedStores } from './reordered.ts';
import { trialDeviceNames, trialGuestNames } from './trial-world.ts';
import { trialNames } from './trials.ts';

/** Who is able to use what was proposed, by the position's name. */
const usableBy: Readonly<Record<string, string>> = {
  mandate: 'drivers of virtio 1.x; hardware that knows nothing else',
  'modern-only': 'drivers of virtio 1.x; legacy drivers find no function of theirs',
  shadow: 'every guest, on every device, where the host has the processor time',
  pretend: 'little-endian legacy guests with MRG_RXBUF, or of a type without a header',
  'pretend-on-x86': 'legacy guests on x86 with MRG_RXBUF, or of a type without a header',
  'honest-little': 'little-endian legacy guests, on hardware that still serves legacy drivers',
  'honest-big': 'big-endian legacy guests alone, on hardware made for them',
  'format-bits': 'every guest whose format the hardware says that it has',
  'ring-calls': 'every guest whose order the hardware has, where the hypervisor turns configuration',
  'access-platform': 'drivers of virtio 1.x that accept ACCESS_PLATFORM',
  preconfigured: 'management of every host, as long as no parent shows another order',
  'early-read': 'little-endian hosts, where the guess makes no difference',
  'early-write': 'hosts on which nobody writes configuration before a driver does',
  'device-call': 'every guest whose order the hardware has',
  'told-legacy': 'every guest whose order the hardware has, from its first look at configuration on',
  'drop-legacy': 'little-endian legacy guests with MRG_RXBUF, or of a type without a header',
  'reset-to-zero': 'whoever reads configuration early, and then drivers with ACCESS_PLATFORM',
  'x86-legacy': 'little-endian legacy guests, on hardware that still serves legacy drivers',
};

/** Workloads that ended in one way, by guest: `block, network of legacy BE`. */
function listed(
  cells: readonly Cell[],
  kind: Outcome['kind'],
): { readonly count: number; readonly text: string } {
  const parts: string[] = [];
  let count = 0;
  for (const guest of trialGuestNames) {
    const runs = cells.filter((cell) => cell.guest === guest);
    const names = trialNames.filter((name) => runs.some(({ outcomes }) => outcomes[name].kind === kind));
    for (const name of trialNames)
      count += runs.filter(({ outcomes }) => outcomes[name].kind === kind).length;
    if (names.length === 0) continue;
    const on = runs.filter(({ outcomes }) => names.some((name) => outcomes[name].kind === kind));
    const where = on.length === trialDeviceNames.length ? '' : ` on ${on[0]!.device}`;
    parts.push(`${names.length === trialNames.length ? 'all' : names.join(', ')} of ${guest}${where}`);
  }
  return { count, text: parts.join('; ') };
}

const errorsOf = (cells: readonly Cell[]) => [
  ...new Set(
    cells.flatMap(({ outcomes }) =>
      Object.values(outcomes).flatMap((outcome) => (outcome.kind === 'refused' ? [outcome.error] : [])),
    ),
  ),
];

function breaksOf(cells: readonly Cell[]): Pick<DebateFacts, 'breaks' | 'verdict'> {
  const refused = listed(cells, 'refused');
  const corrupted = listed(cells, 'corrupts');
  if (refused.count + corrupted.count === 0) return { breaks: 'nothing', verdict: 'works' };
  const parts = [
    ...(refused.count === 0
      ? []
      : [`${refused.count} refused with ${errorsOf(cells).join(', ')} (${refused.text})`]),
    ...(corrupted.count === 0 ? [] : [`${corrupted.count} corrupted (${corrupted.text})`]),
  ];
  return {
    breaks: `of ${cells.length * trialNames.length} runs ${parts.join(', ')}`,
    verdict: corrupted.count > 0 ? 'breaks' : 'works with limits',
  };
}

/** What becomes of features by a look at configuration before there are any; null where nothing does. */
function earlyOf({ parent: policy }: Position): string | null {
  const storage = new MemoryStorage(new Uint8Array(SECTOR_BYTES));
  const parent = new VdpaParent(
    new BlockDevice({ storage }),
    GuestMemory.allocate({ start: 0, length: 4096 }),
    {
      policy,
      orders: 'both',
    },
  );
  parent.readConfig(0, 8);
  const { assumed } = parent;
  if (assumed === null) return null;
  return `an early read sets features of 0: ${assumed === 'taken' ? 'taken' : `${assumed.errno}, which nobody hears of`}`;
}

const positionRow = (position: Position & { readonly seed: '000' | '002' }): DebateRow => ({
  id: `vdpa-${position.name}`,
  seed: position.seed,
  proposal: position.proposal,
  proposedBy: position.proposedBy,
  usableBy: usableBy[position.name] ?? 'nobody in particular',
  command: `npm start -- vdpa --position ${position.name}`,
  run: async () => {
    const cells = await vdpaMatrix([position]);
    const costs = await frameCosts(position);
    const early = earlyOf(position);
    const cost = [costs ?? 'none: no legacy guest gets so far', ...(early === null ? [] : [early])];
    return { cost: cost.join('; '), ...breaksOf(cells) };
  },
});

const isDebated = (position: Position): position is Position & { readonly seed: '000' | '002' } =>
  position.seed !== null;

/** Every system that somebody proposes in the two debates on legacy guests and vDPA. */
export const vdpaDebates: readonly DebateRow[] = [
  ...positions.filter(isDebated).map(positionRow),
  {
    id: 'vdpa-software',
    seed: '000',
    proposal: 'no shadow virtqueues: emulating the device in software is hardly slower',
    proposedBy: 'Michael S. Tsirkin',
    usableBy: 'every guest; the device is not used at all',
    command: 'test/compare/vdpa/debates.test.ts',
    run: async () => {
      const shadow = positions.find(({ name }) => name === 'shadow')!;
      const costs = await frameCosts(shadow);
      return {
        cost: `${await softwareCosts()}; shadowed, ${costs}`,
        breaks: 'nothing',
        verdict: 'works',
      };
    },
  },
  {
    id: 'vdpa-strong-order',
    seed: '002',
    proposal: 'legacy drivers on hardware only where the machine orders its stores',
    proposedBy: 'Michael S. Tsirkin',
    usableBy: 'x86; elsewhere a legacy driver has barriers for processors alone',
    command: 'test/compare/vdpa/debates.test.ts',
    run: () => {
      const { orders, stale } = reorderedStores();
      return {
        cost: 'nothing where stores are ordered; nobody is served where they are not',
        breaks: `in ${stale} of ${orders} orders of the two stores of a request the device uses a descriptor that is not there yet`,
        verdict: 'works with limits',
      };
    },
  },
];
