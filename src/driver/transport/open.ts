import { type Bus, formatFunctionAddress } from '../../core/index.ts';
import {
  type DeviceType,
  deviceTypes,
  MODERN_DEVICE_ID_BASE,
  MODERN_ID_RANGE,
  TRANSITIONAL_ID_RANGE,
  VIRTIO_VENDOR_ID,
} from '../../virtio/layout/index.ts';
import { FunctionGoneError, NoDeviceError, NoStructureError, WrongIdsError } from '../errors.ts';
import { assertPresent, type FoundFunction, type FunctionReference, findFunction } from '../pci.ts';
import { LegacyTransport, legacyAccess } from './legacy.ts';
import { ModernTransport } from './modern.ts';
import { hasStructures } from './structures.ts';
import type { Transport, TransportOptions } from './transport.ts';

/** What a function's ids say of it. */
export interface VirtioIds {
  /** `transitional` where a legacy driver may take it too, as far as its revision lets one. */
  readonly ids: 'transitional' | 'modern';
  /** Number of the virtio device type. */
  readonly typeNumber: number;
  /** Its row, or null for a type that is not among those that are known. */
  readonly type: DeviceType | null;
}

export interface OpenOptions extends TransportOptions {
  /** The device type that is wanted; without it any will do. */
  readonly type?: DeviceType;
}

type Ids = Pick<FoundFunction, 'vendorId' | 'deviceId' | 'revisionId' | 'subsystemId'>;

const range = ({ first, last }: { readonly first: number; readonly last: number }, id: number) =>
  id >= first && id <= last;

/**
 * The virtio device that ids stand for, whatever the revision (PCI-ID-08..10): of modern ids the device id tells the type, of
 * transitional ones the subsystem id (LEG-ID-02), or where that is none of a type, the device id by its table (PCI-ID-09).
 * @param types that it may be of.
 * @throws WrongIdsError for ids of no virtio function.
 */
export function identifyFunction(fn: Ids, types: readonly DeviceType[] = deviceTypes): VirtioIds {
  const { vendorId, deviceId } = fn;
  const transitional = range(TRANSITIONAL_ID_RANGE, deviceId);
  if (vendorId !== VIRTIO_VENDOR_ID || !(transitional || range(MODERN_ID_RANGE, deviceId)))
    throw new WrongIdsError(
      fn,
      `a virtio function, ${VIRTIO_VENDOR_ID.toString(16)}:${TRANSITIONAL_ID_RANGE.first.toString(16)} to ${MODERN_ID_RANGE.last.toString(16)}`,
    );
  const typeNumber = transitional ? transitionalType(fn, types) : deviceId - MODERN_DEVICE_ID_BASE;
  const type = types.find((each) => each.typeNumber === typeNumber) ?? null;
  return { ids: transitional ? 'transitional' : 'modern', typeNumber, type };
}

function transitionalType({ subsystemId, deviceId }: Ids, types: readonly DeviceType[]): number {
  if (subsystemId > 0 && subsystemId <= MODERN_ID_RANGE.last - MODERN_ID_RANGE.first) return subsystemId;
  return types.find(({ transitionalId }) => transitionalId === deviceId)?.typeNumber ?? 0;
}

/**
 * The way to a function that its ids and capabilities offer: the modern interface where its structures can be used, else, for a
 * transitional function of revision 0, the legacy one (LEG-DET-02..05).
 * @param fn a function that was found, or where it is looked for.
 * @throws WrongIdsError for ids of no virtio function, of another type than is wanted, or none that a legacy driver may take
 * where there is no other way; NoStructureError where the modern interface cannot be used, nor the legacy one instead;
 * FunctionGoneError; NoDeviceError
 */
export function openTransport(bus: Bus, fn: FunctionReference, options: OpenOptions = {}): Transport {
  const found = typeof fn === 'number' ? findFunction(bus, fn) : fn;
  if (found === null) throw new NoDeviceError(`there is no function ${formatFunctionAddress(fn as number)}`);
  assertPresent(bus, found);
  const { type } = options;
  const { ids, typeNumber } = identifyFunction(
    found,
    type === undefined ? deviceTypes : [type, ...deviceTypes],
  );
  if (type !== undefined && typeNumber !== type.typeNumber)
    throw new WrongIdsError(found, `type ${type.typeNumber} (${type.name}), not ${typeNumber}`);
  if (ids === 'modern') return new ModernTransport(bus, found, options);
  // LEG-DET-02: a function without virtio capabilities is a legacy device.
  if (!hasStructures(bus, found)) return new LegacyTransport(bus, found, legacyAccess(bus, found), options);
  try {
    return new ModernTransport(bus, found, options);
  } catch (error) {
    if (!(error instanceof NoStructureError)) throw error;
    return legacyInstead(bus, found, options, error);
  }
}

/** The legacy interface of a function whose modern one cannot be used. @throws what was wrong with that, if this cannot either. */
function legacyInstead(bus: Bus, fn: FoundFunction, options: OpenOptions, why: NoStructureError): Transport {
  try {
    return new LegacyTransport(bus, fn, legacyAccess(bus, fn), options);
  } catch (error) {
    throw error instanceof NoDeviceError && !(error instanceof FunctionGoneError) ? why : error;
  }
}
