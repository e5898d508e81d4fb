import type { Arbitrary } from 'fast-check';
import { fc } from './fast-check.ts';
import { printed } from './printed.ts';

/** Picks that decide an order of release; the same picks give the same order, and fewer of them a simpler one. */
export const picks: Arbitrary<number[]> = fc
  .array(fc.nat(15), { minLength: 1, maxLength: 24 })
  .map((order) => printed([...order], (each) => `picks ${each.join(' ')}`));

/** Turns picks into what `HeldScheduler.releaseAll` asks for: the next among `count` tasks, round and round. */
export function chooser(order: readonly number[]): (count: number) => number {
  let at = 0;
  return (count) => (count === 0 ? 0 : order[at++ % order.length]! % count);
}
