import type { Arbitrary } from 'fast-check';
import { lengthOf, maskOf } from '../core/index.ts';
import { type DeviceType, deviceTypes } from '../virtio/layout/index.ts';
import { accesses, anyAccess, formatAccess, type RegisterAccess, values } from './accesses.ts';
import { UnknownSubjectError } from './devices.ts';
import { fc } from './fast-check.ts';
import { printed } from './printed.ts';

/** Bytes behind the device configuration that are written, too. */
const BEHIND = 8;

function rowOf(type: DeviceType | string): DeviceType {
  const found = typeof type === 'string' ? deviceTypes.find(({ name }) => name === type) : type;
  if (found === undefined)
    throw new UnknownSubjectError(
      `unknown device type '${type}'; types are ${deviceTypes.map(({ name }) => name).join(', ')}`,
    );
  return found;
}

/**
 * Writes to the device configuration of a type: to read-only fields, across fields, of other widths, behind the end, and now
 * and then to a field that may be written. Each has a `value`.
 * @param type a row, or the name of one of `deviceTypes`. @throws UnknownSubjectError, which lists the names
 */
export function hostileConfigWrites(
  type: DeviceType | string,
): Arbitrary<RegisterAccess & { readonly value: number }> {
  const { config } = rowOf(type);
  const length = lengthOf(config) + BEHIND;
  const any = Object.keys(config).length === 0 ? anyAccess(length) : accesses(config, length);
  return fc
    .tuple(any, values(4))
    .map(([{ offset, width }, value]) => ({ offset, width, value: (value & maskOf(width)) >>> 0 }))
    .map((access) => printed(access, (each) => formatAccess(config, each)));
}
