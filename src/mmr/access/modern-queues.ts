import { FOUR_GIB, flag, group, list, u16, u32, type ValueOf } from '../../core/index.ts';
import { commonConfig, legacyRingLayout, QUEUE_ADDRESS_UNIT } from '../../virtio/layout/index.ts';
import type { Holder } from './held-function.ts';
import type { ModernStructures } from './modern-structures.ts';
import { MAX_RESET_READS } from './reset.ts';

/** Queues with an address: the page that the guest gave, and whether the function has the queue. */
export const modernQueuesState = list(group({ queue: u16, page: u32, live: flag }));
type Saved = ValueOf<typeof modernQueuesState>;

interface Queue {
  page: number;
  live: boolean;
  /** Where it is kicked; null before that was looked up. */
  doorbell: number | null;
}

/** The queues of a modern function as a legacy guest sets them up: each has an address, and the size that the function has. */
export class ModernQueues {
  readonly #structures: ModernStructures;
  readonly #holder: Holder;
  readonly #queues = new Map<number, Queue>();

  constructor(structures: ModernStructures, holder: Holder) {
    this.#structures = structures;
    this.#holder = holder;
  }

  /** Of the selected queue: a power of two, since a legacy guest has to use all of it (LEG-VQ-03); 0 where there is none. */
  size(): number {
    const most = this.#structures.get(commonConfig.queueSize);
    return most === 0 ? 0 : 2 ** Math.floor(Math.log2(most));
  }

  /** Page of the selected queue, 0 without one. */
  page(): number {
    return this.#queues.get(this.#structures.get(commonConfig.queueSelect))?.page ?? 0;
  }

  /**
   * The guest gives the selected queue an address, or takes it with 0.
   * @param started the function works already. @param resets it resets single queues.
   */
  setPage(page: number, started: boolean, resets: boolean): void {
    const structures = this.#structures;
    const index = structures.get(commonConfig.queueSelect);
    if (structures.get(commonConfig.queueSize) === 0) return;
    const queue = this.#queues.get(index) ?? { page: 0, live: false, doorbell: null };
    queue.page = page;
    if (queue.live && !resets) {
      this.#holder.report(
        'LEG-FEAT-04',
        'the function cannot take a single queue down: it stays where it was',
        {
          what: 'page number',
          value: page,
          queue: index,
        },
      );
      return;
    }
    if (queue.live) this.#takeDown(queue);
    if (page === 0) this.#queues.delete(index);
    else this.#queues.set(index, queue);
    if (started && page !== 0) this.#enable(queue);
  }

  /** Waits until the selected queue is down, and gives it the vector that it had. */
  #takeDown(queue: Queue): void {
    const structures = this.#structures;
    const vector = structures.get(commonConfig.queueMsixVector);
    structures.set(commonConfig.queueReset, 1);
    for (let reads = 0; reads < MAX_RESET_READS; reads++) {
      if (structures.get(commonConfig.queueReset) !== 1) break;
      structures.pause();
    }
    structures.set(commonConfig.queueMsixVector, vector);
    queue.live = false;
  }

  /** The function gets the selected queue. */
  #enable(queue: Queue): void {
    const structures = this.#structures;
    const size = this.size();
    const { available, used } = legacyRingLayout(size);
    const base = queue.page * QUEUE_ADDRESS_UNIT;
    structures.set(commonConfig.queueSize, size);
    const { queueDescriptorLow, queueDescriptorHigh, queueDriverLow, queueDriverHigh } = commonConfig;
    const { queueDeviceLow, queueDeviceHigh } = commonConfig;
    const set = (low: typeof queueDescriptorLow, high: typeof queueDescriptorHigh, address: number) => {
      structures.set(low, address % FOUR_GIB);
      structures.set(high, Math.floor(address / FOUR_GIB));
    };
    set(queueDescriptorLow, queueDescriptorHigh, base);
    set(queueDriverLow, queueDriverHigh, base + available);
    set(queueDeviceLow, queueDeviceHigh, base + used);
    queue.doorbell = structures.doorbell();
    structures.set(commonConfig.queueEnable, 1);
    queue.live = true;
  }

  /** The function gets every queue that has an address. */
  enableAll(): void {
    const selected = this.#structures.get(commonConfig.queueSelect);
    for (const [index, queue] of this.#queues) {
      this.#structures.set(commonConfig.queueSelect, index);
      this.#enable(queue);
    }
    this.#structures.set(commonConfig.queueSelect, selected);
  }

  has(index: number): boolean {
    return this.#queues.has(index);
  }

  /** A kick of a queue that the function does not have goes nowhere. */
  kick(index: number): void {
    const queue = this.#queues.get(index);
    if (queue === undefined || !queue.live) return;
    queue.doorbell ??= this.#lookUp(index);
    this.#structures.kick(queue.doorbell, index);
  }

  #lookUp(index: number): number {
    const structures = this.#structures;
    const selected = structures.get(commonConfig.queueSelect);
    structures.set(commonConfig.queueSelect, index);
    const doorbell = structures.doorbell();
    structures.set(commonConfig.queueSelect, selected);
    return doorbell;
  }

  clear(): void {
    this.#queues.clear();
  }

  save(): Saved {
    return Array.from(this.#queues, ([queue, { page, live }]) => ({ queue, page, live }));
  }

  load(saved: Saved): void {
    this.clear();
    for (const { queue, page, live } of saved) this.#queues.set(queue, { page, live, doorbell: null });
  }
}
