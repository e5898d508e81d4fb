import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import type { Case, Operation } from './operations.ts';
import { perform, survey } from './perform.ts';
import { World, type WorldKind } from './worlds.ts';

const show = (value: unknown) => JSON.stringify(value);

/** Compares what two guests can see. @throws with the first difference. */
export function same(when: string, a: World, b: World, valuesA: number[], valuesB: number[]): void {
  const where = `${when}: ${a.kind} and ${b.kind} differ in`;
  const at = valuesA.findIndex((value, i) => value !== valuesB[i]);
  if (at >= 0 || valuesA.length !== valuesB.length)
    throw new Error(`${where} value ${at} read: ${show(valuesA[at])}, ${show(valuesB[at])}`);
  if (a.log.length !== b.log.length || a.log.some((line, i) => line !== b.log[i]))
    throw new Error(`${where} interrupts: ${show(a.log)}, ${show(b.log)}`);
  for (const [i, range] of a.guest.ram.ranges.entries()) {
    const other = b.guest.ram.ranges[i]!;
    if (Buffer.compare(range.bytes, other.bytes) === 0) continue;
    const offset = range.bytes.findIndex((byte, j) => byte !== other.bytes[j]);
    const [x, y] = [range.bytes[offset], other.bytes[offset]];
    throw new Error(`${where} memory at 0x${(range.start + offset).toString(16)}: ${x}, ${y}`);
  }
  const [outsideA, outsideB] = [a.outside(), b.outside()];
  if (!isDeepStrictEqual(outsideA, outsideB))
    throw new Error(`${where} what reached the world behind: ${show(outsideA)}, ${show(outsideB)}`);
}

/**
 * Time passes: one task of the leader's device runs, and the same one in every other world. Where the leader serves a
 * queue once more than another (two kicks arrived apart there and together here), the other's device looks as often, as
 * a device always may.
 */
function work(leader: World, others: readonly World[], pick: number): boolean {
  const { due } = leader;
  if (due.length === 0) return false;
  const { label } = due[pick % due.length]!;
  const nth = due.filter((task) => task.label === label).indexOf(due[pick % due.length]!);
  for (const world of others) {
    if (world.run(label, nth)) continue;
    world.look(label);
    if (!world.run(label, 0)) throw new Error(`${world.kind} has no ${label} to do and ${leader.kind} has`);
  }
  leader.run(label, nth);
  return true;
}

/** Everything on its way arrives, and all work is done. No world may then have had more to do than the leader. */
function settle(leader: World, others: readonly World[]): void {
  for (const index of leader.addresses.keys()) leader.arrive(index, true);
  for (const world of others)
    for (const { label } of world.due)
      if (!leader.due.some((task) => task.label === label))
        throw new Error(`${world.kind} has ${label} to do and ${leader.kind} has lost it`);
  while (work(leader, others, 0));
}

/** Carries an operation out in every world. @returns the values read, by world. */
function step(worlds: readonly World[], operation: Operation): number[][] {
  const [leader, ...others] = worlds as [World, ...World[]];
  if (operation.do === 'work') work(leader, others, operation.pick);
  else if (operation.do === 'arrive') leader.arrive(operation.fn, operation.all);
  else if (operation.do === 'settle') settle(leader, others);
  return worlds.map((world) => {
    const read = perform(world, operation);
    world.cpu.releaseAll();
    return read;
  });
}

/**
 * Lets the same guest run in several worlds and compares, after every operation, what it can see. The first world leads:
 * it decides when device work is done.
 * @param meet gets the worlds as they begin: whoever expects a difference has them all the same.
 */
export function compare(
  { setup, start, operations }: Case,
  kinds: readonly WorldKind[],
  meet: (worlds: readonly World[]) => void = () => {},
): World[] {
  const worlds = kinds.map((kind) => new World(kind, setup));
  meet(worlds);
  const all: Operation[] = [...start, ...operations, { do: 'settle' }];
  const check = (when: string, values: number[][]) => {
    for (const [i, world] of worlds.entries())
      if (i > 0) same(when, worlds[0]!, world, values[0]!, values[i]!);
  };
  check('at the start', worlds.map(survey));
  for (const [i, operation] of all.entries())
    check(`operation ${i} ${show(operation)}`, step(worlds, operation));
  check('at the end', worlds.map(survey));
  return worlds;
}
