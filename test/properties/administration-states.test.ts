import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { HeldScheduler, type State, StateMismatchError } from '../../src/core/index.ts';
import { AdminGuest, HandMadeGroup, little, MemberUnderTest } from '../virtio/admin/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { everyMutation, type Mutation } from './support/mutations.ts';
import { PATIENCE } from './support/runs.ts';
import { changed, type Place, placeName, valueAt } from './support/state-leaves.ts';

/*
 * What a machine keeps of administration (lists, limits, objects, answers on their way, members that are stopped and the
 * parts that wait for them), with one thing changed, is refused by a typed error that leaves nothing behind, or is a state
 * that the machine can have: it goes on from there.
 */

function make() {
  const scheduler = new HeldScheduler();
  const group = new HandMadeGroup();
  const guest = new AdminGuest({
    machine: { scheduler },
    admin: { members: group, legacy: {}, parts: { get: 2, set: 2 }, lateAnswers: true },
  });
  group.members = [new MemberUnderTest(guest, new Probe({ queueSizes: [4], complete: 0 }), 0x28).fn];
  const send = (...command: Parameters<AdminGuest['put']>) => {
    guest.put(...command);
    guest.kick(1);
    scheduler.releaseAll();
  };
  return { guest, scheduler, send };
}

/** One with all that there can be. */
function busy() {
  const all = make();
  const { guest, scheduler, send } = all;
  send({ opcode: 1, group: 0, data: little(0x383, 8) });
  send({ opcode: 1, data: little(0x3fc7f, 8) });
  send({ opcode: 9, group: 0, data: [...little(0, 8), 2, 1, ...little(0, 6)] });
  const head = (id: number) => [...little(0, 4), ...little(id, 4)];
  for (const kind of [0, 1])
    send({ opcode: 0xa, member: 1, data: [...head(kind), ...little(0, 8), ...little(kind, 8)] });
  send({ opcode: 0x11, member: 1, data: little(1, 8) });
  const part = [...little(0x103, 2), 0, 0, ...little(0, 8), ...little(1, 4), 3];
  send({ opcode: 0x10, member: 1, data: [...head(1), ...part, ...little(0, 7)] });
  for (const slot of [0, 1]) guest.put({ opcode: 0, room: 8 }, 1, slot);
  guest.kick(1);
  // They are carried out, and not answered.
  scheduler.release();
  expect(guest.administration.inFlight).toBe(2);
  return all;
}

/** What is changed of each function: the rest has a property of its own. */
const PLACES: readonly Place[] = [
  ['device', 'administration'],
  ['device', 'mode'],
  ['device', 'queues', 1, 'inFlight', 0, 'request'],
  ['legacy'],
];

function* mutationsOf(state: State): Generator<Mutation> {
  for (const fn of [0, 1])
    for (const part of PLACES) {
      const place: Place = ['functions', fn, 'state', 'parts', ...part];
      const here = valueAt(state, place);
      if (here === undefined || here === null) continue;
      for (const each of everyMutation(here)) yield { ...each, place: [...place, ...each.place] };
    }
}

describe('a saved owner of groups', () => {
  it(
    'is refused with one thing changed, or goes on',
    () => {
      const state: State = busy().guest.machine.save();
      let victim = make();
      let before = victim.guest.machine.save();
      const count = { refused: 0, taken: 0 };
      for (const { place, value } of mutationsOf(state)) {
        const where = placeName(place);
        const bad = changed(state, place, value);
        try {
          victim.guest.machine.load(bad);
        } catch (error) {
          if (!(error instanceof StateMismatchError)) throw error;
          count.refused++;
          if (count.refused % 20 === 0) expectSame(victim.guest.machine.save(), before, where);
          continue;
        }
        count.taken++;
        // A command of which nothing was made is carried out anew.
        if (!/request$/.test(where)) expectSame(victim.guest.machine.save(), bad, where);
        goOn(victim);
        victim = make();
        before = victim.guest.machine.save();
      }
      expect(count.refused).toBeGreaterThan(100);
      expect(count.taken).toBeGreaterThan(10);
    },
    PATIENCE,
  );
});

/** Of all but memory, which is the driver's. */
function expectSame(found: State, wanted: State, where: string): void {
  const [a, b] = [found, wanted].map((state) => valueAt(state, ['functions']));
  if (!isDeepStrictEqual(a, b)) throw new Error(`${where}: another state than was saved`);
}

/** Whatever else is asked, nothing throws. */
function goOn({ scheduler, send }: ReturnType<typeof make>): void {
  scheduler.releaseAll();
  for (const opcode of [0, 0xf, 0x10, 0x11])
    send({ opcode, member: 1, data: new Array(32).fill(0), room: 600 });
}
