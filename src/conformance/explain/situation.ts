import type { GuestMemory } from '../../core/index.ts';
import { feature, hasFeature } from '../../virtio/layout/index.ts';
import type { SeenChain } from './chain.ts';
import type { Seen, SeenQueue } from './observed.ts';
import { readPacked } from './packed.ts';
import { RamReader } from './ram.ts';
import { describeRequest } from './requests.ts';
import type { RingFault, SeenRing } from './ring.ts';
import { type QueueRole, roleOf } from './roles.ts';
import { readSplit } from './split.ts';

/** A chain that waits, and what it asks for in the type's words; '' where nobody knows those. */
export interface ExplainedChain extends SeenChain {
  readonly request: string;
}

/** A queue, with what its ring holds. */
export interface ExplainedQueue extends SeenQueue {
  /** What it is for, as in `receive 0`; '' where nobody knows. */
  readonly name: string;
  /** What keeps a device from answering here, in a device that works; null for a queue that it answers by itself. */
  readonly waitsFor: string | null;
  /** Null where there is no memory to read, or nothing that a ring could be read by. */
  readonly ring: (Omit<SeenRing, 'waiting'> & { readonly waiting: readonly ExplainedChain[] }) | null;
  readonly fault: RingFault | null;
}

export interface RamOptions {
  /** The driver's memory, at the addresses that the device was told. Null for none: rings cannot be read then. */
  readonly ram: GuestMemory | null;
  /** A legacy driver whose rings are big-endian. */
  readonly bigEndian?: boolean;
}

const NO_FEATURES = new Uint32Array(4);

function ringOf(queue: SeenQueue, seen: Seen, ram: RamReader, role: QueueRole): SeenRing | RingFault | null {
  const { descriptors, driver, device, size } = queue;
  if (queue.enabled !== true || size === null || !descriptors || !driver || !device) return null;
  const accepts = (bit: number) => hasFeature(seen.accepted ?? NO_FEATURES, bit);
  const packed = accepts(feature.ringPacked);
  const rules = {
    size,
    packed,
    indirect: accepts(feature.ringIndirectDescriptors),
    eventIndex: accepts(feature.ringEventIndex),
    legacy: seen.interface !== 'modern',
    opens: role.opens,
  };
  return (packed ? readPacked : readSplit)(ram, { descriptors, driver, device }, rules);
}

/** Reads the ring of every queue. */
export function readQueues(seen: Seen, { ram, bigEndian = false }: RamOptions): ExplainedQueue[] {
  const reader = ram === null ? null : new RamReader(ram, !bigEndian || seen.interface === 'modern');
  return seen.queues.map((queue) => {
    const role = roleOf(queue.index, seen);
    const { name, waitsFor } = role;
    const found = reader === null ? null : ringOf(queue, seen, reader, role);
    if (found === null || 'says' in found) return { ...queue, name, waitsFor, ring: null, fault: found };
    const context = { type: seen.type?.name ?? '', role, accepted: seen.accepted ?? NO_FEATURES };
    const waiting = found.waiting.map((chain) => ({
      ...chain,
      request: chain.fault === null ? describeRequest(reader!, chain.buffers, context) : '',
    }));
    return { ...queue, name, waitsFor, ring: { ...found, waiting }, fault: null };
  });
}
