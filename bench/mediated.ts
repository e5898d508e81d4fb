import { type FunctionAddress, functionAddress, GuestMemory } from '../src/core/index.ts';
import { BlockParent, diskSlices } from '../src/mmr/index.ts';
import { Machine } from '../src/pci/index.ts';
import { median } from './frame.ts';
import { bytesInUse } from './memory.ts';
import { WorkloadError } from './workload.ts';

export const MOST_SLICES = 4096;
const TYPE = diskSlices(1);
/** Functions of a root bus beside device 0, in which the host bridge is. */
const A_SEGMENT = 31 * 8;

const placeOf = (n: number): FunctionAddress => {
  const at = n % A_SEGMENT;
  return functionAddress(0, 1 + (at >> 3), at & 7, Math.floor(n / A_SEGMENT));
};

/** A parent with queues for so many slices, and one guest that has room for them. */
class ManySlices {
  readonly lab: BlockParent;
  readonly guest: Machine;
  readonly count: number;

  constructor(count: number) {
    this.count = count;
    this.lab = new BlockParent({ queues: TYPE.queues * count, types: [TYPE] });
    this.guest = new Machine({
      ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }),
      segments: Math.ceil(count / A_SEGMENT),
    });
  }

  make(): void {
    for (let n = 0; n < this.count; n++) this.lab.parent.create(TYPE.name, BlockParent.uuid(n));
    if (this.lab.parent.available(TYPE.name) !== 0) throw new WorkloadError('slices: some are left');
  }

  /** Gives each to the guest, and reads its ids. */
  attach(): void {
    for (let n = 0; n < this.count; n++) {
      this.lab.parent.attach(BlockParent.uuid(n), this.guest, placeOf(n));
      if (this.guest.configRead(placeOf(n), 0, 2) !== 0x1af4)
        throw new WorkloadError(`slices: ${n} is not there`);
    }
  }
}

/** Microseconds a slice in which so many are made, given to a guest, and found. */
function cost(count: number): number {
  const many = new ManySlices(count);
  const started = performance.now();
  many.make();
  many.attach();
  return (1000 * (performance.now() - started)) / count;
}

/** Of few the code has not warmed up: they are made as often as it takes to measure. */
export function prepareSlices(count: number): { ours: () => number; baseline: () => number } {
  cost(count);
  return { ours: () => cost(count), baseline: () => median(Array.from({ length: 9 }, () => cost(64))) };
}

/** Bytes of each of so many slices that were made, and that guests have, or nobody. */
export function sliceBytes(count: number, attached: boolean): number {
  const many = new ManySlices(count);
  const before = bytesInUse();
  many.make();
  if (attached) many.attach();
  const bytes = (bytesInUse() - before) / count;
  if (many.lab.parent.count !== count) throw new WorkloadError('slices: some are missing');
  return bytes;
}
