import { OptionError } from '../core/index.ts';
import { bareCapabilityDraft, draft2023, fixedVectorsDraft, type WayName, wayNames } from '../mmr/index.ts';
import { type CostTable, costTable, modelledNs } from './costs.ts';
import type { CountName, Counts } from './counts.ts';
import { needsNoTranslator } from './guests.ts';
import { type Resources, resourcesOf } from './resources.ts';
import { countVariant, type PhaseName, phaseNames, type RunOptions } from './run.ts';
import type { Variant } from './scenes.ts';
import { type WorkloadName, workloads } from './workloads.ts';

/** As many virtual functions as a physical one can have. */
const MOST_VFS = 0xffff;

export interface CompareOptions extends RunOptions {
  /** By default all. */
  readonly ways?: readonly WayName[];
  /** How many functions resources are added up for, up to 65,535; by default 256. */
  readonly vfs?: number;
  readonly costs?: CostTable;
}

/** One way in numbers. */
export interface ComparedWay {
  readonly way: WayName;
  readonly counts: Readonly<Record<PhaseName, Counts>>;
  /** Nanoseconds by the table of costs. */
  readonly modelledNs: Readonly<Record<PhaseName, number>>;
  readonly resources: Resources;
  /** The same for as many functions as were asked for. */
  readonly resourcesOfAll: Resources;
  readonly needsNoTranslator: string;
}

/** A number that another choice of the draft changes. */
export interface ChangedNumber {
  readonly where: PhaseName | 'resources';
  readonly name: CountName | keyof Resources;
  readonly from: number;
  readonly to: number;
}

export interface ComparedChoice {
  readonly choice: string;
  readonly changes: readonly ChangedNumber[];
}

export interface Comparison {
  readonly device: WorkloadName;
  readonly request: string;
  readonly bytes: number;
  readonly vfs: number;
  readonly costs: CostTable;
  readonly ways: readonly ComparedWay[];
  /** Against the way `mmr` with the draft as it is; none where that way is not compared. */
  readonly choices: readonly ComparedChoice[];
}

/** What could be decided otherwise in the draft. */
const choices: readonly (Omit<Variant, 'way'> & { readonly choice: string })[] = [
  { choice: 'the block stands behind the modern structures, in no BAR of its own', placement: 'shared' },
  { choice: 'the vector registers always stand in the block', draft: fixedVectorsDraft },
  { choice: 'the capability has no vendor-specific header', draft: bareCapabilityDraft },
  {
    choice: 'a reset is done once it is written: nobody reads it back',
    draft: { ...draft2023, name: 'mmr-no-read-back', resetHandshake: 'none' },
  },
  {
    choice: 'the block may stand anywhere, at multiples of 4',
    draft: { ...draft2023, name: 'mmr-packed', offset: 0, offsetAlignment: 4 },
  },
];

const times = (resources: Resources, count: number): Resources =>
  Object.fromEntries(
    Object.entries(resources).map(([name, bytes]) => [name, count * bytes]),
  ) as unknown as Resources;

interface Numbers {
  readonly counts: ComparedWay['counts'];
  readonly resources: Resources;
}

async function numbersOf(variant: Variant, options: RunOptions): Promise<Numbers> {
  const { phases, fn } = await countVariant(variant, options);
  return { counts: phases, resources: resourcesOf(fn) };
}

function changesOf(from: Numbers, to: Numbers): ChangedNumber[] {
  const tables = [
    ...phaseNames.map((where) => ({ where, from: from.counts[where], to: to.counts[where] })),
    { where: 'resources' as const, from: from.resources, to: to.resources },
  ];
  return tables.flatMap(({ where, from: before, to: after }) =>
    Object.entries(before).flatMap(([name, value]) => {
      const other = (after as unknown as Record<string, number>)[name]!;
      return other === value ? [] : [{ where, name: name as ChangedNumber['name'], from: value, to: other }];
    }),
  );
}

/**
 * Drives a device by every way, and counts what each takes. Every count comes from a run; times are made of counts by a table
 * of costs.
 * @param onWay is told of each way that was counted, and how many there are.
 * @throws OptionError
 */
export async function compareWays(
  options: CompareOptions,
  onWay: (done: number, of: number) => void = () => {},
): Promise<Comparison> {
  const { device, vfs = 256, costs = costTable(), ways = wayNames } = options;
  if (!Number.isInteger(vfs) || vfs < 1 || vfs > MOST_VFS)
    throw new OptionError('functions', vfs, `a whole number of 1..${MOST_VFS}`);
  const tried = ways.includes('mmr') ? choices : [];
  const all = ways.length + tried.length;
  let done = 0;
  const counted = async (variant: Variant) => {
    const numbers = await numbersOf(variant, options);
    onWay(++done, all);
    return numbers;
  };
  const compared: ComparedWay[] = [];
  for (const way of ways) {
    const { counts, resources } = await counted({ way });
    const ns = phaseNames.map((phase) => [phase, modelledNs(counts[phase], costs)]);
    compared.push({
      way,
      counts,
      modelledNs: Object.fromEntries(ns) as ComparedWay['modelledNs'],
      resources,
      resourcesOfAll: times(resources, vfs),
      needsNoTranslator: needsNoTranslator[way],
    });
  }
  const base = compared.find(({ way }) => way === 'mmr');
  const others: ComparedChoice[] = [];
  for (const { choice, ...variant } of tried)
    others.push({ choice, changes: changesOf(base!, await counted({ way: 'mmr', ...variant })) });
  const { request, bytes } = workloads[device];
  return {
    device,
    request,
    bytes: options.bytes ?? bytes.usual,
    vfs,
    costs,
    ways: compared,
    choices: others,
  };
}
