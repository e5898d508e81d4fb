import { millionPerSecond } from '../measure.ts';
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
} from '../workload.ts';
import { startV86, type V86Build, type VirtQueue } from './v86-instance.ts';

// VIRTIO_F_VERSION_1 is bit 32: bit 0 of the second feature word.
const VERSION_1_WORD = 1;
const VERSION_1_BIT = 1;

export interface V86QueueBaseline {
  /** One run of the queue workload; returns million chains per second. */
  run(batches?: number): number;
  release(): Promise<void>;
}

/** The queue workload on v86's VirtQueue, in v86's guest memory, with the copies its own devices make. */
export async function prepareV86Queue(build: V86Build = 'published'): Promise<V86QueueBaseline> {
  const { cpu, virtio, guest, release } = await startV86(build);
  const guest16 = new Uint16Array(guest.buffer, guest.byteOffset, guest.byteLength >> 1);

  // The 9p queue holds 32 descriptors, so the same class is built again with 256. Without the event index and indirect
  // descriptors, which 9p would also offer, v86 does the least work per chain.
  virtio.driver_feature.fill(0);
  virtio.driver_feature[VERSION_1_WORD] = VERSION_1_BIT;
  const Queue = virtio.queues[0]!.constructor;
  const header = new Uint8Array(HEADER_BYTES);
  const data = new Uint8Array(DATA_BYTES);
  const status = new Uint8Array(STATUS_BYTES);

  const serveBatch = (queue: VirtQueue): number => {
    let sum = 0;
    while (queue.has_request()) {
      const chain = queue.pop_request();
      chain.get_next_blob(header);
      chain.get_next_blob(data);
      chain.set_next_blob(status);
      queue.push_reply(chain);
      sum += header[0]! + data[DATA_BYTES - 1]!;
    }
    queue.flush_replies();
    return sum;
  };

  const run = (batches = 5_000): number => {
    buildChains(guest);
    const queue = new Queue(cpu, virtio, { size_supported: QUEUE_SIZE, notify_offset: 0 });
    queue.desc_addr = DESCRIPTOR_TABLE;
    queue.avail_addr = AVAILABLE_RING;
    queue.used_addr = USED_RING;
    let available = 0;
    let checksum = 0;
    const rate = millionPerSecond(batches * BATCH, () => {
      for (let batch = 0; batch < batches; batch++) {
        available = exposeBatch(guest16, available);
        checksum += serveBatch(queue);
      }
    });
    verifyRun('v86 VirtQueue', batches, checksum, guest.getUint16(USED_RING + 2, true));
    return rate;
  };

  return { run, release };
}
