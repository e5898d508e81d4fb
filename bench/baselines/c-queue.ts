import type { Skip } from '../frame.ts';
import { verifyRun, WorkloadError } from '../workload.ts';
import { call, compileC } from './compile.ts';

/** The queue workload in C. `run` returns million chains per second; a run of 400 000 batches takes about half a second. */
export function prepareCQueue(): { run: (batches?: number) => number } | Skip {
  const program = compileC('queue.c');
  if (typeof program !== 'string') return program;
  return {
    run: (batches = 400_000) => {
      const [rate, checksum, used] = call(program, [String(batches)])
        .trim()
        .split(' ')
        .map(Number);
      if (rate === undefined || !(rate > 0)) throw new WorkloadError('C queue: printed no rate');
      verifyRun('C queue', batches, checksum ?? Number.NaN, used ?? Number.NaN);
      return rate;
    },
  };
}
