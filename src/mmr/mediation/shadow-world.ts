import type { DmaMemory } from '../../driver/index.ts';
import type { DevicePort, VdpaParent } from '../../virtio/index.ts';
import { feature, hasFeature, networkFeature, networkQueue } from '../../virtio/layout/index.ts';
import { UnmediatedTypeError } from './refusals.ts';
import { type RequestSides, type RequestTable, requestTables } from './requests.ts';
import type { ShadowCounts } from './shadow-counts.ts';

/** What the queues of one mediator have in common. */
export interface ShadowWorld {
  readonly parent: VdpaParent;
  readonly port: DevicePort;
  /** The mediator's own memory, which the parent reaches at the same addresses. */
  readonly memory: DmaMemory;
  readonly table: RequestTable;
  readonly sides: RequestSides;
  readonly control: number;
  readonly packed: boolean;
  readonly eventIndex: boolean;
  readonly counts: ShadowCounts;
}

/** Whose queues are shadowed. */
export interface ShadowOwner {
  readonly parent: VdpaParent;
  readonly port: DevicePort;
  readonly own: DmaMemory;
  readonly counts: ShadowCounts;
}

/**
 * What the shadow queues are made with.
 * @param accepts features of the guest. @param words what the parent was told.
 * @throws UnmediatedTypeError where requests would have to be turned of which nothing is known.
 */
export function shadowWorld(
  { parent, port, own, counts }: ShadowOwner,
  accepts: (bit: number) => boolean,
  words: readonly number[],
): ShadowWorld {
  const { type, queueSizes } = parent.device.behaviour;
  const has = (bit: number) => hasFeature(words, bit);
  const sides: RequestSides = {
    guest: {
      little: port.littleEndian,
      modern: !port.legacyDriver,
      mergesBuffers: accepts(networkFeature.mergeableBuffers),
    },
    device: {
      little: parent.device.littleEndian,
      modern: has(feature.version1),
      mergesBuffers: has(networkFeature.mergeableBuffers),
    },
  };
  const table = requestTables[type.name];
  if (table === undefined && sides.guest.little !== sides.device.little)
    throw new UnmediatedTypeError(type.name);
  const pairs = has(networkFeature.multiQueue) ? (queueSizes.length - 1) / 2 : 1;
  return {
    parent,
    port,
    memory: own,
    table: table ?? requestTables.entropy!,
    sides,
    control: networkQueue.control(pairs),
    packed: has(feature.ringPacked),
    eventIndex: has(feature.ringEventIndex),
    counts,
  };
}
