import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ChunkReader,
  MoveSource,
  MoveTarget,
  MovingBus,
  PAGE_BYTES,
} from '../../src/compare/migration/index.ts';
import { HeldScheduler, VirtiolabError } from '../../src/core/index.ts';
import { type WayName, wayNames } from '../../src/mmr/index.ts';
import {
  blockTraffic,
  consoleTraffic,
  contents,
  DRIVER,
  memoryOf,
  networkTraffic,
  type Site,
  settle,
  type Traffic,
  transportOf,
} from './support/moving.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * A guest moves while its driver works, as often as is drawn: pages in rounds beside what the driver does, then the rest and the
 * state while it stands still. Whatever was asked for is done once, and right; and a stream that was spoilt on its way is refused,
 * and the guest goes on where it was.
 */
type Step =
  | { readonly do: 'act' }
  | { readonly do: 'input' }
  | { readonly do: 'work'; readonly picks: readonly number[] }
  /** Rounds with things to do between them; `spoil` is what happens to the stream. */
  | {
      readonly do: 'move';
      readonly between: readonly (readonly ('act' | 'input' | 'work')[])[];
      readonly spoil: Spoil | null;
    };

interface Spoil {
  readonly how: 'cut' | 'flip' | 'repeat' | 'swap' | 'drop' | 'append' | 'other';
  readonly at: number;
}

const small = fc.constantFrom('act', 'input', 'work');
const spoil: fc.Arbitrary<Spoil> = fc.record({
  how: fc.constantFrom('cut', 'flip', 'repeat', 'swap', 'drop', 'append', 'other'),
  at: fc.nat(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ do: 'act' } as const) },
  { weight: 2, arbitrary: fc.constant({ do: 'input' } as const) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('work' as const), picks: fc.array(fc.nat(7), { maxLength: 6 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('move' as const),
      between: fc.array(fc.array(small, { maxLength: 4 }), { maxLength: 4 }),
      spoil: fc.option(spoil, { freq: 2 }),
    }),
  },
);

/** What became of a stream on its way, in pieces; null where nothing changed. */
function spoilt(chunks: readonly Uint8Array[], { how, at }: Spoil): readonly Uint8Array[] | null {
  const nth = at % chunks.length;
  const copy = [...chunks];
  if (how === 'cut') copy.splice(nth, chunks.length, copy[nth]!.subarray(0, at % copy[nth]!.length));
  else if (how === 'flip')
    copy[nth] = copy[nth]!.map((byte, i) => (i === at % copy[nth]!.length ? byte ^ (1 << (at & 7)) : byte));
  else if (how === 'repeat') copy.splice(nth, 0, copy[nth]!);
  else if (how === 'swap') {
    if (chunks.length < 2) return null;
    const other = (nth + 1) % chunks.length;
    [copy[nth], copy[other]] = [copy[other]!, copy[nth]!];
  } else if (how === 'drop') copy.splice(nth, 1);
  else if (how === 'append') copy.push(Uint8Array.of(at));
  return copy;
}

async function run(traffic: Traffic, way: WayName, steps: readonly Step[]): Promise<Site> {
  let site = traffic.site(way);
  const bus = new MovingBus(site.machine.guest);
  const driving = traffic.open(transportOf(bus, site.machine.place, way), memoryOf(bus));
  const [asked, fed, out]: [Promise<string | null>[], Uint8Array[], Uint8Array[]] = [[], [], []];
  let acts = 0;
  const work = (pick = 0) => {
    // What the device writes is in its log, beside which nothing else works here.
    site.tasks.release(pick);
    out.push(...site.output());
  };
  const perform = async (what: 'act' | 'input' | 'work', picks: readonly number[] = [0]) => {
    if (what === 'act') asked.push(driving.act(acts++));
    else if (what === 'work') for (const pick of picks) work(pick);
    else {
      const bytes = contents(1000 + fed.length, 60 + (fed.length % 9));
      if (site.input(bytes)) fed.push(bytes);
    }
    await settle();
  };
  const move = async ({ between, spoil }: Extract<Step, { do: 'move' }>) => {
    const source = new MoveSource(site.machine, { convergedPages: 2, mostRounds: 4 });
    const chunks = [source.begin()];
    for (const each of between) {
      chunks.push(source.round().bytes);
      for (const what of each) await perform(what);
    }
    chunks.push(source.stop({ acts }));
    const next = traffic.site(way);
    const stream = spoil === null ? chunks : spoilt(chunks, spoil);
    if (spoil !== null && stream !== null) {
      const target = new MoveTarget(
        (spoil.how === 'other' ? blockTraffic().site(way === 'mmr' ? 'io-bar' : 'mmr') : next).machine,
      );
      const before = target.machine.save();
      expect(() => {
        for (const chunk of stream) target.take(chunk);
        target.finish();
      }).toThrow(VirtiolabError);
      expect(isDeepStrictEqual(target.machine.save(), before)).toBe(true);
      expect(target.machine.ram.ranges.every(({ bytes }) => bytes.every((byte) => byte === 0))).toBe(true);
      source.cancel();
      return;
    }
    const target = new MoveTarget(next.machine);
    // In pieces that are none of the stream's.
    for (const chunk of chunks)
      for (let at = 0; at < chunk.length; at += 3001) target.take(chunk.subarray(at, at + 3001));
    out.push(...site.output());
    for (const [i, range] of next.machine.ram.ranges.entries())
      expect(Buffer.compare(range.bytes, site.machine.ram.ranges[i]!.bytes)).toBe(0);
    bus.connect(next.machine.guest);
    expect(target.finish()).toEqual({ acts });
    source.release();
    const waiting = site.waiting();
    if (waiting.length > 0) next.input(waiting);
    // Nothing of the machine that was left has a part in this any more.
    site.machine.ram.fill(0, site.machine.ram.ranges[0]!.bytes.length, 0xdd);
    site = next;
    await settle();
  };
  for (const each of steps)
    if (each.do === 'move') await move(each);
    else await perform(each.do, each.do === 'work' ? each.picks : []);
  for (let i = 0; i < 10_000; i++) {
    if (site.tasks.pending.length === 0) break;
    work();
    await settle();
  }
  expect(await Promise.all(asked)).toEqual(asked.map(() => null));
  expect(Buffer.concat(driving.received)).toEqual(Buffer.concat(fed));
  return Object.assign(site, { acts, out });
}

describe('a guest that moves while its driver works', () => {
  it.each(['mmr', 'admin', 'io-bar', 'modern'] as const)(
    'loses no sector, and writes none twice: %s',
    async (way) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
          const traffic = blockTraffic();
          const { acts } = (await run(traffic, way, steps)) as Site & { acts: number };
          expect(traffic.carried.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: acts }, (_, i) => i),
          );
        }),
        { numRuns: runs(8) },
      );
    },
    PATIENCE,
  );

  it.each(wayNames.filter((way) => ['mmr-virtual', 'modern', 'memory-bar'].includes(way)))(
    'loses no frame, and sends none twice: %s',
    async (way) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
          const { acts, out } = (await run(networkTraffic(), way, steps)) as Site & {
            acts: number;
            out: Uint8Array[];
          };
          expect(out.map((frame) => [...frame])).toEqual(
            Array.from({ length: acts }, (_, nth) => [...contents(nth, 64 + (nth % 50))]),
          );
        }),
        { numRuns: runs(8) },
      );
    },
    PATIENCE,
  );

  it.each(['mmr', 'modern'] as const)(
    'loses no character, and shows none twice: %s',
    async (way) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
          const { acts, out } = (await run(consoleTraffic(), way, steps)) as Site & {
            acts: number;
            out: Uint8Array[];
          };
          const all = Array.from({ length: acts }, (_, nth) => contents(nth, 1 + (nth % 40)));
          expect(Buffer.concat(out)).toEqual(Buffer.concat(all));
        }),
        { numRuns: runs(8) },
      );
    },
    PATIENCE,
  );
});

describe('the log of what a device writes', () => {
  it.each(['mmr', 'admin', 'modern'] as const)(
    'has every page that it changes, and few others: %s',
    async (way) => {
      const traffic = blockTraffic();
      const interrupts = new HeldScheduler();
      const site = traffic.site(way, interrupts);
      const bus = new MovingBus(site.machine.guest);
      const driving = traffic.open(transportOf(bus, site.machine.place, way), memoryOf(bus));
      // Where processors write is said to be nowhere: only what the device tells of goes.
      const source = new MoveSource(site.machine, { processors: { start: 0, end: 0 } });
      const reader = new ChunkReader();
      reader.take(source.begin());
      reader.take(source.round().bytes);
      let written = 0;
      const done = driving.act(0);
      for (let more = true; more; ) {
        await settle();
        const before = site.machine.ram.read(0, DRIVER.end);
        more = site.tasks.release();
        const changed = new Set<number>();
        for (const [at, byte] of site.machine.ram.read(0, DRIVER.end).entries())
          if (byte !== before[at]) changed.add(at - (at % PAGE_BYTES));
        const [chunk] = reader.take(source.round().bytes);
        const { pages } = chunk!.body as { readonly pages: readonly { readonly address: number }[] };
        const logged = pages.map(({ address }) => address);
        expect(logged).toEqual(expect.arrayContaining([...changed]));
        expect(logged.length).toBeLessThanOrEqual(3);
        written += changed.size;
        more = interrupts.releaseAll() && (more || site.tasks.pending.length > 0);
        await settle();
        more ||= site.tasks.pending.length > 0;
      }
      expect(await done).toBeNull();
      expect(written).toBeGreaterThan(3);
    },
  );
});
