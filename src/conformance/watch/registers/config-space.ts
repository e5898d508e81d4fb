import { type AccessEvent, type Bus, maskOf, type Width } from '../../../core/index.ts';
import { walkCapabilities } from '../../../driver/index.ts';
import { type Draft, identify } from '../../../mmr/layout/index.ts';
import {
  CAPABILITIES_START,
  CONVENTIONAL_BYTES,
  capabilityId,
  command,
  EXTENDED_BYTES,
  express,
  INITIATE_FUNCTION_RESET,
  messageControl,
  msixCapability,
  powerManagement,
  powerState,
  sriovCapability,
  sriovControl,
  status,
  type0Header,
} from '../../../pci/layout/index.ts';
import {
  type DeviceType,
  pciConfigCapability,
  structureCapability,
  structureType,
  TRANSITIONAL_ID_RANGE,
  VIRTIO_VENDOR_ID,
  vendorDataCapability,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import { sriovAt } from '../model/sriov.ts';
import { type Follower, take } from './follower.ts';

/** What is to be known of functions beside their accesses. */
export interface Identities {
  readonly draft: Draft;
  readonly types: readonly DeviceType[];
}

const NOBODY = 0xffff;
const COMMAND = type0Header.command.offset;

function keep(fn: FunctionModel, offset: number, width: number, value: number): void {
  for (let i = 0; i < width; i++) fn.config.set(offset + i, Math.floor(value / 256 ** i) & 0xff);
}

/** Takes over what somebody can read of it without anybody noticing. @param live what changes is as it is now. */
export function readAll(
  fn: FunctionModel,
  bus: Pick<Bus, 'configRead'>,
  { draft, types }: Identities,
  live: boolean,
): void {
  const { address } = fn;
  if (address === null) return;
  const read = (from: number, to: number) => {
    for (let offset = from; offset < to; offset += 4) keep(fn, offset, 4, bus.configRead(address, offset, 4));
  };
  if (bus.configRead(address, type0Header.vendorId.offset, 2) === NOBODY && !fn.virtual) return;
  read(0, CONVENTIONAL_BYTES);
  learn(fn, { draft, types });
  if (fn.places?.has(capabilityId.express)) read(CONVENTIONAL_BYTES, EXTENDED_BYTES);
  if (live) {
    const sriov = sriovAt(fn);
    if (sriov === 0) fn.virtualFunctions = 0;
    else if (sriov !== null) {
      fn.numVfs = bus.configRead(address, sriov + sriovCapability.numVfs.offset, 2);
      const control = bus.configRead(address, sriov + sriovCapability.control.offset, 2);
      fn.virtualFunctions = (control & sriovControl.enable) === 0 ? 0 : fn.numVfs;
    }
    fn.command = fn.config.ask((get) => get(COMMAND, 2));
    return;
  }
  // What a dump says of these is from another moment than that of the first access.
  fn.command = null;
  if (fn.msix.at !== 0) fn.msix.enabled = null;
}

/** Finds out what the known bytes tell. */
export function learn(fn: FunctionModel, { draft, types }: Identities): void {
  const ids = fn.config.ask((read) => ({
    vendorId: read(type0Header.vendorId.offset, 2),
    deviceId: read(type0Header.deviceId.offset, 2),
  }));
  if (ids !== null && fn.type === null && ids.vendorId !== NOBODY) {
    const found = identify(ids.vendorId, ids.deviceId, draft, types);
    fn.type = found?.type ?? typeBySubsystem(fn, ids, types);
    fn.fixedVectors = found?.ids === 'mmr' && draft.msixShift === 'fixed';
  }
  fn.places ??= fn.config.ask((read) => {
    const places = new Map<number, number>();
    for (const { id, offset } of walkCapabilities(read)) if (!places.has(id)) places.set(id, offset);
    return places;
  });
  const at = fn.places?.get(capabilityId.msix);
  if (fn.places !== null && at === undefined) fn.msix.enabled = false;
  if (at === undefined || fn.msix.at === at) return;
  const control = fn.config.ask((read) => read(at + msixCapability.messageControl.offset, 2));
  if (control === null) return;
  fn.msix.at = at;
  fn.msix.vectors = (control & messageControl.tableSize) + 1;
  fn.msix.enabled = (control & messageControl.enable) !== 0;
}

/** A transitional function's subsystem id is its type (LEG-ID-02). */
function typeBySubsystem(
  fn: FunctionModel,
  { vendorId, deviceId }: { vendorId: number; deviceId: number },
  types: readonly DeviceType[],
): DeviceType | null {
  const { first, last } = TRANSITIONAL_ID_RANGE;
  if (vendorId !== VIRTIO_VENDOR_ID || deviceId < first || deviceId > last) return null;
  const number = fn.config.ask((read) => read(type0Header.subsystemId.offset, 2));
  return types.find(({ typeNumber }) => typeNumber === number) ?? null;
}

/** Follows an access to configuration space. */
export function followConfig(
  follower: Follower,
  fn: FunctionModel,
  event: AccessEvent,
  identities: Identities,
): void {
  const { offset, operation, value, width } = event;
  take(follower.now, fn, event, offset, '');
  if (operation === 'read') {
    follower.judge('pci-read');
    if (offset === type0Header.vendorId.offset && (value & NOBODY) === NOBODY) {
      if (!fn.virtual && fn.touched) fn.forget();
      return;
    }
    keep(fn, offset, width, value);
    fn.configReads++;
    wasRead(fn, offset, width, value, identities);
    followStructures(fn, offset, width, value, false);
    return;
  }
  follower.judge('pci-write');
  const cut = (value & maskOf(width)) >>> 0;
  wrote(fn, offset, width, cut);
  followVirtual(fn, offset, width, cut);
  followStructures(fn, offset, width, cut, true);
}

/** Follows the window of PCI_CFG, and who looks at which capability. */
function followStructures(
  fn: FunctionModel,
  offset: number,
  width: Width,
  value: number,
  write: boolean,
): void {
  // Where the status says that there is no list, nobody needs to follow one.
  const pciStatus = write ? null : overlaid(fn, type0Header.status.offset, offset, width, value);
  if (pciStatus !== null && (pciStatus & status.capabilities) === 0) fn.scanned = true;
  if (offset === type0Header.capabilitiesPointer.offset && !write) fn.scanned = true;
  fn.config.ask((read) => {
    for (const { id, offset: at } of walkCapabilities(read)) {
      if (id !== capabilityId.vendorSpecific) continue;
      const type = read(at + structureCapability.structureType.offset, 1);
      if (
        type === structureType.vendor &&
        !write &&
        offset <= at + vendorDataCapability.vendorId.offset &&
        offset + width > at + vendorDataCapability.vendorId.offset
      )
        fn.vendorRead = true;
      if (type === structureType.pciConfig && write) setWindow(fn, at, offset - at, value);
    }
    return null;
  });
}

function setWindow(fn: FunctionModel, at: number, field: number, value: number): void {
  const { bar, offset, length } = pciConfigCapability;
  if (field !== bar.offset && field !== offset.offset && field !== length.offset) return;
  if (fn.window?.at !== at) fn.window = { at, bar: -1, offset: -1, length: -1 };
  if (field === bar.offset) fn.window.bar = value & 0xff;
  else if (field === offset.offset) fn.window.offset = value;
  else fn.window.length = value;
}

/** What changes is as it was read. */
function wasRead(
  fn: FunctionModel,
  offset: number,
  width: Width,
  value: number,
  identities: Identities,
): void {
  const bits = overlaid(fn, COMMAND, offset, width, value);
  if (bits !== null) fn.command = bits;
  if (fn.msix.at !== 0) {
    const control = overlaid(fn, fn.msix.at + msixCapability.messageControl.offset, offset, width, value);
    if (control !== null) fn.msix.enabled = (control & messageControl.enable) !== 0;
  }
  if (fn.type === null || fn.places === null || fn.msix.at === 0) learn(fn, identities);
}

/** Follows how many virtual functions there are. */
function followVirtual(fn: FunctionModel, offset: number, width: Width, value: number): void {
  if (offset < CONVENTIONAL_BYTES) return;
  const at = sriovAt(fn);
  if (at === null || at === 0) return;
  const count = overlaid(fn, at + sriovCapability.numVfs.offset, offset, width, value);
  if (count !== null) {
    fn.numVfs = count;
    keep(fn, at + sriovCapability.numVfs.offset, 2, count);
  }
  const control = overlaid(fn, at + sriovCapability.control.offset, offset, width, value);
  if (control === null) return;
  keep(fn, at + sriovCapability.control.offset, 2, control);
  fn.virtualFunctions = (control & sriovControl.enable) === 0 ? 0 : fn.numVfs;
}

/** The bytes of a register of 16 bits as a write leaves them; null where it does not reach it, or the rest is unknown. */
function overlaid(fn: FunctionModel, at: number, offset: number, width: Width, value: number): number | null {
  if (offset + width <= at || offset >= at + 2) return null;
  let result = 0;
  for (let i = 0; i < 2; i++) {
    const byte = at + i;
    const inside = byte >= offset && byte < offset + width;
    const known = inside
      ? Math.floor(value / 256 ** (byte - offset)) & 0xff
      : fn.config.ask((read) => read(byte, 1));
    if (known === null) return null;
    result |= known << (8 * i);
  }
  return result;
}

function wrote(fn: FunctionModel, offset: number, width: Width, value: number): void {
  const written = overlaid(fn, COMMAND, offset, width, value);
  if (written !== null) {
    const decoding = command.io | command.memory;
    const before = fn.command;
    if (!fn.touched && before !== null && (before & decoding) === 0 && (written & decoding) !== 0)
      fn.decodedHere = true;
    fn.command = written;
    keep(fn, COMMAND, 2, written);
  }
  if (fn.msix.at !== 0) {
    const at = fn.msix.at + msixCapability.messageControl.offset;
    const control = overlaid(fn, at, offset, width, value);
    if (control !== null) {
      fn.msix.enabled = (control & messageControl.enable) !== 0;
      keep(fn, at, 2, control);
    }
  }
  // Of a list that nobody read, this may be the message control.
  if (fn.places === null && offset >= CAPABILITIES_START) fn.msix.enabled = null;
  const at = fn.places?.get(capabilityId.express);
  if (at !== undefined) {
    const control = overlaid(fn, at + express.deviceControl.offset, offset, width, value);
    if (control !== null && (control & INITIATE_FUNCTION_RESET) !== 0) functionReset(fn);
  }
  const power = fn.places?.get(capabilityId.powerManagement);
  if (power !== undefined) {
    const state = overlaid(fn, power + powerManagement.controlStatus.offset, offset, width, value);
    if (
      state !== null &&
      (state & powerState.mask) !== powerState.d0 &&
      (state & powerState.noSoftReset) === 0
    )
      functionReset(fn);
  }
}

/** As after power-on, and the driver has not reset it since. */
function functionReset(fn: FunctionModel): void {
  fn.begin();
  fn.resetSeen = null;
  fn.resetting = false;
  fn.msix.enabled = fn.msix.at === 0 ? fn.msix.enabled : false;
  fn.command = 0;
  keep(fn, COMMAND, 2, 0);
}
