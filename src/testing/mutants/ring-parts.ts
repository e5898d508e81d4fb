import type { Width } from '../../core/index.ts';
import {
  type Chain,
  DESCRIPTOR_BYTES,
  descriptor,
  PACKED_DESCRIPTOR_BYTES,
  PackedQueue,
  packedDescriptor,
  pop,
  type QueueService,
  type VirtioDevice,
  type VirtioFunction,
  type Virtqueue,
} from '../../virtio/index.ts';

/** A ring in use, and the memory that it is in; little-endian. */
export class RingParts {
  readonly ring: Virtqueue;
  readonly device: VirtioDevice;
  readonly packed: boolean;

  constructor(ring: Virtqueue, device: VirtioDevice) {
    this.ring = ring;
    this.device = device;
    this.packed = ring instanceof PackedQueue;
  }

  get(address: number, width: Width): number {
    const bytes = new Uint8Array(4);
    this.device.dma!.read(address, bytes, 0, width);
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  put(address: number, width: Width, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.device.dma!.write(address, bytes, 0, width);
  }

  /** Address of a descriptor of the ring. */
  descriptor(index: number): number {
    const bytes = this.packed ? PACKED_DESCRIPTOR_BYTES : DESCRIPTOR_BYTES;
    return this.ring.addresses.get('descriptor') + bytes * (index % this.ring.size);
  }

  flags(index: number): number {
    const { offset } = this.packed ? packedDescriptor.flags : descriptor.flags;
    return this.get(this.descriptor(index) + offset, 2);
  }
}

/** What a mutant does with one queue's ring; each replaces what the honest ring does, which it is given. */
export interface RingMutation {
  /** After a chain was taken. */
  popped?(chain: Chain, at: RingParts): void;
  /** Handing a chain back. */
  push?(honest: Virtqueue['push'], at: RingParts): Virtqueue['push'];
  /** Making it visible; the result says whether to interrupt. */
  publish?(honest: () => boolean, at: RingParts): boolean;
  /** Asking for kicks. */
  rearm?(honest: () => boolean, at: RingParts): boolean;
}

function mutate(ring: Virtqueue, mutation: RingMutation, at: RingParts): void {
  const { popped, push, publish, rearm } = mutation;
  const [honestPop, honestPublish, honestRearm] = [ring.pop, ring.publish, ring.rearm].map((each) =>
    each.bind(ring),
  ) as [Virtqueue['pop'], () => boolean, () => boolean];
  if (popped !== undefined)
    ring.pop = (chain) => {
      const result = honestPop(chain);
      if (result === pop.chain) popped(chain, at);
      return result;
    };
  if (push !== undefined) ring.push = push(ring.push.bind(ring), at);
  if (publish !== undefined) ring.publish = () => publish(honestPublish, at);
  if (rearm !== undefined) ring.rearm = () => rearm(honestRearm, at);
}

/** Changes every ring of a function as it comes into use; `make` is called anew for each. */
export function mutateRings({ device }: VirtioFunction, make: () => RingMutation): void {
  const changed = new WeakSet<Virtqueue>();
  const change = ({ ring }: QueueService) => {
    if (changed.has(ring)) return;
    changed.add(ring);
    mutate(ring, make(), new RingParts(ring, device));
  };
  for (const service of device.queues.services) {
    const setMode = service.setMode.bind(service);
    service.setMode = (mode) => {
      const dropped = setMode(mode);
      change(service);
      return dropped;
    };
    change(service);
  }
}

/** Handles a function's chains otherwise; `honest` is what it would do. */
export function mutateHandling(
  { device }: VirtioFunction,
  handle: (chain: Chain, honest: () => void, at: RingParts) => void,
): void {
  const honest = device.handle.bind(device);
  device.handle = (chain) =>
    handle(chain, () => honest(chain), new RingParts(device.queues.services[chain.queue]!.ring, device));
}
