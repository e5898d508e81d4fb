import { lengthOf, type Register, sizeOf, type Width } from '../../core/index.ts';
import {
  adminFeaturesPart,
  adminPart,
  adminQueueNotifyPart,
  adminQueuePart,
  commonConfig,
  FEATURE_WORDS,
  feature,
  NO_VECTOR,
} from '../layout/index.ts';
import type { QueueArea } from '../queue/virtqueue.ts';
import type { CommonConfigWindow } from '../transport/common-config.ts';
import { notificationConfigData } from '../transport/notify.ts';
import type { GroupMember } from './members.ts';

/** A member whose parts are read and written: one with a common configuration. */
export type PartedMember = GroupMember & { readonly common: CommonConfigWindow };

/** What the values of a part are looked at with: the features that the driver has accepted, with what was set already. */
export interface PartContext {
  readonly member: PartedMember;
  /** By word. */
  readonly driverFeatures: readonly number[];
}

/** Parts of one type. `at` is where the value begins in `view`. */
export interface PartRow {
  readonly type: number;
  /** Whoever does not know it passes over it. */
  readonly optional: boolean;
  /** Which there are, by the lower half of their selector. */
  selectors(member: PartedMember): readonly number[];
  has(member: PartedMember, selector: number): boolean;
  bytes(selector: number): number;
  read(member: PartedMember, selector: number, view: DataView, at: number): void;
  /** The member can have that value. */
  fits(context: PartContext, selector: number, view: DataView, at: number): boolean;
}

const NO_SELECTOR: readonly number[] = [0];
const VERSION_1_WORD = feature.version1 >> 5;
const VERSION_1_BIT = 1 << (feature.version1 & 31);

/** Features without VERSION_1 are a legacy driver's, where there can be one. */
export const speaksLegacy = ({ legacy }: GroupMember, features: readonly number[]): boolean =>
  legacy !== null && (features[VERSION_1_WORD]! & VERSION_1_BIT) === 0;

export const wordAt = (view: DataView, at: number, word: number): number =>
  view.getUint32(at + adminFeaturesPart.words.width * word, true);

/** What a member offers to the driver that has those features. */
function offeredTo(member: PartedMember, features: readonly number[]): readonly number[] {
  const { offered, offeredLegacy } = member.device.features;
  return speaksLegacy(member, features) ? [offeredLegacy, 0, 0, 0] : offered;
}

const featureWords = (view: DataView, at: number): number[] =>
  Array.from({ length: FEATURE_WORDS }, (_, word) => wordAt(view, at, word));

function writeWords(words: readonly number[], view: DataView, at: number): void {
  for (const [word, bits] of words.entries()) view.setUint32(at + 4 * word, bits, true);
}

/** Fields of the common configuration that are neither a queue's nor in another part. */
const commonFields: readonly Register[] = [
  commonConfig.deviceFeatureSelect,
  commonConfig.driverFeatureSelect,
  commonConfig.configMsixVector,
  commonConfig.numQueues,
  commonConfig.queueSelect,
];

const valueAt = (view: DataView, at: number, width: number): number =>
  width === 4 ? view.getUint32(at, true) : width === 2 ? view.getUint16(at, true) : view.getUint8(at);

/** A vector that the member's table has, or none. */
const vectorFits = ({ interrupts }: GroupMember, vector: number): boolean =>
  vector === NO_VECTOR || vector < (interrupts.function.msix?.vectors ?? 0);

/** A part of which there is one. */
const alone: Pick<PartRow, 'selectors' | 'has'> = {
  selectors: () => NO_SELECTOR,
  has: (_, selector) => selector === NO_SELECTOR[0],
};

const hasQueue = ({ device }: GroupMember, queue: number): boolean =>
  queue < device.queueCount && device.queue(queue) !== null;

/** A part of each queue that there is. */
const ofQueues: Pick<PartRow, 'selectors' | 'has'> = {
  selectors: (member) =>
    Array.from({ length: member.device.queueCount }, (_, queue) => queue).filter((queue) =>
      hasQueue(member, queue),
    ),
  has: hasQueue,
};

const halves = [
  ['descriptor', 0, adminQueuePart.descriptorLow],
  ['descriptor', 1, adminQueuePart.descriptorHigh],
  ['driver', 0, adminQueuePart.driverLow],
  ['driver', 1, adminQueuePart.driverHigh],
  ['device', 0, adminQueuePart.deviceLow],
  ['device', 1, adminQueuePart.deviceHigh],
] as const satisfies readonly (readonly [QueueArea, 0 | 1, Register])[];

/** Addresses of a queue in its part, as six halves. */
export const addressWords = (view: DataView, at: number): number[] =>
  halves.map(([, , { offset }]) => view.getUint32(at + offset, true));

/** A queue's part says what the member has: it goes on where it is. */
export function sameQueue({ device }: GroupMember, queue: number, view: DataView, at: number): boolean {
  const ring = device.queue(queue)!;
  const { size, enabled } = adminQueuePart;
  return (
    view.getUint16(at + size.offset, true) === ring.size &&
    (view.getUint16(at + enabled.offset, true) === 1) === ring.ready &&
    addressWords(view, at).every((word, i) => word === ring.addresses.words[i])
  );
}

/** Nothing in a packed ring says where another device left off: no such queue can be taken over. */
function queueFits(
  { member, driverFeatures }: PartContext,
  queue: number,
  view: DataView,
  at: number,
): boolean {
  const ring = member.device.queue(queue)!;
  const { size, vector, enabled } = adminQueuePart;
  const packedWord = driverFeatures[feature.ringPacked >> 5]!;
  const packed = (packedWord & (1 << (feature.ringPacked & 31))) !== 0;
  const wanted = view.getUint16(at + size.offset, true);
  const on = view.getUint16(at + enabled.offset, true);
  const takesSize = packed ? wanted > 0 && wanted <= ring.maxSize : ring.takesSize(wanted);
  return (
    on <= 1 &&
    takesSize &&
    vectorFits(member, view.getUint16(at + vector.offset, true)) &&
    (on === 0 || !packed || sameQueue(member, queue, view, at))
  );
}

function readNotify({ device, common }: PartedMember, queue: number, view: DataView, at: number): void {
  const { offset, configData } = adminQueueNotifyPart;
  view.setUint16(at + offset.offset, common.notifyOffsets?.[queue] ?? queue, true);
  const named = device.has(feature.notificationConfigData);
  view.setUint16(at + configData.offset, named ? notificationConfigData(queue) : 0, true);
}

/** In the order in which parts are read and written. */
export const partRows: readonly PartRow[] = [
  {
    type: adminPart.deviceFeatures,
    optional: true,
    ...alone,
    bytes: () => sizeOf(adminFeaturesPart.words),
    read: ({ device }, _, view, at) => writeWords(device.features.offered, view, at),
    fits: ({ member }, _, view, at) =>
      member.device.features.offered.every((bits, word) => bits === wordAt(view, at, word)),
  },
  {
    type: adminPart.driverFeatures,
    optional: false,
    ...alone,
    bytes: () => sizeOf(adminFeaturesPart.words),
    read: ({ device }, _, view, at) => writeWords(device.features.accepted, view, at),
    fits({ member }, _, view, at) {
      const wanted = featureWords(view, at);
      const offered = offeredTo(member, wanted);
      return wanted.every((bits, word) => (bits & ~offered[word]!) === 0);
    },
  },
  {
    type: adminPart.commonConfig,
    optional: false,
    selectors: () => commonFields.map(({ offset }) => offset),
    has: (_, selector) => commonFields.some(({ offset }) => offset === selector),
    bytes: (selector) => commonFields.find(({ offset }) => offset === selector)!.width,
    read({ common, device, legacy }, selector, view, at) {
      const { width } = commonFields.find(({ offset }) => offset === selector)!;
      // Each interface has a selector of its own here; a driver uses one.
      const selects = selector === commonConfig.queueSelect.offset && device.legacyDriver;
      const value = selects && legacy !== null ? legacy.queueSelect : common.read(selector, width as Width);
      if (width === 4) view.setUint32(at, value, true);
      else view.setUint16(at, value, true);
    },
    fits({ member }, selector, view, at) {
      if (selector === commonConfig.numQueues.offset)
        return valueAt(view, at, commonConfig.numQueues.width) === member.device.queueCount;
      const { configMsixVector } = commonConfig;
      return (
        selector !== configMsixVector.offset || vectorFits(member, valueAt(view, at, configMsixVector.width))
      );
    },
  },
  {
    type: adminPart.deviceStatus,
    optional: false,
    ...alone,
    bytes: () => commonConfig.deviceStatus.width,
    read: ({ device }, _, view, at) => view.setUint8(at, device.status),
    fits: () => true,
  },
  {
    type: adminPart.queueConfig,
    optional: false,
    ...ofQueues,
    bytes: () => lengthOf(adminQueuePart),
    read({ device, interrupts }, queue, view, at) {
      const ring = device.queue(queue)!;
      view.setUint16(at + adminQueuePart.size.offset, ring.size, true);
      view.setUint16(at + adminQueuePart.vector.offset, interrupts.queueVector(queue), true);
      view.setUint16(at + adminQueuePart.enabled.offset, ring.ready ? 1 : 0, true);
      for (const [area, half, { offset }] of halves)
        view.setUint32(at + offset, ring.addresses.half(area, half), true);
    },
    fits: queueFits,
  },
  {
    type: adminPart.queueNotification,
    optional: false,
    ...ofQueues,
    bytes: () => lengthOf(adminQueueNotifyPart),
    read: readNotify,
    fits({ member }, queue, view, at) {
      const own = new DataView(new ArrayBuffer(lengthOf(adminQueueNotifyPart)));
      readNotify(member, queue, own, 0);
      const { offset, configData } = adminQueueNotifyPart;
      // The device's name for a queue follows from features that are set with it.
      return (
        view.getUint16(at + offset.offset, true) === own.getUint16(offset.offset, true) &&
        [0, notificationConfigData(queue)].includes(view.getUint16(at + configData.offset, true))
      );
    },
  },
];
