import { median } from './frame.ts';

/** Runs `work` once, which must do `count` operations, and returns million operations per second. */
export function millionPerSecond(count: number, work: () => void): number {
  const started = performance.now();
  work();
  return count / ((performance.now() - started) * 1000);
}

const SLICES = 9;

/**
 * Heap bytes that one operation leaves behind. `work` must do `count` operations and allocate less than the young
 * generation holds (some 8 MiB), or a collection in the middle hides part of it. The median of several slices, because
 * the compiler allocates too, now and then and far more than a tidy hot path. What the measuring itself allocates is
 * some 300 bytes in all. Needs --expose-gc.
 */
export function bytesPerOperation(count: number, work: () => void): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('bytesPerOperation needs node --expose-gc');
  const slices = Array.from({ length: SLICES }, () => {
    gc();
    const before = process.memoryUsage().heapUsed;
    work();
    return process.memoryUsage().heapUsed - before;
  });
  return Math.max(0, median(slices)) / count;
}
