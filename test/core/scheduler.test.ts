import { describe, expect, it, test } from 'vitest';
import { HeldScheduler, IMMEDIATE_DEPTH, immediate, type Scheduler, Work } from '../../src/core/index.ts';

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

  it('is done where the limit is reached by the last task', () => {
    const scheduler = new HeldScheduler();
    for (let i = 0; i < 3; i++) scheduler.submit({ label: `${i}`, run: () => {} });
    expect([scheduler.releaseAll(() => 0, 3), scheduler.pending.length]).toEqual([true, 0]);
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

describe('the immediate scheduler', () => {
  /** Tasks that submit the next one before they end. */
  function row(length: number, onRun: (index: number) => void = () => {}) {
    let depth = 0;
    let deepest = 0;
    const ended: number[] = [];
    const submit = (index: number): void =>
      immediate.submit({
        label: `${index}`,
        run: () => {
          deepest = Math.max(deepest, ++depth);
          onRun(index);
          if (index + 1 < length) submit(index + 1);
          depth--;
          ended.push(index);
        },
      });
    return { submit, ended, deepest: () => deepest };
  }

  it('runs a task, and those that it submits, within the call', () => {
    const { submit, ended, deepest } = row(5);
    submit(0);
    expect([ended, deepest()]).toEqual([[4, 3, 2, 1, 0], 5]);
  });

  it('goes so deep and no deeper, and all is done when the outermost call returns', () => {
    const { submit, ended, deepest } = row(50_000);
    submit(0);
    expect([ended.length, deepest()]).toEqual([50_000, IMMEDIATE_DEPTH]);
    // The last that had room on the stack, those that waited in the order of their coming, and the others outwards.
    const last = IMMEDIATE_DEPTH - 1;
    expect(ended.slice(0, 3)).toEqual([last, last + 1, last + 2]);
    expect(ended.slice(-2)).toEqual([1, 0]);
  });

  it('lets an error out, having run what waited in line, and is as deep as before afterwards', () => {
    for (let times = 0; times < IMMEDIATE_DEPTH + 1; times++) {
      const ran: number[] = [];
      const { submit } = row(IMMEDIATE_DEPTH + 2, (index) => {
        ran.push(index);
        if (index !== IMMEDIATE_DEPTH) return;
        submit(IMMEDIATE_DEPTH + 1);
        throw new Error('late');
      });
      expect(() => submit(0)).toThrow('late');
      expect(ran.at(-1)).toBe(IMMEDIATE_DEPTH + 1);
    }
    const { submit, deepest } = row(100);
    submit(0);
    expect(deepest()).toBe(IMMEDIATE_DEPTH);
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

  test.each([
    ['the immediate scheduler', immediate],
    ['a scheduler of somebody else that runs tasks at once', { submit: (task) => task.run() } as Scheduler],
  ])('asked for whenever it runs, runs on and on with nothing left on the stack: %s', (_, scheduler) => {
    let runs = 0;
    const work: Work = new Work('w', scheduler, () => {
      if (++runs < 100_000) work.schedule();
    });
    work.schedule();
    expect([runs, work.pending]).toEqual([100_000, false]);
  });

  it('asked for while it runs, stands in the line of a held scheduler for its next run', () => {
    const scheduler = new HeldScheduler();
    let runs = 0;
    const work: Work = new Work('w', scheduler, () => {
      if (++runs < 3) work.schedule();
    });
    work.schedule();
    for (const expected of [1, 2, 3]) {
      expect(scheduler.pending.length).toBe(1);
      scheduler.release();
      expect(runs).toBe(expected);
    }
    expect(scheduler.pending.length).toBe(0);
  });

  it('cancelled and asked for again and again, is held once', () => {
    const scheduler = new HeldScheduler();
    let runs = 0;
    const work = new Work('w', scheduler, () => runs++);
    for (let i = 0; i < 1000; i++) {
      work.schedule();
      work.cancel();
    }
    expect([scheduler.pending.length, work.pending]).toEqual([1, false]);
    work.schedule();
    expect([scheduler.pending.length, work.pending]).toEqual([1, true]);
    scheduler.releaseAll();
    expect(runs).toBe(1);
  });

  it('forgotten by its scheduler, is not pending any more and can be asked for again', () => {
    const scheduler = new HeldScheduler();
    let runs = 0;
    const work = new Work('w', scheduler, () => runs++);
    work.schedule();
    scheduler.clear();
    expect(work.pending).toBe(false);
    work.schedule();
    scheduler.releaseAll();
    expect(runs).toBe(1);
  });

  it('whose body threw after it was asked for once more, runs once more', () => {
    let runs = 0;
    const work: Work = new Work('w', immediate, () => {
      if (++runs > 1) return;
      work.schedule();
      throw new Error('once');
    });
    expect(() => work.schedule()).toThrow('once');
    expect([runs, work.pending]).toEqual([2, false]);
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
