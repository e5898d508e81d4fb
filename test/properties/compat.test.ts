import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Movable,
  movableOf,
  newestRelease,
  partyOfManifest,
  partyOfState,
  stateOfRelease,
  strategies,
} from '../../src/compare/migration/index.ts';
import { type State, StateMismatchError, stateFromText, stateToText } from '../../src/core/index.ts';
import { kitTypes } from './kits/index.ts';
import { same } from './support/compare.ts';
import { cases, type Operation } from './support/operations.ts';
import { perform, survey } from './support/perform.ts';
import { PATIENCE, runs } from './support/runs.ts';
import { comparedKinds, type Setup, World, type WorldKind } from './support/worlds.ts';

/*
 * What the records say beforehand is what happens: compatible states are loaded, and the guest sees what it would have seen; incompatible
 * ones are refused, and nothing has changed.
 */
const flagsOf: Readonly<Record<string, readonly string[]>> = {
  network: ['queue-pairs=2', 'mtu=1400', 'mac=52:54:00:00:00:07', 'queue-size=16'],
  block: ['serial=x', 'sectors=9', 'read-only', 'queues=2', 'queue-size=16'],
  console: ['ports=2', 'queue-size=16'],
  entropy: ['seed=3', 'queue-size=16'],
  balloon: ['hints', 'reports'],
  scsi: ['queues=2', 'lun=1', 'queue-size=16'],
  p9: ['tag=x', 'queue-size=16'],
};
const common = [
  'packed',
  'suspend',
  'vectors=2',
  'endian=big',
  'draft=mmr-fixed-vectors',
  'draft=mmr-bare-capability',
  'placement=shared',
  'release=1.0.0',
];
const places = [
  'legacy',
  'transitional',
  'modern',
  'legacy-memory',
  'io-bar',
  'memory-bar',
  'mmr',
  'mmr-virtual',
  'admin',
  'modern-shim',
  'native-mmr',
];

/** Two devices, alike but for a thing or two, or for nothing. */
const pair = fc.constantFrom(...Object.keys(flagsOf)).chain((type) => {
  const options = fc.uniqueArray(fc.constantFrom(...flagsOf[type]!, ...common), {
    maxLength: 3,
    // One value of each option, and one list of features.
    selector: (option) => (['packed', 'suspend'].includes(option) ? 'features' : option.split('=')[0]!),
  });
  const place = fc.constantFrom(...places);
  const spec = (at: string, flags: readonly string[]) => [`${type}:${at}`, ...flags].join(',');
  return fc
    .record({
      place,
      options,
      change: fc.constantFrom('nothing', 'place', 'options', 'type'),
      other: place,
      others: options,
    })
    .map(({ place, options, change, other, others }): readonly [string, string] => [
      spec(place, options),
      change === 'place'
        ? spec(other, options)
        : change === 'options'
          ? spec(place, others)
          : change === 'type'
            ? `${type === 'block' ? 'entropy' : 'block'}:${place}`
            : spec(place, options),
    ]);
});

/** A device that cannot be made is none of a pair. */
function made(spec: string): Movable | null {
  try {
    return movableOf(spec);
  } catch {
    return null;
  }
}

describe('what the records of two devices say', () => {
  it(
    'is what becomes of a state of the one in the other, of whatever release',
    () => {
      const counts = { yes: 0, no: 0 };
      fc.assert(
        fc.property(pair, ([from, to]) => {
          const [source, target] = [made(from), made(to)];
          fc.pre(source !== null && target !== null);
          const state = stateFromText(stateToText(source.save()));
          const before = target.save();
          const { compatible, reasons } = strategies.records.judge(source.party, target.party)!;
          expect(compatible).toBe(reasons.length === 0);
          // A state says of itself what the device says.
          expect(strategies.records.judge(partyOfState(from, state), target.party)!.compatible).toBe(
            compatible,
          );
          if (compatible) {
            counts.yes++;
            target.load(state);
            const older = from.includes('release') || to.includes('release') ? 0 : newestRelease;
            const [there, here] = [target.save(), state].map((each) => stateOfRelease(each, older));
            expect(isDeepStrictEqual(there, here)).toBe(true);
          } else {
            counts.no++;
            expect(() => target.load(state)).toThrow(StateMismatchError);
            expect(isDeepStrictEqual(target.save(), before)).toBe(true);
          }
        }),
        { numRuns: runs(60) },
      );
      expect(Math.min(counts.yes, counts.no)).toBeGreaterThan(0);
    },
    PATIENCE,
  );
});

const kinds: readonly WorldKind[] = [...comparedKinds, 'transitional'];
type Change = Partial<Setup> & { readonly kind?: WorldKind };
const changes: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Change>({}) },
  fc.record({ kind: fc.constantFrom(...kinds) }),
  fc.record({ draft: fc.constantFrom('mmr-2023', 'mmr-fixed-vectors', 'mmr-bare-capability') }),
  fc.record({ placement: fc.constantFrom('own', 'shared') }),
  fc.record({ queueSize: fc.constantFrom(4, 8, 256) }),
  fc.record({ bigEndian: fc.boolean() }),
  fc.record({ vectors: fc.constantFrom(undefined, 1, 3) }),
  fc.record({ types: fc.constantFrom(...kitTypes.map((type) => [type])) }),
);

/** A unit that came while it ran stands in no place that the other machine was made with. */
const pluggedUnit = {
  each: {
    setup: {
      draft: 'mmr-2023',
      placement: 'own',
      held: false,
      types: ['scsi'],
      queueSize: 4,
      bigEndian: false,
      vectors: undefined,
      handler: 'isr-and-kick',
    } as Setup,
    start: [{ do: 'bring-up', fn: 0, place: 0, features: 0, messages: null }] as Operation[],
    operations: [{ do: 'stimulus', fn: 0, stimulus: { do: 'plug' } }] as Operation[],
  },
  kind: 'mmr' as WorldKind,
  change: {} as Change,
  at: 1,
};

const manifestOfWorld = ({ guest, host }: World): State => ({
  guest: guest.manifest(),
  host: host?.manifest() ?? null,
});

/** The first refusal of a world that looks at another's state. */
function refusalOf(target: World, saved: ReturnType<World['save']>): unknown {
  try {
    target.guest.check(saved.guest as never);
    if ((saved.host === null) !== (target.host === null))
      throw new StateMismatchError('host', saved.host, 'a host, or none');
    if (saved.host !== null) target.host!.check(saved.host as never);
    return null;
  } catch (error) {
    return error;
  }
}

describe('a guest that was told that it may move', () => {
  it(
    'sees there what it would have seen here; and else is refused',
    () => {
      const counts = { yes: 0, no: 0 };
      const moving = fc.record({
        each: cases({ held: false, most: 16 }),
        kind: fc.constantFrom(...kinds),
        change: changes,
        at: fc.nat(),
      });
      fc.assert(
        fc.property(moving, ({ each, kind, change: { kind: otherKind = kind, ...change }, at }) => {
          const { setup, start, operations } = each;
          const all: readonly Operation[] = [...start, ...operations];
          const source = new World(kind, setup);
          const half = 1 + (at % all.length);
          const act = (world: World, operation: Operation) => {
            const values = perform(world, operation);
            world.cpu.releaseAll();
            return values;
          };
          for (const operation of all.slice(0, half)) act(source, operation);
          const saved = source.save();
          const otherSetup = { ...setup, ...change };
          const target = new World(otherKind, otherSetup);
          const [from, to] = [source, target].map((world) => partyOfManifest('it', manifestOfWorld(world)));
          const { compatible } = strategies.records.judge(from!, to!)!;
          if (!compatible) {
            counts.no++;
            const before = target.save();
            expect(refusalOf(target, saved)).toBeInstanceOf(StateMismatchError);
            expect(isDeepStrictEqual(target.save(), before)).toBe(true);
            return;
          }
          counts.yes++;
          expect(refusalOf(target, saved)).toBeNull();
          const moved = World.load(otherKind, otherSetup, saved);
          for (const operation of all.slice(half)) {
            const values = [source, moved].map((world) => act(world, operation));
            same(JSON.stringify(operation), source, moved, values[0]!, values[1]!);
          }
          same('at the end', source, moved, survey(source), survey(moved));
        }),
        { numRuns: runs(25), examples: [[pluggedUnit]] },
      );
      expect(Math.min(counts.yes, counts.no)).toBeGreaterThan(0);
    },
    PATIENCE,
  );
});
