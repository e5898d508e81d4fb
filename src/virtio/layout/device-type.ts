import { type RegisterMap, VirtiolabError } from '../../core/index.ts';
import { type FeatureDependency, isTypeFeature } from './features.ts';
import { MODERN_DEVICE_ID_BASE, MODERN_ID_RANGE, TRANSITIONAL_ID_RANGE } from './ids.ts';
import type { SmallRequest, SmallRequestOccasion } from './small-request.ts';

/**
 * A virtio device type: what is to be known of it without making one. Behaviours carry their row, so that functions, traces,
 * drivers and drafts know a type from outside as they know the ones from here.
 */
export interface DeviceType {
  /** What commands, messages and saved states call it: `block`. */
  readonly name: string;
  /** What its functions are called: `virtio-blk`. */
  readonly functionName: string;
  /** Number of the virtio device type, 1..63. Modern ids are built of it, and transitional subsystem ids are it. */
  readonly typeNumber: number;
  /** PCI device id of transitional functions (PCI-ID-09); null for a type that is modern only. */
  readonly transitionalId: number | null;
  /** PCI device id of MMR functions where the draft in use names none; null where there is none. */
  readonly mmrId: number | null;
  /** Class code of its functions, 24 bits. */
  readonly classCode: number;
  /** Feature bits by name, those that only legacy drivers know among them. */
  readonly features: Readonly<Record<string, number>>;
  /**
   * Which features need others: `[feature, [any, of, these]]`. An offer that breaks it is an UnmetDependencyError; a driver
   * that does is refused FEATURES_OK, or reported where it is a legacy one (BF-FEAT-02, BF-FEAT-09).
   */
  readonly dependencies: readonly FeatureDependency[];
  /** Device configuration, whole: devices may show less of it. */
  readonly config: RegisterMap;
  /**
   * What the suite asks devices of the type for when it tries their rings. Null where the row does not say: the suite knows
   * the types of this project by itself, and skips what is about rings on others.
   */
  readonly smallRequest: ((occasion: SmallRequestOccasion) => SmallRequest) | null;
}

/** A device type as its author writes it: what a type need not have may be left out. */
export type DeviceTypeOptions = Pick<DeviceType, 'name' | 'functionName' | 'typeNumber' | 'classCode'> &
  Partial<DeviceType>;

/** A row that describes no device type. `field` names what is wrong with it. */
export class DeviceTypeError extends VirtiolabError {
  readonly field: keyof DeviceType;
  readonly value: unknown;

  constructor(name: string, field: keyof DeviceType, value: unknown, wants: string) {
    super(`device type ${JSON.stringify(name)}: ${field} is ${JSON.stringify(value)}; wants ${wants}`);
    this.field = field;
    this.value = value;
  }
}

const CLASS_CODES = 2 ** 24;
const MAX_ID = 0xffff;
const MAX_TYPE_NUMBER = MODERN_ID_RANGE.last - MODERN_DEVICE_ID_BASE;
const hex = (value: number) => `0x${value.toString(16)}`;

const within = (value: number, first: number, last: number) =>
  Number.isInteger(value) && value >= first && value <= last;

/** A device type's row, checked. @throws DeviceTypeError */
export function defineDeviceType(options: DeviceTypeOptions): DeviceType {
  const type: DeviceType = {
    transitionalId: null,
    mmrId: null,
    features: {},
    dependencies: [],
    config: {},
    smallRequest: null,
    ...options,
  };
  const wrong = (field: keyof DeviceType, wants: string, value: unknown = type[field]) => {
    throw new DeviceTypeError(type.name, field, value, wants);
  };
  const words = /^[a-z][a-z0-9-]*$/;
  if (!words.test(type.name)) wrong('name', 'lower-case letters, digits and hyphens');
  if (!words.test(type.functionName)) wrong('functionName', 'lower-case letters, digits and hyphens');
  if (!within(type.typeNumber, 1, MAX_TYPE_NUMBER)) wrong('typeNumber', `1..${MAX_TYPE_NUMBER}`);
  const { first, last } = TRANSITIONAL_ID_RANGE;
  if (type.transitionalId !== null && !within(type.transitionalId, first, last))
    wrong('transitionalId', `${hex(first)}..${hex(last)}, or null`);
  if (type.mmrId !== null && !within(type.mmrId, 1, MAX_ID)) wrong('mmrId', `1..${hex(MAX_ID)}, or null`);
  if (!within(type.classCode, 0, CLASS_CODES - 1)) wrong('classCode', '24 bits');
  const named = Object.values(type.features);
  const stray = named.find((bit) => !Number.isInteger(bit) || !isTypeFeature(bit));
  if (stray !== undefined) wrong('features', 'bits of a device type: 0..23, 31, 50..127', stray);
  const unnamed = type.dependencies
    .flatMap(([bit, anyOf]) => [bit, ...anyOf])
    .find((bit) => !named.includes(bit));
  if (unnamed !== undefined) wrong('dependencies', "bits that the type's features name", unnamed);
  return type;
}

/**
 * A type for which a function of that kind cannot be: it has no id there. Modern-only types have neither transitional ids
 * nor, by themselves, ids of a draft.
 */
export class ModernOnlyTypeError extends VirtiolabError {
  readonly type: DeviceType;
  readonly kind: string;

  constructor(type: DeviceType, kind: string, missing: string) {
    super(
      `${type.functionName} cannot be a function of kind ${kind}: the type has no ${missing}; wants kind modern`,
    );
    this.type = type;
    this.kind = kind;
  }
}

/** The PCI device id of a transitional function, or of a legacy one, which is the same. @throws ModernOnlyTypeError */
export function transitionalIdOf(type: DeviceType, kind: string): number {
  if (type.transitionalId === null) throw new ModernOnlyTypeError(type, kind, 'transitional id');
  return type.transitionalId;
}
