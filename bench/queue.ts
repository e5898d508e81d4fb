import { DmaDomain, GuestMemory } from '../src/core/index.ts';
import { Chain, pop, SplitQueue } from '../src/virtio/index.ts';
import { bytesPerOperation, millionPerSecond } from './measure.ts';
import {
  AVAILABLE_RING,
  BATCH,
  buildChains,
  DATA_BYTES,
  DESCRIPTOR_TABLE,
  exposeBatch,
  HEADER_BYTES,
  QUEUE_SIZE,
  STATUS_BYTES,
  USED_RING,
  verifyRun,
  WorkloadError,
} from './workload.ts';

const GUEST_BYTES = 1 << 20;

/** The queue workload on our split queue: bounds checked against a DMA domain, with the copies a block device makes. */
export function prepareSplitQueue() {
  const memory = GuestMemory.allocate({ start: 0, length: GUEST_BYTES });
  const { bytes, view } = memory.ranges[0]!;
  const guest16 = new Uint16Array(bytes.buffer);
  const domain = new DmaDomain(memory);
  const queue = new SplitQueue(QUEUE_SIZE);
  queue.attach(domain);
  const chain = new Chain();
  const data = new Uint8Array(DATA_BYTES);
  let available = 0;

  const serveBatch = (): number => {
    let sum = 0;
    while (queue.pop(chain) === pop.chain) {
      const view = chain.header(HEADER_BYTES)!;
      const at = chain.headerAt;
      const type = view.getUint32(at, true);
      const sector = view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true);
      chain.read(HEADER_BYTES, data, 0, DATA_BYTES);
      chain.writeLast(0);
      queue.push(chain.head, STATUS_BYTES);
      sum += (type & 0xff) + sector + data[DATA_BYTES - 1]!;
    }
    queue.publish();
    return sum;
  };

  const setUp = (): void => {
    buildChains(view);
    queue.reset();
    queue.addresses.set('descriptor', DESCRIPTOR_TABLE);
    queue.addresses.set('driver', AVAILABLE_RING);
    queue.addresses.set('device', USED_RING);
    queue.relocate();
    queue.ready = true;
    available = 0;
  };

  const batches = (count: number): number => {
    let sum = 0;
    for (let batch = 0; batch < count; batch++) {
      available = exposeBatch(guest16, available);
      sum += serveBatch();
    }
    return sum;
  };

  return {
    /** One run; returns million chains per second. */
    run(count = 20_000): number {
      setUp();
      let checksum = 0;
      const rate = millionPerSecond(count * BATCH, () => {
        checksum = batches(count);
      });
      verifyRun('split queue', count, checksum, view.getUint16(USED_RING + 2, true));
      return rate;
    },

    /** Heap bytes per chain in steady state. */
    heap(count = 2_000): number {
      setUp();
      return bytesPerOperation(count * BATCH, () => {
        if (batches(count) === 0) throw new WorkloadError('split queue: no chain was served');
      });
    },
  };
}
