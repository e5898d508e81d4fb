import type { HeldScheduler } from '../../../src/core/index.ts';
import type { Rig } from './rigs.ts';

/** Lets promises that are ready go on. */
export const microtasks = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Lets once through what is on its way, in an order that `choose` picks. @returns whether nothing is left to be done. */
export async function letThrough(
  { machines }: Pick<Rig, 'machines'>,
  tasks: HeldScheduler,
  choose: (count: number) => number,
): Promise<boolean> {
  for (const { posted } of machines) posted?.flushAll();
  tasks.releaseAll(choose);
  await microtasks();
  return tasks.pending.length === 0 && machines.every(({ posted }) => (posted?.count ?? 0) === 0);
}

/** Lets everything through until nothing is left to be done. */
export async function settle(...what: Parameters<typeof letThrough>): Promise<void> {
  while (!(await letThrough(...what)));
}
