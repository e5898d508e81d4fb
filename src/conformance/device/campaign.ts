import { VirtiolabError } from '../../core/index.ts';
import { outcomes } from './check.ts';
import type { Item, Result } from './suite.ts';

/** A part of a campaign, from 1 on. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** What a campaign is: all of its parts say the same, but for the shard. */
export interface CampaignHead {
  readonly campaign: 'virtiolab conform';
  readonly version: 1;
  /** Stands for all items and their order: parts of another suite do not fit. */
  readonly suite: string;
  readonly targets: readonly string[];
  /** Of all parts together. */
  readonly items: number;
  readonly seed: number;
  readonly runs: number;
  readonly shard: Shard;
}

/** A result, and where in the campaign it stands, from 0 on. */
export interface CampaignResult extends Result {
  readonly item: number;
}

/** Parts that do not belong together, or that are no parts of a campaign. */
export class CampaignError extends VirtiolabError {}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The suite by a number (FNV-1a over the names of its items). */
function suiteOf(items: readonly Item[]): string {
  let hash = FNV_OFFSET;
  for (const { source, check, setting } of items)
    for (const sign of `${source.name} ${check.id} ${setting}\n`)
      hash = Math.imul(hash ^ sign.codePointAt(0)!, FNV_PRIME) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

export function headOf(
  items: readonly Item[],
  { seed, runs, shard }: Pick<CampaignHead, 'seed' | 'runs' | 'shard'>,
): CampaignHead {
  const targets = [...new Set(items.map(({ source }) => source.name))];
  const suite = suiteOf(items);
  return {
    campaign: 'virtiolab conform',
    version: 1,
    suite,
    targets,
    items: items.length,
    seed,
    runs,
    shard,
  };
}

/** The numbers of a shard's items: they are dealt out in turn. */
export const shardItems = (items: number, { index, count }: Shard): number[] =>
  Array.from({ length: items }, (_, i) => i).filter((i) => i % count === index - 1);

/** What one part of a campaign left behind. */
export interface CampaignPart {
  /** What the part is called, for messages. */
  readonly name: string;
  readonly head: CampaignHead;
  readonly results: readonly CampaignResult[];
  /** Its last line is cut: the part was stopped while it wrote. */
  readonly torn: boolean;
}

function headIn(name: string, line: string): CampaignHead {
  let head: CampaignHead;
  try {
    head = JSON.parse(line);
  } catch {
    throw new CampaignError(`${name}: its first line is no JSON: it is no part of a campaign`);
  }
  if (head?.campaign !== 'virtiolab conform')
    throw new CampaignError(`${name}: its first line is not that of a campaign`);
  if (head.version !== 1) throw new CampaignError(`${name}: version ${head.version} of a campaign; wants 1`);
  return head;
}

function resultIn(name: string, number: number, line: string, items: number): CampaignResult {
  const wrong = (what: string): never => {
    throw new CampaignError(`${name}: line ${number}: ${what}`);
  };
  let result: CampaignResult;
  try {
    result = JSON.parse(line);
  } catch {
    return wrong('is no JSON');
  }
  const { item, outcome } = result ?? {};
  if (!Number.isInteger(item) || item < 0 || item >= items)
    wrong(`item ${JSON.stringify(item)}; wants a number of 0..${items - 1}`);
  if (!outcomes.includes(outcome)) wrong(`outcome ${JSON.stringify(outcome)}; wants ${outcomes.join(', ')}`);
  return result;
}

/** Reads the JSON lines of one part. A last line that is cut is left out. @throws CampaignError */
export function readPart(name: string, text: string): CampaignPart {
  const lines = text.split('\n');
  // What follows the last line's end is empty, or a line that nobody finished.
  const rest = lines.pop()!;
  if (lines.length === 0) throw new CampaignError(`${name}: has no whole line: it is no part of a campaign`);
  const head = headIn(name, lines[0]!);
  const results = lines.slice(1).map((line, i) => resultIn(name, i + 2, line, head.items));
  return { name, head, results, torn: rest !== '' };
}

/** All of a campaign that is there. */
export interface Campaign {
  readonly head: Omit<CampaignHead, 'shard'>;
  /** In the order of the suite, each once. */
  readonly results: readonly CampaignResult[];
  /** Shards of which results are missing, and how many. */
  readonly missing: readonly { readonly shard: number; readonly items: number }[];
  /** Items of which two parts say different things; the first part's counts. */
  readonly contradictions: readonly number[];
}

/** Puts parts together, in whatever order they come, some of them twice or cut. @throws CampaignError */
export function mergeParts(parts: readonly CampaignPart[]): Campaign {
  const [first] = parts;
  if (first === undefined) throw new CampaignError('there is no part to put together');
  const { shard, ...head } = first.head;
  for (const { name, head: other } of parts)
    for (const key of ['suite', 'items', 'seed', 'runs'] as const)
      if (other[key] !== head[key])
        throw new CampaignError(
          `${name} is a part of another campaign than ${first.name}: its ${key} is ${other[key]}, not ${head[key]}`,
        );
  const odd = parts.find((part) => part.head.shard.count !== shard.count);
  if (odd !== undefined)
    throw new CampaignError(
      `${odd.name} is one of ${odd.head.shard.count} shards, and ${first.name} of ${shard.count}`,
    );
  const byItem = new Map<number, CampaignResult>();
  const contradictions: number[] = [];
  for (const { results } of parts)
    for (const result of results) {
      const before = byItem.get(result.item);
      if (before === undefined) byItem.set(result.item, result);
      else if (before.outcome !== result.outcome && !contradictions.includes(result.item))
        contradictions.push(result.item);
    }
  const missing = Array.from({ length: shard.count }, (_, i) => ({
    shard: i + 1,
    items: shardItems(head.items, { index: i + 1, count: shard.count }).filter((item) => !byItem.has(item))
      .length,
  })).filter(({ items }) => items > 0);
  const results = [...byItem.values()].sort((a, b) => a.item - b.item);
  return { head, results, missing, contradictions: contradictions.sort((a, b) => a - b) };
}
