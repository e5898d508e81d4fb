import { expect, it } from 'vitest';
import type { Setup } from '../../lab/protocol.ts';
import { Session } from '../../lab/worker/session.ts';

const plain: Setup = {
  ...{ type: 'block', way: 'modern', ring: 'split', reading: null, draft: null, lies: [], mistakes: [] },
};

/** The rings of queue 0 after so many requests, by name: the next place, and whether it is in the picture. */
async function rings(setup: Partial<Setup>, requests: number) {
  const session = await Session.open({ ...plain, ...setup }, () => {});
  await session.do({ name: 'up', values: [] });
  const { view } = await session.do({ name: 'again', values: [requests] });
  return view.queues[0]!.rings.map(({ name, next, slots }) => [
    name,
    next,
    next === null || slots.some(({ index }) => index === next),
  ]);
}

it('shows the next place of a ring of which it has no room for all', async () => {
  expect(await rings({}, 40)).toEqual([
    ['available ring', 40, true],
    ['used ring', 40, true],
    ['descriptor table', null, true],
  ]);
  expect(await rings({ ring: 'packed' }, 300)).toEqual([['packed ring', 300 % 256, true]]);
});
