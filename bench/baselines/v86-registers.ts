import { millionPerSecond } from '../measure.ts';
import { WorkloadError } from '../workload.ts';
import { startV86 } from './v86-instance.ts';

// The common configuration of v86's 9p function is an I/O BAR; with no firmware to move it, it stays where v86 put it.
const COMMON_CONFIG = 0xa800;
const DEVICE_FEATURE = COMMON_CONFIG + 4;
const NUM_QUEUES = COMMON_CONFIG + 18;
const DEVICE_STATUS = COMMON_CONFIG + 20;
const SELECTED_QUEUE_SIZE = COMMON_CONFIG + 24;

export interface V86RegisterBaseline {
  /**
   * Per round one read each of device_feature (32 bits), num_queues (16), device_status (8) and queue_size (16),
   * through v86's port dispatch; returns million accesses per second.
   */
  run(rounds?: number): number;
  release(): Promise<void>;
}

export async function prepareV86Registers(): Promise<V86RegisterBaseline> {
  const { cpu, virtio, release } = await startV86();
  const { io } = cpu;
  // An empty port reads as all ones: were the block elsewhere, a different and faster thing would be measured.
  const expected = virtio.device_feature[0]! + virtio.queues.length + 0 + 32;

  const run = (rounds = 5_000_000): number => {
    let sum = 0;
    const rate = millionPerSecond(rounds * 4, () => {
      for (let round = 0; round < rounds; round++) {
        sum += io.port_read32(DEVICE_FEATURE);
        sum += io.port_read16(NUM_QUEUES);
        sum += io.port_read8(DEVICE_STATUS);
        sum += io.port_read16(SELECTED_QUEUE_SIZE);
      }
    });
    if (sum !== expected * rounds)
      throw new WorkloadError(`v86 registers: sum ${sum}, not ${expected * rounds}`);
    return rate;
  };

  return { run, release };
}
