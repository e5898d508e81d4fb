import { lengthOf, type RegisterMap } from '../../core/index.ts';
import type { Message } from './channel.ts';
import type { ServedDevice } from './device.ts';
import { CommandError } from './errors.ts';
import type { Features } from './features.ts';
import { getFields, structure } from './fields.ts';
import {
  deviceFlags,
  deviceInfoPayload,
  dmaMapPayload,
  dmaUnmapPayload,
  irqInfoPayload,
  irqNames,
  irqSetPayload,
  MIG_DATA_BYTES,
  MULTI_WRITE_BYTES,
  migDataPayload,
  REGION_ACCESS_BYTES,
  regionAccessPayload,
  regionFlags,
  regionIndex,
  regionInfoPayload,
  unmapFlags,
  type VfioCommandName,
  versionDefaults,
  writeMultiPayload,
} from './layout.ts';
import type { Migration } from './migration.ts';

/** What commands are about. */
export interface Served {
  readonly device: ServedDevice;
  readonly features: Features;
  readonly migration: Migration;
}

/** Carries a command out. @returns the payload of the answer. @throws CommandError */
type Handler = (message: Message, served: Served) => Uint8Array | null;

/** The structure that a command's payload begins with. @throws CommandError where it is not whole */
function read<M extends RegisterMap>(map: M, { view, at, length }: Message) {
  if (length < lengthOf(map))
    throw new CommandError('EINVAL', `${length} bytes; wants ${lengthOf(map)} at least`);
  return getFields(map, view, at);
}

const payloadOf = ({ bytes, at, length }: Message) => bytes.slice(at, at + length);

const transferOf = (count: number) => {
  if (count > versionDefaults.maxTransferBytes)
    throw new CommandError('EINVAL', `${count} bytes at once; ${versionDefaults.maxTransferBytes} at most`);
  return count;
};

const regionRead: Handler = (message, { device }) => {
  const { offset, region, count } = read(regionAccessPayload, message);
  const answer = structure(regionAccessPayload, { offset, region, count }, transferOf(count));
  device.read(region, offset, new DataView(answer.buffer), REGION_ACCESS_BYTES, count);
  return answer;
};

/** @throws CommandError for one that cannot be carried out */
function writeAnswer(message: Message, { device }: Served): Uint8Array {
  const { offset, region, count } = read(regionAccessPayload, message);
  if (message.length < REGION_ACCESS_BYTES + transferOf(count))
    throw new CommandError('EINVAL', `${message.length} bytes for a write of ${count}`);
  device.check(region, offset, count);
  return structure(regionAccessPayload, { offset, region, count });
}

const regionWrite: Handler = (message, { device }) => {
  const { offset, region, count } = read(regionAccessPayload, message);
  device.write(region, offset, message.view, message.at + REGION_ACCESS_BYTES, count);
  return null;
};

/** Where each of several writes begins in a message. @throws CommandError where it is shorter than it says */
function writesOf(message: Message): number[] {
  const { count } = read(writeMultiPayload, message);
  const first = lengthOf(writeMultiPayload);
  if (count * MULTI_WRITE_BYTES > message.length - first)
    throw new CommandError('EINVAL', `${count} writes in ${message.length} bytes`);
  return Array.from({ length: count }, (_, i) => message.at + first + i * MULTI_WRITE_BYTES);
}

/** All of them can be carried out, or none is. @throws CommandError */
function writeMultiAnswer(message: Message, { device }: Served): Uint8Array {
  const writes = writesOf(message);
  for (const at of writes) {
    const { region, offset, count } = getFields(regionAccessPayload, message.view, at);
    if (count > MULTI_WRITE_BYTES - REGION_ACCESS_BYTES)
      throw new CommandError('EINVAL', `a write of ${count} bytes among several`);
    device.check(region, offset, count);
  }
  return structure(writeMultiPayload, { count: writes.length });
}

/** In their order. */
const regionWriteMulti: Handler = (message, { device }) => {
  for (const at of writesOf(message)) {
    const { region, offset, count } = getFields(regionAccessPayload, message.view, at);
    device.write(region, offset, message.view, at + REGION_ACCESS_BYTES, count);
  }
  return null;
};

/**
 * Answers to what will be carried out, which go out before: the device may need its client's memory, and the client wait for the
 * answer. @throws CommandError for what cannot be carried out
 */
export const earlyAnswers: Readonly<
  Partial<Record<VfioCommandName, (message: Message, served: Served) => Uint8Array>>
> = { regionWrite: writeAnswer, regionWriteMulti: writeMultiAnswer };

const setIrqs: Handler = (message, { device }) => {
  const request = read(irqSetPayload, message);
  const { bytes, at, length } = message;
  const bools = bytes.slice(at + lengthOf(irqSetPayload), at + length);
  device.irqs.set({ ...request, bools }, message.fds);
  return null;
};

const dmaMap: Handler = (message, { device }) => {
  const request = read(dmaMapPayload, message);
  if (message.fds.length > 1) throw new CommandError('EINVAL', `${message.fds.length} descriptors`);
  device.memory.map(request, message.fds.shift() ?? null);
  return null;
};

const dmaUnmap: Handler = (message, { device }) => {
  const { flags, address, size } = read(dmaUnmapPayload, message);
  if ((flags & ~unmapFlags.all) !== 0) throw new CommandError('EINVAL', `flags ${flags}`);
  if ((flags & unmapFlags.all) !== 0) {
    if (address !== 0 || size !== 0) throw new CommandError('EINVAL', 'all, and a range');
    device.memory.unmapAll();
  } else device.memory.unmap(address, size);
  device.memory.settle();
  return payloadOf(message);
};

/** Every command that a client gives, but for the first. */
export const handlers: Readonly<Partial<Record<VfioCommandName, Handler>>> = {
  dmaMap,
  dmaUnmap,
  deviceGetInfo(message) {
    read(deviceInfoPayload, message);
    return structure(deviceInfoPayload, {
      argsz: lengthOf(deviceInfoPayload),
      flags: deviceFlags.reset | deviceFlags.pci,
      regions: regionIndex.count,
      irqs: irqNames.length,
    });
  },
  deviceGetRegionInfo(message, { device }) {
    const { index } = read(regionInfoPayload, message);
    const size = device.regionBytes(index);
    const flags = size === 0 ? 0 : regionFlags.read | regionFlags.write;
    return structure(regionInfoPayload, { argsz: lengthOf(regionInfoPayload), flags, index, size });
  },
  deviceGetIrqInfo(message, { device }) {
    const { index } = read(irqInfoPayload, message);
    return structure(irqInfoPayload, { argsz: lengthOf(irqInfoPayload), index, ...device.irqs.info(index) });
  },
  deviceSetIrqs: setIrqs,
  regionRead,
  regionWrite,
  regionWriteMulti,
  deviceReset(_message, { device, migration }) {
    device.reset();
    migration.reset();
    return null;
  },
  deviceFeature: (message, { features }) => features.command(payloadOf(message)),
  migDataRead(message, { migration }) {
    const { size } = read(migDataPayload, message);
    const bytes = migration.read(transferOf(size));
    return structure(migDataPayload, { argsz: MIG_DATA_BYTES + bytes.length, size: bytes.length }, bytes);
  },
  migDataWrite(message, { migration }) {
    const { size } = read(migDataPayload, message);
    if (message.length < MIG_DATA_BYTES + transferOf(size))
      throw new CommandError('EINVAL', `${message.length} bytes for ${size}`);
    const start = message.at + MIG_DATA_BYTES;
    migration.write(message.bytes.slice(start, start + size));
    return null;
  },
};

/** Of commands that come while a device's turn waits for a client's memory, what becomes of them. */
export type NestedFate = 'now' | 'later';

const LATER: ReadonlySet<VfioCommandName> = new Set([
  'deviceReset',
  'deviceFeature',
  'migDataRead',
  'migDataWrite',
  'regionWriteMulti',
]);

/** Registers may be read and written in the middle of a device's turn, but for those that the turn stands on. */
export function nestedFate(name: VfioCommandName, message: Message, { device }: Served): NestedFate {
  if (name !== 'regionWrite' || message.length < REGION_ACCESS_BYTES)
    return LATER.has(name) ? 'later' : 'now';
  const { region, offset, count } = getFields(regionAccessPayload, message.view, message.at);
  return device.disrupts(region, offset, count) ? 'later' : 'now';
}
