import { describe, expect, it } from 'vitest';
import { BATCH, expectedChecksum, verifyRun, WorkloadError } from '../../bench/workload.ts';

describe('verifying a run of the queue workload', () => {
  const batches = 1500; // enough for the 16-bit used index to wrap
  const used = (batches * BATCH) & 0xffff;

  it('accepts the whole work', () => {
    expect(() => verifyRun('a', batches, expectedChecksum(batches), used)).not.toThrow();
  });

  it('rejects a device that copied less', () => {
    expect(() => verifyRun('a', batches, expectedChecksum(batches) - 1, used)).toThrow(WorkloadError);
  });

  it('rejects a device that returned fewer chains', () => {
    expect(() => verifyRun('a', batches, expectedChecksum(batches), used - 1)).toThrow(WorkloadError);
  });
});
