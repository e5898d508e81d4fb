import { maskOf } from '../../core/index.ts';
import type { VirtioDevice } from '../device.ts';
import { packedAlignment, splitAlignment } from '../layout/index.ts';
import { PackedQueue } from '../queue/packed.ts';
import type { Virtqueue } from '../queue/virtqueue.ts';
import { NoSuchQueueError, QueueReadyError, QueueValueError } from './errors.ts';

/** Set in a position of a packed ring while its wrap counter is 1. */
const WRAP = 0x8000;

/** Where the three parts of a ring lie, by the addresses that the device uses. */
export interface VdpaRingPlace {
  readonly descriptor: number;
  readonly driver: number;
  readonly device: number;
}

/** A parent's rings as its operations set them up: address, size, position, and at last ready. */
export class ParentRings {
  readonly #device: VirtioDevice;
  /** Where a ring that is not ready begins, as it was told or as it was left; null for the beginning. */
  readonly #positions: (number | null)[];

  constructor(device: VirtioDevice) {
    this.#device = device;
    this.#positions = new Array(device.queueCount).fill(null);
  }

  get count(): number {
    return this.#device.queueCount;
  }

  /** @throws NoSuchQueueError */
  check(operation: string, index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.count)
      throw new NoSuchQueueError(operation, index, this.count);
  }

  #ring(operation: string, index: number): Virtqueue {
    this.check(operation, index);
    const ring = this.#device.queue(index);
    if (ring === null) throw new NoSuchQueueError(operation, index, this.count);
    return ring;
  }

  #idle(operation: string, index: number): Virtqueue {
    const ring = this.#ring(operation, index);
    if (ring.ready) throw new QueueReadyError(operation, index);
    return ring;
  }

  /** Descriptors at most. */
  maxSize(index: number): number {
    return this.#ring('get_vq_num_max', index).maxSize;
  }

  setAddress(index: number, place: VdpaRingPlace): void {
    const ring = this.#idle('set_vq_address', index);
    const packed = ring instanceof PackedQueue;
    const wants = packed
      ? {
          descriptor: packedAlignment.descriptors,
          driver: packedAlignment.event,
          device: packedAlignment.event,
        }
      : {
          descriptor: splitAlignment.descriptors,
          driver: splitAlignment.available,
          device: splitAlignment.used,
        };
    for (const part of ['descriptor', 'driver', 'device'] as const)
      if (!Number.isSafeInteger(place[part]) || place[part] < 0 || place[part] % wants[part] !== 0)
        throw new QueueValueError(
          'set_vq_address',
          `${part} ${place[part]}`,
          `a multiple of ${wants[part]} below 2^53`,
        );
    for (const part of ['descriptor', 'driver', 'device'] as const) ring.addresses.set(part, place[part]);
    ring.relocate();
  }

  setSize(index: number, size: number): void {
    const ring = this.#idle('set_vq_num', index);
    if (!Number.isInteger(size) || !ring.takesSize(size))
      throw new QueueValueError('set_vq_num', size, `a size that a ring can have, up to ${ring.maxSize}`);
    ring.size = size;
    ring.relocate();
  }

  /** The position of a split ring is its available index; of a packed one the offset, with the wrap counter in bit 15. */
  setPosition(index: number, position: number): void {
    const ring = this.#idle('set_vq_state', index);
    const packed = ring instanceof PackedQueue;
    const fits = packed ? (position & ~WRAP) < ring.size : position <= maskOf(2);
    if (!Number.isInteger(position) || position < 0 || position > maskOf(2) || !fits)
      throw new QueueValueError('set_vq_state', position, packed ? 'a place in the ring' : '0 to 65535');
    this.#positions[index] = position;
  }

  position(index: number): number {
    const ring = this.#ring('get_vq_state', index);
    if (!ring.ready && this.#positions[index] !== null) return this.#positions[index]!;
    const position = ring.position();
    if (!(ring instanceof PackedQueue)) return position;
    return position < ring.size ? position | WRAP : position - ring.size;
  }

  ready(index: number): boolean {
    return this.#ring('get_vq_ready', index).ready;
  }

  /** A ring that is taken down says from now on where it was; chains in flight are taken anew by whoever goes on there. */
  setReady(index: number, ready: boolean): void {
    const ring = this.#ring('set_vq_ready', index);
    if (ready === ring.ready) return;
    if (ready) {
      const position = this.#positions[index] ?? null;
      ring.ready = true;
      if (position !== null)
        ring.goOnFrom(ring instanceof PackedQueue ? packedPlace(position, ring.size) : position);
      return;
    }
    const position = this.position(index);
    const { size } = ring;
    const addresses = [...ring.addresses.words];
    this.#device.resetQueue(index);
    this.#positions[index] = position;
    ring.size = size;
    ring.addresses.copy(addresses);
    ring.relocate();
  }

  /** The device was reset: each begins anew. */
  reset(): void {
    this.#positions.fill(null);
  }

  save(): (number | null)[] {
    return [...this.#positions];
  }

  load(positions: readonly (number | null)[]): void {
    for (const [index, position] of positions.entries()) this.#positions[index] = position;
  }
}

const packedPlace = (position: number, size: number): number =>
  (position & WRAP) !== 0 ? position & ~WRAP : position + size;
