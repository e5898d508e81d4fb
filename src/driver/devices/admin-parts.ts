import { FOUR_GIB, VirtiolabError } from '../../core/index.ts';
import { ADMIN_PART_HEAD_BYTES, adminPartFlag, adminPartHead } from '../../virtio/layout/index.ts';
import { adminData } from './admin-data.ts';

/** A part of a device's state, as its owner hands it out. */
export interface DevicePart {
  readonly type: number;
  /** Who does not know its type passes over it. */
  readonly optional: boolean;
  readonly selectorLow: number;
  readonly selectorHigh: number;
  readonly value: Uint8Array;
}

/** A row of parts that ends inside one: it was cut, or is none. */
export class PartsTornError extends VirtiolabError {
  /** Where the part begins that is not whole, in bytes. */
  readonly offset: number;

  constructor(offset: number, has: number, wants: number) {
    super(`device parts end inside the one at ${offset}: ${has} bytes are left of ${wants}`);
    this.offset = offset;
  }
}

/** @throws PartsTornError */
export function decodeParts(bytes: Uint8Array): DevicePart[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: DevicePart[] = [];
  for (let at = 0; at < bytes.length; ) {
    const left = bytes.length - at;
    if (left < ADMIN_PART_HEAD_BYTES) throw new PartsTornError(at, left, ADMIN_PART_HEAD_BYTES);
    const length = view.getUint32(at + adminPartHead.length.offset, true);
    const whole = ADMIN_PART_HEAD_BYTES + length;
    if (left < whole) throw new PartsTornError(at, left, whole);
    parts.push({
      type: view.getUint16(at + adminPartHead.type.offset, true),
      optional: (view.getUint8(at + adminPartHead.flags.offset) & adminPartFlag.optional) !== 0,
      selectorLow: view.getUint32(at + adminPartHead.selectorLow.offset, true),
      selectorHigh: view.getUint32(at + adminPartHead.selectorHigh.offset, true),
      value: bytes.slice(at + ADMIN_PART_HEAD_BYTES, at + whole),
    });
    at += whole;
  }
  return parts;
}

export function encodeParts(parts: readonly DevicePart[]): Uint8Array {
  const pieces = parts.map(({ type, optional, selectorLow, selectorHigh, value }) =>
    adminData(
      ADMIN_PART_HEAD_BYTES,
      [
        [adminPartHead.type, type],
        [adminPartHead.flags, optional ? adminPartFlag.optional : 0],
        [adminPartHead.selectorLow, selectorLow % FOUR_GIB],
        [adminPartHead.selectorHigh, selectorHigh % FOUR_GIB],
        [adminPartHead.length, value.length],
      ],
      value,
    ),
  );
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
