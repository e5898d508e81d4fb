import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CampaignError,
  type CampaignHead,
  type CampaignPart,
  type CampaignResult,
  mergeParts,
  outcomes,
  readPart,
  shardItems,
} from '../../../src/conformance/device/index.ts';
import { runs } from '../../properties/support/runs.ts';

const headOf = (items: number, index: number, count: number): CampaignHead => ({
  campaign: 'virtiolab conform',
  version: 1,
  suite: '0badcafe',
  targets: ['entropy:modern'],
  items,
  seed: 7,
  runs: 3,
  shard: { index, count },
});

const resultOf = (item: number): CampaignResult => ({
  item,
  target: 'entropy:modern',
  check: `check-${item}`,
  clauses: ['BF-RST-01'],
  says: 'a device does as it is told',
  setting: 'modern',
  outcome: outcomes[item % outcomes.length]!,
  clause: item % 2 === 0 ? null : 'BF-RST-01',
  expected: 'a "quoted" text\nof two lines',
  seen: null,
  reason: null,
  recovers: null,
  evidence: [{ kind: 'ram', address: 0x100000 + item, bytes: '00ff' }],
});

const textOf = (head: CampaignHead, results: readonly CampaignResult[]) =>
  [head, ...results].map((each) => `${JSON.stringify(each)}\n`).join('');

const campaigns = fc
  .record({ items: fc.integer({ min: 1, max: 60 }), count: fc.integer({ min: 1, max: 9 }) })
  .chain(({ items, count }) =>
    fc.record({
      items: fc.constant(items),
      // Every shard once, in some order, and some of them twice; each text is cut somewhere, or not.
      order: fc.shuffledSubarray([...Array(count).keys(), ...Array(count).keys()], { minLength: count }),
      cut: fc.array(fc.option(fc.nat(2000)), { minLength: 2 * count, maxLength: 2 * count }),
      count: fc.constant(count),
    }),
  );

describe('parts of a campaign', () => {
  it('are joined whatever their order, their cuts and how often each is there', () => {
    fc.assert(
      fc.property(campaigns, ({ items, order, cut, count }) => {
        const parts: CampaignPart[] = [];
        const whole = new Set<number>();
        for (const [i, shard] of order.entries()) {
          const head = headOf(items, shard + 1, count);
          const own = shardItems(items, head.shard);
          const text = textOf(head, own.map(resultOf));
          const end = cut[i] ?? text.length;
          const kept = text.slice(0, Math.max(end, JSON.stringify(head).length + 1));
          const part = readPart(`part ${i}`, kept);
          expect(part.torn).toBe(!kept.endsWith('\n'));
          parts.push(part);
          for (const item of own.slice(0, kept.split('\n').length - 2)) whole.add(item);
        }
        const { results, missing, contradictions } = mergeParts(parts);
        expect(results).toEqual([...whole].sort((a, b) => a - b).map(resultOf));
        expect(missing.reduce((sum, each) => sum + each.items, 0)).toBe(items - whole.size);
        expect(contradictions).toEqual([]);
      }),
      { numRuns: runs(300) },
    );
  });

  it('deal out every item once', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 1, max: 20 }), (items, count) => {
        const dealt = Array.from({ length: count }, (_, i) =>
          shardItems(items, { index: i + 1, count }),
        ).flat();
        expect(dealt.sort((a, b) => a - b)).toEqual([...Array(items).keys()]);
      }),
      { numRuns: runs(200) },
    );
  });

  it('that do not belong together are refused', () => {
    const part = (head: Partial<CampaignHead>, name = 'b') => ({
      name,
      head: { ...headOf(4, 1, 2), ...head },
      results: [],
      torn: false,
    });
    const join = (head: Partial<CampaignHead>) => () => mergeParts([part({}, 'a'), part(head)]);
    expect(join({ suite: '1' })).toThrow(
      'b is a part of another campaign than a: its suite is 1, not 0badcafe',
    );
    expect(join({ seed: 8 })).toThrow('its seed is 8, not 7');
    expect(join({ shard: { index: 1, count: 3 } })).toThrow('b is one of 3 shards, and a of 2');
    expect(() => mergeParts([])).toThrow(CampaignError);
  });

  it('that say different things of an item are told of', () => {
    const results = [resultOf(0)];
    const other = [{ ...resultOf(0), outcome: 'FAIL' as const }];
    const head = headOf(1, 1, 1);
    const merged = mergeParts([
      { name: 'a', head, results, torn: false },
      { name: 'b', head, results: other, torn: false },
    ]);
    expect(merged).toMatchObject({ results, contradictions: [0], missing: [] });
  });

  it.each([
    ['', 'x: has no whole line'],
    ['nonsense\n', 'x: its first line is no JSON'],
    ['{}\n', 'x: its first line is not that of a campaign'],
    ['null\n', 'x: its first line is not that of a campaign'],
    [textOf({ ...headOf(1, 1, 1), version: 2 as 1 }, []), 'x: version 2 of a campaign; wants 1'],
    [`${JSON.stringify(headOf(2, 1, 1))}\n{"item":2}\n`, 'x: line 2: item 2; wants a number of 0..1'],
    [`${JSON.stringify(headOf(2, 1, 1))}\n{"item":0,"outcome":"GOOD"}\n`, 'x: line 2: outcome "GOOD"'],
    [`${JSON.stringify(headOf(2, 1, 1))}\nnull\n`, 'x: line 2: item undefined'],
    [`${JSON.stringify(headOf(2, 1, 1))}\n{]\n`, 'x: line 2: is no JSON'],
  ])('%j is none', (text, message) => {
    expect(() => readPart('x', text)).toThrow(CampaignError);
    expect(() => readPart('x', text)).toThrow(message);
  });
});
