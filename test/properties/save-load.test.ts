import fc from 'fast-check';
import { describe, it } from 'vitest';
import { kitOf } from './kits/index.ts';
import { same } from './support/compare.ts';
import { type Case, cases, type Operation } from './support/operations.ts';
import { perform, survey } from './support/perform.ts';
import { PATIENCE, shared } from './support/runs.ts';
import { comparedKinds, LOW_RAM, World, type WorldKind } from './support/worlds.ts';

/*
 * A guest that is saved and goes on in fresh instances sees what it would have seen. What pins this down is a twin that
 * is never saved: after every operation the two are compared, in what was read, memory, storage and interrupts.
 */
interface SavedCase extends Case {
  /** After which operations the one twin is saved, counted round and round. */
  readonly saves: readonly number[];
}

const kinds: readonly WorldKind[] = [...comparedKinds, 'transitional'];
const saves = fc.array(fc.nat(41), { minLength: 1, maxLength: 3 });

/** Goes on in fresh machines. The old ones change first: a state that shares anything with them would change too. */
function reload(world: World): World {
  const state = world.save();
  for (const fn of world.guest.functions.values()) fn.reset();
  world.guest.ram.fill(0, LOW_RAM, 0xdd);
  for (const device of world.devices)
    device.loadOutside(kitOf(device.behaviour.type.name).make(world.setup.queueSize).saveOutside());
  return World.load(world.kind, world.setup, state);
}

function work(twin: World, other: World, pick: number): boolean {
  const { due } = twin;
  if (due.length === 0) return false;
  const task = due[pick % due.length]!;
  const nth = due.filter(({ label }) => label === task.label).indexOf(task);
  if (!other.run(task.label, nth)) throw new Error(`the saved twin has lost its ${task.label}`);
  return twin.run(task.label, nth);
}

function settle(twin: World, other: World): void {
  for (const index of twin.addresses.keys()) for (const world of [twin, other]) world.arrive(index, true);
  while (work(twin, other, 0));
  if (other.due.length > 0) throw new Error(`the saved twin has ${other.due[0]!.label} left to do`);
}

/**
 * What comes of a request in flight would depend on when it was looked at: before or after a disk has changed its length,
 * or bus mastering gone off.
 */
const depends = (operation: Operation) => operation.do === 'stimulus' || mayStopDma(operation);

/** Bus mastering that goes off under requests in flight: when they end is then open, and need not be the same time. */
function mayStopDma(operation: Operation): boolean {
  if (operation.do === 'command') return (operation.bits & 4) === 0;
  if (operation.do === 'power') return true;
  // The command register, or the power state wherever its capability stands.
  return operation.do === 'config' && operation.access.value !== null;
}

function run(kind: WorldKind, { setup, start, operations, saves: after }: SavedCase): void {
  const all: Operation[] = [...start, ...operations];
  const at = new Set(after.map((index) => index % all.length));
  const twin = new World(kind, setup);
  let saved = new World(kind, setup);
  for (const [i, operation] of all.entries()) {
    if (operation.do === 'work') work(twin, saved, operation.pick);
    else if (operation.do === 'settle' || depends(operation)) settle(twin, saved);
    if (operation.do === 'arrive')
      for (const world of [twin, saved]) world.arrive(operation.fn, operation.all);
    const read = [twin, saved].map((world) => {
      const values = perform(world, operation);
      world.cpu.releaseAll();
      world.letGo();
      return values;
    });
    if (at.has(i)) saved = reload(saved);
    same(`operation ${i} ${JSON.stringify(operation)}`, twin, saved, read[0]!, read[1]!);
  }
  settle(twin, saved);
  same('at the end', twin, saved, survey(twin), survey(saved));
}

const withSaves = (arbitrary: fc.Arbitrary<Case>): fc.Arbitrary<SavedCase> =>
  fc.tuple(arbitrary, saves).map(([each, indices]) => ({ ...each, saves: indices }));

describe('saving and loading at one to three steps changes nothing that the guest can see', () => {
  it.each(kinds)(
    'of a function behind %s',
    (kind) => {
      // Types that are done with every chain at once.
      const types = [['block'], ['entropy'], ['block', 'entropy']] as const;
      const arbitrary = withSaves(cases({ held: false, structures: kind === 'transitional', types }));
      fc.assert(
        fc.property(arbitrary, (each) => run(kind, each)),
        { numRuns: shared(400, kinds.length) },
      );
    },
    PATIENCE,
  );

  it.each(kinds.flatMap((kind) => [true, false].map((held) => ({ kind, held }))))(
    'of a function of any type behind $kind, work and writes in flight: $held',
    ({ kind, held }) => {
      const options = { held, structures: kind === 'transitional' };
      fc.assert(
        fc.property(withSaves(cases(options)), (each) => run(kind, each)),
        { numRuns: shared(400, 2 * kinds.length) },
      );
    },
    PATIENCE,
  );
});
