import { describe, expect, it, test } from 'vitest';
import { HeldScheduler, immediate, type LabEvent } from '../../src/core/index.ts';
import { InterruptError, InterruptSink } from '../../src/pci/index.ts';
import { bareFunction } from './support.ts';

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
      for (const use of [
        () => sink.connectLine(line, () => false),
        () => sink.isAsserted(line),
        () => sink.setLine(line, A, true),
      ]) {
        expect(use).toThrow(InterruptError);
        expect(use).toThrow(`interrupt line ${line}; the machine has 0..15`);
      }
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

describe('messages of a saved machine', () => {
  const [ENTRY, OTHER] = [1, 2];
  /** A sink in which the vector of the entry is number `number`. */
  const sinkWith = (number: number) => {
    const sink = new InterruptSink(16, immediate);
    for (let i = 0; i < number; i++) sink.allocateMessage(() => {});
    const target = sink.allocateMessage(() => {}, { fn: A, entry: ENTRY });
    expect(target.data).toBe(number);
    return sink;
  };

  test.each([
    ['the vector of then, which is the one of today', [0xfee00000, 0, 3], [0xfee00000, 0, 5]],
    ['another vector', [0xfee00000, 0, 4], [0xfee00000, 0, 4]],
    ['another controller', [0xfee01000, 0, 3], [0xfee01000, 0, 3]],
    ['RAM', [0x1000, 1, 3], [0x1000, 1, 3]],
    ['RAM above 4 GiB', [0xfee00000, 1, 3], [0xfee00000, 1, 3]],
  ])('are aimed where their entries were: at %s', (_, before, after) => {
    const msix = bareFunction().addMsix(1, 3);
    for (const entry of [ENTRY, OTHER]) {
      const [addressLow, addressHigh, data] = before as [number, number, number];
      msix.aim(entry, { addressLow, addressHigh, data });
    }
    sinkWith(5).aimAgain(A, msix, sinkWith(3).save());
    // The entry that nobody has taken messages of stays.
    expect([ENTRY, OTHER].map((entry) => Object.values(msix.message(entry)))).toEqual([after, before]);
  });

  it('are those of one function: others keep theirs, and so do entries that a table does not have', () => {
    const [msix, short] = [bareFunction().addMsix(1, 3), bareFunction().addMsix(1, 1)];
    const aim = { addressLow: 0xfee00000, addressHigh: 0, data: 3 };
    msix.aim(ENTRY, aim);
    short.aim(0, aim);
    sinkWith(5).aimAgain(B, msix, sinkWith(3).save());
    sinkWith(5).aimAgain(A, short, sinkWith(3).save());
    expect([msix.message(ENTRY).data, short.message(0).data]).toEqual([3, 3]);
  });

  it('that waited for somebody who is not here reach nobody, and nobody is told of them', () => {
    const held = new HeldScheduler();
    const from = new InterruptSink(16, held);
    const { data } = from.allocateMessage(() => {}, { fn: A, entry: ENTRY });
    from.message(A, data);
    const into = new InterruptSink(16, immediate);
    const told: LabEvent[] = [];
    into.sink = (event) => void told.push(event);
    into.check(from.save());
    into.load(from.save());
    expect([told, into.pendingVectors]).toEqual([[], []]);
  });
});
