import { describe, expect, it, test } from 'vitest';
import { HeldScheduler, immediate, Work } from '../../src/core/index.ts';

/** A held scheduler with tasks that say their name. */
function held(...names: string[]) {
  const ran: string[] = [];
  const scheduler = new HeldScheduler();
  for (const label of names) scheduler.submit({ label, run: () => void ran.push(label) });
  return { ran, scheduler };
}

describe('a held scheduler', () => {
  it('runs nothing before it is told to', () => {
    const { ran, scheduler } = held('a', 'b');
    expect(ran).toEqual([]);
    expect(scheduler.pending.map(({ label }) => label)).toEqual(['a', 'b']);
  });

  test.each([
    ['the oldest first', undefined, ['a', 'b', 'c', 'd']],
    ['the youngest first', (count: number) => count - 1, ['d', 'c', 'b', 'a']],
    ['any, modulo their number', () => 5, ['b', 'd', 'c', 'a']],
  ] as const)('releases %s', (_, choose, order) => {
    const { ran, scheduler } = held('a', 'b', 'c', 'd');
    expect(scheduler.releaseAll(choose)).toBe(true);
    expect(ran).toEqual(order);
    expect(scheduler.release()).toBe(false);
  });

  it('ends at a limit, and says so', () => {
    const scheduler = new HeldScheduler();
    let runs = 0;
    const again = {
      label: 'again',
      run: () => {
        runs++;
        scheduler.submit(again);
      },
    };
    scheduler.submit(again);
    expect(scheduler.releaseAll(() => 0, 10)).toBe(false);
    expect(runs).toBe(10);
    scheduler.clear();
    expect(scheduler.releaseAll()).toBe(true);
  });
});

describe('work', () => {
  it('is pending at most once, however often it is asked for', () => {
    const scheduler = new HeldScheduler();
    let runs = 0;
    const work = new Work('w', scheduler, () => runs++);
    for (let i = 0; i < 3; i++) work.schedule();
    expect([scheduler.pending.length, work.pending]).toEqual([1, true]);
    scheduler.releaseAll();
    work.schedule();
    scheduler.releaseAll();
    expect([runs, work.pending]).toEqual([2, false]);
  });

  it('asked for while it runs, runs once more afterwards and not inside itself', () => {
    let depth = 0;
    let deepest = 0;
    let runs = 0;
    const work: Work = new Work('w', immediate, () => {
      deepest = Math.max(deepest, ++depth);
      if (++runs <= 3) {
        work.schedule();
        work.schedule();
      }
      depth--;
    });
    work.schedule();
    expect([runs, deepest]).toEqual([4, 1]);
  });

  it('does not run once it was cancelled, and can be asked for again', () => {
    const scheduler = new HeldScheduler();
    let runs = 0;
    const work = new Work('w', scheduler, () => runs++);
    work.schedule();
    work.cancel();
    work.schedule();
    scheduler.releaseAll();
    expect(runs).toBe(1);
    work.schedule();
    work.cancel();
    scheduler.releaseAll();
    expect(runs).toBe(1);
  });

  it('cancelled while it runs, does not run again', () => {
    let runs = 0;
    const work: Work = new Work('w', immediate, () => {
      runs++;
      work.schedule();
      work.cancel();
    });
    work.schedule();
    expect(runs).toBe(1);
  });

  it('can be asked for again after its body threw', () => {
    let runs = 0;
    const work = new Work('w', immediate, () => {
      if (++runs === 1) throw new Error('once');
    });
    expect(() => work.schedule()).toThrow('once');
    work.schedule();
    expect(runs).toBe(2);
  });
});
