import { type Register, registers, rw } from '../core/index.ts';
import { command, messageControl, msixCapability, status, type0Header } from '../pci/layout/index.ts';
import {
  commonConfig,
  type DeviceType,
  deviceStatus,
  feature,
  isrStatus,
  legacyHeader,
  legacyVectors,
  NEXT_WRAP_BIT,
  NO_VECTOR,
  NOTIFICATION_DATA_BYTES,
  notification,
  QUEUE_ADDRESS_UNIT,
} from '../virtio/layout/index.ts';
import { keyOf } from './config-tables.ts';

/** The structures of one register that the modern interface has beside the common configuration. */
export const isrStructure = { isrStatus: { ...legacyHeader.isrStatus, offset: 0 } };
export const notifyStructure = { queueNotify: { ...legacyHeader.queueNotify, offset: 0 } };
/** With NOTIFICATION_DATA, written whole. */
export const notifyData = registers({ queueNotify: rw(0, NOTIFICATION_DATA_BYTES, 'PCI-KICK-02') });

/** What a value's meaning may depend on. */
export interface ValueContext {
  readonly type: DeviceType | null;
  /** The value was written, not read. */
  readonly write: boolean;
  /** 32-bit word of the feature set that a feature register shows. */
  readonly featureWord: number;
}

export const hex = (value: number, width: number) => `0x${value.toString(16).padStart(2 * width, '0')}`;

const decimal = (value: number) => value.toString();

/** Names of the bits that are set, and what is left over in hexadecimal; `-` for none. */
function bitNames(named: readonly (readonly [name: string, mask: number])[], value: number): string {
  const names: string[] = [];
  let rest = value;
  for (const [name, mask] of named) {
    if ((value & mask) === 0) continue;
    names.push(name);
    rest = (rest & ~mask) >>> 0;
  }
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.length === 0 ? '-' : names.join(' ');
}

const flags = (table: Readonly<Record<string, number>>) => {
  const named = Object.entries(table);
  return (value: number) => bitNames(named, value);
};

/** Names of the features in a 32-bit word: those of the type first, as theirs are the low bits. */
export function featureNames(type: DeviceType | null, word: number, value: number): string {
  const named = Object.entries({ ...type?.features, ...feature })
    .filter(([, bit]) => bit >> 5 === word)
    .map(([name, bit]) => [name, (1 << (bit & 31)) >>> 0] as const);
  return bitNames(named, value);
}

const features = (value: number, { type, featureWord }: ValueContext) =>
  featureNames(type, featureWord, value);
const vector = (value: number) => (value === NO_VECTOR ? keyOf({ NO_VECTOR }, value) : decimal(value));
const page = (value: number) =>
  value === 0 ? '-' : `page at 0x${(value * QUEUE_ADDRESS_UNIT).toString(16)}`;

/** The table's size is read-only: drivers write 0 there. */
function control(value: number): string {
  const { enable, functionMask, tableSize } = messageControl;
  const bits = bitNames(Object.entries({ enable, functionMask }), value & ~tableSize);
  return (value & tableSize) === 0 ? bits : `${bits}, ${(value & tableSize) + 1} vectors`;
}

/** A kick with data: the queue's name, and where its next entry goes. */
function kick(value: number): string {
  const [name, next] = [value & 0xffff, value >>> (8 * notification.next.offset)];
  return `${name}, next ${next & ~NEXT_WRAP_BIT}, wrap ${(next & NEXT_WRAP_BIT) === 0 ? 0 : 1}`;
}

const statusBits = flags(deviceStatus);
const virtioStatus = (value: number, { write }: ValueContext) =>
  value === 0 && write ? 'reset' : statusBits(value);

/** How to say what a register holds. Registers without an entry are numbers: decimal below, hexadecimal elsewhere. */
const meanings = new Map<Register, (value: number, context: ValueContext) => string>([
  [type0Header.command, flags(command)],
  [type0Header.status, flags(status)],
  [msixCapability.messageControl, control],
  [legacyHeader.deviceFeatures, features],
  [legacyHeader.driverFeatures, features],
  [legacyHeader.queueAddress, page],
  [legacyHeader.deviceStatus, virtioStatus],
  [legacyHeader.isrStatus, flags(isrStatus)],
  [isrStructure.isrStatus, flags(isrStatus)],
  [legacyVectors.configMsixVector, vector],
  [legacyVectors.queueMsixVector, vector],
  [notifyData.queueNotify, kick],
  [commonConfig.deviceFeature, features],
  [commonConfig.driverFeature, features],
  [commonConfig.deviceStatus, virtioStatus],
  [commonConfig.configMsixVector, vector],
  [commonConfig.queueMsixVector, vector],
]);

const counted = new Set<Register>([
  legacyHeader.queueSize,
  legacyHeader.queueSelect,
  legacyHeader.queueNotify,
  notifyStructure.queueNotify,
  commonConfig.deviceFeatureSelect,
  commonConfig.driverFeatureSelect,
  commonConfig.numQueues,
  commonConfig.configGeneration,
  commonConfig.queueSelect,
  commonConfig.queueSize,
  commonConfig.queueEnable,
  commonConfig.queueNotifyOffset,
  commonConfig.queueReset,
  commonConfig.adminQueueIndex,
  commonConfig.adminQueueNum,
]);

/** What a register's value says, in words; '' where the number says it all. */
export function meaningOf(register: Register, value: number, context: ValueContext): string {
  const meaning = meanings.get(register);
  if (meaning !== undefined) return meaning(value, context);
  const ofType = Object.values(context.type?.config ?? {});
  return counted.has(register) || ofType.includes(register) ? decimal(value) : '';
}
