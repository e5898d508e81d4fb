import { describe, expect, it } from 'vitest';
import { HeldScheduler, immediate } from '../../src/core/index.ts';
import { InterruptError, InterruptSink } from '../../src/pci/index.ts';

const [A, B] = [0x20, 0x28];

describe('interrupt lines', () => {
  it('ask every handler, again and again, until the line is low', () => {
    const sink = new InterruptSink(16, immediate);
    const log: string[] = [];
    const pending = { a: 2, b: 1 };
    const handler = (name: 'a' | 'b', source: number) => () => {
      log.push(name);
      if (pending[name] === 0) return false;
      if (--pending[name] === 0) sink.setLine(5, source, false);
      return true;
    };
    sink.connectLine(5, handler('a', A));
    sink.connectLine(5, handler('b', B));
    sink.setLine(5, A, true);
    expect(log.join('')).toBe('abab');
    expect(sink.isAsserted(5)).toBe(false);
  });

  it('leave a stuck line alone until it changes', () => {
    const sink = new InterruptSink(16, immediate);
    let asked = 0;
    sink.connectLine(3, () => {
      asked++;
      return true;
    });
    sink.setLine(3, A, true);
    expect(asked).toBe(64);
    sink.setLine(3, B, true);
    expect(asked).toBe(128);
  });

  it('do not ask again when no handler knows whose it is', () => {
    const sink = new InterruptSink(16, immediate);
    let asked = 0;
    sink.connectLine(3, () => {
      asked++;
      return false;
    });
    sink.setLine(3, A, true);
    expect([asked, sink.isAsserted(3)]).toEqual([1, true]);
  });

  it('ask a handler that comes late, and none that has left', () => {
    const sink = new InterruptSink(16, immediate);
    const log: string[] = [];
    const drop = (name: string) => () => {
      log.push(name);
      sink.setLine(7, A, false);
      return true;
    };
    sink.setLine(7, A, true);
    const leave = sink.connectLine(7, drop('late'));
    leave();
    leave();
    sink.setLine(7, A, true);
    sink.connectLine(7, drop('next'));
    expect(log).toEqual(['late', 'next']);
  });

  it('exist in the machine or are refused', () => {
    const sink = new InterruptSink(16, immediate);
    for (const line of [-1, 16, 255])
      expect(() => sink.connectLine(line, () => false)).toThrow(InterruptError);
  });
});

describe('messages', () => {
  it('reach their own handler', () => {
    const sink = new InterruptSink(16, immediate);
    const log: number[] = [];
    const targets = [0, 1, 2].map((i) => sink.allocateMessage(() => log.push(i)));
    expect(new Set(targets.map(({ data }) => data)).size).toBe(3);
    for (const i of [2, 0, 2]) sink.message(A, targets[i]!.data);
    sink.message(A, 0x1234);
    expect(log).toEqual([2, 0, 2]);
  });

  it('that arrive before the handler ran make one run', () => {
    const scheduler = new HeldScheduler();
    const sink = new InterruptSink(16, scheduler);
    let runs = 0;
    const { data } = sink.allocateMessage(() => runs++);
    sink.message(A, data);
    sink.message(A, data);
    expect(sink.pendingVectors).toEqual([data]);
    scheduler.releaseAll();
    expect([runs, sink.pendingVectors]).toEqual([1, []]);
  });

  it('given back are dropped, and the vector goes to the next who asks', () => {
    const scheduler = new HeldScheduler();
    const sink = new InterruptSink(16, scheduler);
    const log: string[] = [];
    const old = sink.allocateMessage(() => log.push('old'));
    sink.message(A, old.data);
    old.release();
    sink.message(A, old.data);
    const next = sink.allocateMessage(() => log.push('new'));
    expect(next.data).toBe(old.data);
    scheduler.releaseAll();
    sink.message(A, next.data);
    scheduler.releaseAll();
    expect(log).toEqual(['new']);
  });
});
