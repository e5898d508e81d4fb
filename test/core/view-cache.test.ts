import { describe, expect, it } from 'vitest';
import { ViewCache } from '../../src/core/index.ts';
import { KIB } from './dma-ram.ts';

describe('a view cache', () => {
  it('always gives the view asked for, also where two of them share a place', () => {
    const bytes = Uint8Array.from({ length: 8 * KIB }, (_, i) => i % 253);
    const views = new ViewCache(bytes.subarray(16));
    let hits = 0;
    for (const round of [0, 1])
      for (let offset = 0; offset < 4000; offset += 3) {
        // One place of the cache holds a view and the one that is 4096 bytes longer.
        for (const length of [1 + (offset % 512), 1 + (offset % 512) + 4096]) {
          if (offset + length > 8 * KIB - 16) continue;
          const view = views.view(offset, length);
          expect([view.byteOffset - bytes.byteOffset - 16, view.length]).toEqual([offset, length]);
          if (round === 1 && views.view(offset, length) === view) hits++;
        }
      }
    expect(hits).toBeGreaterThan(0);
  });

  it('remembers several views at once, and none of another array', () => {
    const [one, other] = [1, 2].map((value) => new ViewCache(new Uint8Array(64).fill(value)));
    const places = [0, 8, 16];
    const first = places.map((at) => one!.view(at, 4));
    expect(places.map((at) => other!.view(at, 4)[0])).toEqual([2, 2, 2]);
    expect(places.every((at, i) => one!.view(at, 4) === first[i])).toBe(true);
    expect(first.map((view) => [view.byteOffset, view[0]])).toEqual([
      [0, 1],
      [8, 1],
      [16, 1],
    ]);
    expect(one!.view(0, 5)).toHaveLength(5);
  });
});
