import { command } from '../../pci/layout/index.ts';
import {
  deviceStatus,
  FEATURE_WORDS,
  feature,
  featureBits,
  hasFeature,
  unmetDependency,
} from '../../virtio/layout/index.ts';
import { ALL_ONES } from './look.ts';
import type { Seen } from './observed.ts';
import { ofFunction, type ReasonRow } from './reason.ts';
import { bitName } from './words.ts';

const { acknowledge, driver, driverOk, featuresOk, needsReset, failed, suspend } = deviceStatus;

/** Why no register could be read. */
const unreachable: readonly (readonly [id: NonNullable<Seen['unreachable']>, says: string])[] = [
  ['no-function', 'no function answers there: it was taken away, or was never plugged'],
  ['not-virtio', 'its ids are those of no virtio device that is known here'],
  ['powered-down', 'it is in D3hot: only its configuration space answers, and nothing is decoded'],
  ['no-interface', 'its capabilities name no common configuration, and it has no legacy block'],
  ['no-address', 'its BAR has no address: firmware, or whoever plugged it, gave it none'],
  ['decode-off', 'its BAR is not decoded: the command register has memory or I/O space off'],
];

/** A status that is known and has all of some bits, or lacks all of them. */
const has = ({ status }: Seen, bits: number) => status !== null && (status & bits) === bits;
const lacks = ({ status }: Seen, bits: number) => status !== null && (status & bits) === 0;
const isGone = ({ status }: Seen) => status === ALL_ONES;
const modern = (seen: Seen) => seen.interface === 'modern';

/** The features that the driver accepted and the device does not offer. */
function strange({ offered, accepted }: Seen): number[] {
  if (offered === null || accepted === null) return [];
  return featureBits(Uint32Array.from({ length: FEATURE_WORDS }, (_, i) => accepted[i]! & ~offered[i]!));
}

/** Features are being negotiated, or that failed. */
const unsettled = (seen: Seen) => modern(seen) && lacks(seen, featuresOk) && has(seen, driver);

/** The whole function, before any queue: from what must be there first to what comes last. */
export const functionReasons: readonly ReasonRow[] = [
  ...unreachable.map(([id, says]) =>
    ofFunction({ id, kind: 'stops', clause: null }, (seen) => (seen.unreachable === id ? says : null)),
  ),
  ofFunction({ id: 'gone', kind: 'stops', clause: null }, (seen) =>
    isGone(seen) ? 'its registers read all ones: nobody answers them any more' : null,
  ),
  ofFunction({ id: 'needs-reset', kind: 'stops', clause: 'BF-STAT-04' }, (seen) =>
    has(seen, needsReset) && !isGone(seen)
      ? 'NEEDS_RESET: the device ran into an error and serves nothing until the driver resets it'
      : null,
  ),
  ofFunction({ id: 'failed', kind: 'stops', clause: 'BF-STAT-03' }, (seen) =>
    has(seen, failed) && !isGone(seen) ? 'FAILED: the driver has given the device up' : null,
  ),
  ofFunction({ id: 'not-started', kind: 'stops', clause: 'INIT-01' }, ({ status }) =>
    status === 0 ? 'the status is 0: no driver has begun, or one has reset the device' : null,
  ),
  ofFunction({ id: 'bus-master-off', kind: 'stops', clause: null }, ({ command: value, unreachable: why }) =>
    why === null && value !== null && (value & command.busMaster) === 0
      ? 'bus mastering is off: the device reads no ring, writes no memory, and sends no message'
      : null,
  ),
  ofFunction({ id: 'no-acknowledge', kind: 'may', clause: 'INIT-01' }, (seen) =>
    lacks(seen, acknowledge) && seen.status !== 0
      ? 'ACKNOWLEDGE is not set: the driver left a step out'
      : null,
  ),
  ofFunction({ id: 'no-driver', kind: 'may', clause: 'INIT-01' }, (seen) =>
    lacks(seen, driver) && seen.status !== 0
      ? 'DRIVER is not set: the device was noticed, and no driver for it has begun'
      : null,
  ),
  ofFunction({ id: 'features-not-offered', kind: 'stops', clause: 'BF-FEAT-01' }, (seen) => {
    const bits = strange(seen);
    if (bits.length === 0) return null;
    const says = `accepted and not offered: ${bits.map((bit) => bitName(seen.type, bit)).join(', ')}`;
    if (!modern(seen) || has(seen, featuresOk)) return { kind: 'may', says };
    return `FEATURES_OK is not set, and the device has reason to refuse it: ${says}`;
  }),
  ofFunction({ id: 'features-dependency', kind: 'stops', clause: 'BF-FEAT-02' }, (seen) => {
    const unmet =
      seen.accepted === null ? null : unmetDependency(seen.accepted, seen.type?.dependencies ?? []);
    if (unmet === null) return null;
    const name = (bit: number) => bitName(seen.type, bit);
    const says = `${name(unmet[0])} was accepted without ${unmet[1].map(name).join(' or ')}`;
    if (!modern(seen) || has(seen, featuresOk)) return { kind: 'may', says };
    return `FEATURES_OK is not set, and the device has reason to refuse it: ${says}`;
  }),
  ofFunction({ id: 'no-version-1', kind: 'stops', clause: 'RF-01' }, (seen) =>
    unsettled(seen) &&
    seen.accepted?.some((word) => word !== 0) &&
    !hasFeature(seen.accepted, feature.version1)
      ? 'FEATURES_OK is not set, and features were accepted without VERSION_1: a device may refuse that'
      : null,
  ),
  ofFunction({ id: 'features-not-settled', kind: 'stops', clause: 'INIT-05' }, (seen) =>
    unsettled(seen)
      ? 'FEATURES_OK is not set: the driver did not write it, or the device refused what it accepted'
      : null,
  ),
  ofFunction({ id: 'no-driver-ok', kind: 'stops', clause: 'BF-STAT-05' }, (seen) => {
    if (!lacks(seen, driverOk) || seen.status === 0 || has(seen, suspend)) return null;
    if (modern(seen)) return 'DRIVER_OK is not set: the device takes nothing from any queue';
    return {
      kind: 'may',
      clause: 'LEG-INIT-03',
      says: 'DRIVER_OK is not set: devices should serve legacy drivers all the same, and many do not',
    };
  }),
  ofFunction({ id: 'suspended', kind: 'stops', clause: 'SUSP-09' }, (seen) =>
    has(seen, suspend) &&
    !isGone(seen) &&
    seen.accepted !== null &&
    hasFeature(seen.accepted, feature.suspend)
      ? 'SUSPEND is set: the device touches no queue until it is resumed'
      : null,
  ),
  ofFunction({ id: 'no-queue', kind: 'stops', clause: 'INIT-01' }, (seen, { queues }) =>
    has(seen, driverOk) &&
    !isGone(seen) &&
    queues.length > 0 &&
    queues.every(({ enabled }) => enabled === false)
      ? 'DRIVER_OK is set, and no queue is set up'
      : null,
  ),
];
