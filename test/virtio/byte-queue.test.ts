import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../../src/virtio/index.ts';
import { runs } from '../properties/support/runs.ts';

describe('a queue of bytes', () => {
  it('gives back what went in, whatever is taken when: an array says what that is', () => {
    const steps = fc.array(fc.record({ push: fc.nat(400), shift: fc.nat(300), drain: fc.nat(300) }), {
      maxLength: 30,
      size: 'max',
    });
    fc.assert(
      fc.property(steps, (each) => {
        const queue = new ByteQueue();
        let model: number[] = [];
        let next = 0;
        for (const { push, shift, drain } of each) {
          const bytes = Uint8Array.from({ length: push }, () => next++ * 7);
          queue.push(Uint8Array.of(9, ...bytes, 9), 1, push);
          model.push(...bytes);
          expect(queue.shift(shift)).toEqual(Uint8Array.from(model.splice(0, shift)));
          queue.drain((from, offset, length) => {
            expect(from.slice(offset, offset + length)).toEqual(Uint8Array.from(model));
            return Math.min(drain, length);
          });
          model = model.slice(drain);
          expect(queue.length).toBe(model.length);
        }
      }),
      { numRuns: runs(100) },
    );
  });

  it('is drained once at a time, and what comes meanwhile is offered too', () => {
    const queue = new ByteQueue();
    queue.push(Uint8Array.of(1, 2, 3));
    const seen: number[][] = [];
    const take = (bytes: Uint8Array, offset: number, length: number): number => {
      seen.push([...bytes.subarray(offset, offset + length)]);
      if (seen.length === 1) {
        queue.push(new Uint8Array(1000).fill(4));
        queue.drain(take);
      }
      return Math.min(2, length);
    };
    queue.drain(take);
    expect(seen.map((bytes) => bytes.slice(0, 3))).toEqual([
      [1, 2, 3],
      [3, 4, 4],
    ]);
    queue.clear();
    expect(queue.length).toBe(0);
  });
});
