import { OptionError, VirtiolabError } from '../core/index.ts';

/** The bus has no function of that kind, or one that this driver cannot use. */
export class NoDeviceError extends VirtiolabError {}

/**
 * The function does not answer any more: unplugged, or its decoding switched off. Every register reads all ones, and so does
 * status, where reserved bits read 0 otherwise.
 */
export class FunctionGoneError extends NoDeviceError {
  constructor(what: string) {
    super(`${what}: the function is gone, its registers read all ones`);
  }
}

/** The function's ids are none that the interface in question may be used with (PCI-ID-08, PCI-ID-09, LEG-ID-01..03). */
export class WrongIdsError extends NoDeviceError {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId: number;

  constructor(
    ids: { readonly vendorId: number; readonly deviceId: number; readonly revisionId: number },
    wants: string,
  ) {
    const [vendor, device] = [ids.vendorId, ids.deviceId].map((id) => id.toString(16).padStart(4, '0'));
    super(`function ${vendor}:${device}, revision ${ids.revisionId}: wants ${wants}`);
    this.vendorId = ids.vendorId;
    this.deviceId = ids.deviceId;
    this.revisionId = ids.revisionId;
  }
}

/** A structure that every modern function has is missing, or stands where no driver can use it (LEG-DET-05). */
export class NoStructureError extends NoDeviceError {
  /** The structure's name. */
  readonly structure: string;
  /** Why each capability of that type was passed over, in list order. */
  readonly reasons: readonly string[];

  constructor(structure: string, reasons: readonly string[]) {
    const why = reasons.length === 0 ? 'a legacy device?' : reasons.join('; ');
    super(`the function has no usable ${structure} structure: ${why}`);
    this.structure = structure;
    this.reasons = reasons;
  }
}

/** The device refused the features, or broke down: only a reset helps. */
export class DeviceFailedError extends VirtiolabError {}

/** What was waited for did not come. The device may be slow, or broken; it may still answer. */
export class NoAnswerError extends DeviceFailedError {
  /** What was waited for. */
  readonly what: string;
  /** For how many pauses of the bus. */
  readonly pauses: number;

  constructor(what: string, pauses: number) {
    super(`waited in vain for ${what}, ${pauses} pauses long`);
    this.what = what;
    this.pauses = pauses;
  }
}

/** The device wrote into its part of a ring what cannot be: where it stands is not known any more. */
export class RingBrokenError extends DeviceFailedError {
  /** What was wrong: an id, an index, a length. */
  readonly value: number;

  constructor(what: string, value: number) {
    super(`the ring is broken: ${what}`);
    this.value = value;
  }
}

/** The device handed a request back without the answer, with a part of it, or with more than there was room for. */
export class UnansweredError extends DeviceFailedError {
  /** Bytes that the device says that it wrote. */
  readonly length: number;
  /** Bytes that an answer has, at least and at most. */
  readonly least: number;
  readonly most: number;

  constructor(what: string, length: number, least: number, most: number) {
    const has = least === most ? `${least}` : `${least} to ${most}`;
    super(`${what} came back without an answer: ${length} bytes written, an answer has ${has}`);
    this.length = length;
    this.least = least;
    this.most = most;
  }
}

/** The device answered a request with a status other than OK. `status` as the device type defines it. */
export class RequestFailedError extends VirtiolabError {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** A range that goes beyond the device's end: it was not asked. `status` as it would have answered. */
export class OutOfRangeError extends RequestFailedError {
  readonly sector: number;
  readonly sectors: number;
  readonly capacity: number;

  constructor(sector: number, sectors: number, capacity: number, status: number) {
    super(`${sectors} sectors from ${sector} on: the device has ${capacity}`, status);
    this.sector = sector;
    this.sectors = sectors;
    this.capacity = capacity;
  }
}

/** What was given to a driver to be called threw; `cause` is what. */
export class HandlerError extends VirtiolabError {
  constructor(cause: unknown) {
    super(`a handler threw: ${cause instanceof Error ? cause.message : String(cause)}`);
    this.cause = cause;
  }
}

/** Addresses or memory ran out. */
export class ResourceError extends VirtiolabError {}

/** A size that no ring can have (PCI-COM-15, PCI-COM-20). */
export class RingSizeError extends OptionError {}

/** An argument that a driver's method cannot do anything with; nothing was sent. */
export class ArgumentError extends OptionError {}

/** @throws ArgumentError where a value is no whole number of [first, last]. */
export function checkWhole(name: string, value: number, first: number, last: number): void {
  if (!Number.isSafeInteger(value) || value < first || value > last)
    throw new ArgumentError(name, value, `a whole number from ${first} to ${last}`);
}
