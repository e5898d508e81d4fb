import { describe, expect, it } from 'vitest';
import {
  atLeast,
  atMost,
  type Contest,
  median,
  meetsTarget,
  type Plan,
  type Row,
  runCase,
  summarize,
} from '../../bench/frame.ts';

const plan = (contest: Contest): Plan => ({ name: 'a bench', unit: 'million/s', prepare: () => contest });
const fixed = (ours: number, baseline: number): Plan => plan({ ours: () => ours, baseline: () => baseline });

describe('a row', () => {
  it('of rates carries the ratio of ours to the baseline and atLeast', async () => {
    expect(await runCase(atLeast(2, fixed(30, 10)), 1)).toEqual({
      name: 'a bench',
      ours: 30,
      baseline: 10,
      unit: 'million/s',
      ratio: 3,
      target: 2,
      atLeast: true,
    });
  });

  it('of costs carries atMost', async () => {
    expect(await runCase(atMost(1.05, fixed(21, 20)), 1)).toMatchObject({
      ratio: 1.05,
      target: 1.05,
      atMost: true,
    });
  });

  it.each([
    [atLeast(2, fixed(20, 10)), true],
    [atLeast(2, fixed(19, 10)), false],
    [atMost(2, fixed(20, 10)), true],
    [atMost(2, fixed(21, 10)), false],
  ])('meets its target on the right side of it (%#)', async (which, met) => {
    expect(meetsTarget((await runCase(which, 1)) as Row)).toBe(met);
  });
});

describe('the runs', () => {
  it('warm up with one pair, then alternate which side goes first', async () => {
    const order: string[] = [];
    const side = (name: string) => () => order.push(name);
    await runCase(atLeast(1, plan({ ours: side('o'), baseline: side('b') })), 3);
    expect(order.join('')).toBe('ob' + 'ob' + 'bo' + 'ob');
  });

  it('are judged by medians, the warm-up left out', async () => {
    const ours = [999, 1, 5, 100];
    const row = await runCase(atLeast(1, plan({ ours: () => ours.shift()!, baseline: () => 5 })), 3);
    expect(row).toMatchObject({ ours: 5, baseline: 5, ratio: 1 });
  });

  it('release what they used, also when a run throws', async () => {
    let released = 0;
    const broken = plan({
      ours: () => Promise.reject(new Error('broken')),
      baseline: () => 1,
      release: () => {
        released++;
      },
    });
    await expect(runCase(atLeast(1, broken))).rejects.toThrow('broken');
    expect(released).toBe(1);
  });

  it('do not happen where something is missing', async () => {
    const which = atLeast(1, { name: 'a', unit: 's', prepare: () => ({ skip: 'no compiler' }) });
    expect(await runCase(which)).toEqual({ skip: 'no compiler' });
  });
});

it('median of an even number of values is the mean of the middle two', () => {
  expect(median([10, 1, 3, 2])).toBe(2.5);
});

it('several processes of a bench come to their medians, and to the lowest and highest ratio', () => {
  const rows = [3, 1, 2].map(
    (ratio): Row => ({
      name: 'a',
      ours: 10 * ratio,
      baseline: 10,
      unit: 's',
      ratio,
      target: 1,
      atLeast: true,
    }),
  );
  expect(summarize(rows)).toEqual({ row: { ...rows[2]! }, lowest: 1, highest: 3 });
});
