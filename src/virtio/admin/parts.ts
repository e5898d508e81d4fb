import {
  ADMIN_PART_HEAD_BYTES,
  adminPart,
  adminPartFlag,
  adminPartHead,
  FEATURE_WORDS,
} from '../layout/index.ts';
import { type PartContext, type PartedMember, type PartRow, partRows, wordAt } from './parts-table.ts';

/** One part of a member: which, and its value. */
export interface Part {
  readonly row: PartRow;
  readonly selector: number;
  readonly bytes: number;
}

const rowsByType = new Map(partRows.map((row) => [row.type, row]));

/** Of a part, by which it is found again. */
const keyOf = (type: number, selector: number): number => type * 2 ** 32 + selector;

/** All parts that a member has, in their order. */
export function partsOf(member: PartedMember): Part[] {
  return partRows.flatMap((row) =>
    row.selectors(member).map((selector) => ({ row, selector, bytes: row.bytes(selector) })),
  );
}

/** Bytes of parts with their heads. */
export const bytesOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, { bytes }) => sum + ADMIN_PART_HEAD_BYTES + bytes, 0);

export function writeHead({ row, selector, bytes }: Part, view: DataView, at: number): void {
  view.setUint16(at + adminPartHead.type.offset, row.type, true);
  view.setUint8(at + adminPartHead.flags.offset, row.optional ? adminPartFlag.optional : 0);
  view.setUint32(at + adminPartHead.selectorLow.offset, selector, true);
  view.setUint32(at + adminPartHead.length.offset, bytes, true);
}

/** The part that a head names; null where the member has none such. */
export function namedPart(member: PartedMember, view: DataView, at: number): Part | null {
  const row = rowsByType.get(view.getUint16(at + adminPartHead.type.offset, true));
  const selector = view.getUint32(at + adminPartHead.selectorLow.offset, true);
  if (row === undefined || view.getUint32(at + adminPartHead.selectorHigh.offset, true) !== 0) return null;
  return row.has(member, selector) ? { row, selector, bytes: row.bytes(selector) } : null;
}

/** Values of parts that were set and are not in effect yet. */
export class PartValues {
  readonly #member: PartedMember;
  readonly #values = new Map<number, DataView>();

  /** Those of a member, copied. */
  constructor(member: PartedMember) {
    this.#member = member;
    const { staged } = member.device.mode;
    if (staged !== null) this.take(new DataView(staged.slice().buffer), 0, staged.length);
  }

  value(type: number, selector = 0): DataView | null {
    return this.#values.get(keyOf(type, selector)) ?? null;
  }

  /** Features that the driver has, with what was set. */
  get driverFeatures(): readonly number[] {
    const set = this.value(adminPart.driverFeatures);
    if (set === null) return this.#member.device.features.accepted;
    return Array.from({ length: FEATURE_WORDS }, (_, word) => wordAt(set, 0, word));
  }

  /**
   * Takes parts, one after the other, from `start` to `end`; up to a head's bytes of zeros may follow them.
   * @returns whether all could be taken: else what they are together is of no use.
   */
  take(view: DataView, start: number, end: number): boolean {
    let at = start;
    for (; at + ADMIN_PART_HEAD_BYTES <= end; ) {
      const length = view.getUint32(at + adminPartHead.length.offset, true);
      const value = at + ADMIN_PART_HEAD_BYTES;
      if (value + length > end) return false;
      const part = namedPart(this.#member, view, at);
      const flags = view.getUint8(at + adminPartHead.flags.offset);
      if (part !== null) {
        if (!this.#takeOne(part, view, value, length)) return false;
      } else if ((flags & adminPartFlag.optional) === 0) return false;
      at = value + length;
    }
    for (; at < end; at++) if (view.getUint8(at) !== 0) return false;
    return true;
  }

  #takeOne({ row, selector, bytes }: Part, view: DataView, at: number, length: number): boolean {
    const context: PartContext = { member: this.#member, driverFeatures: this.driverFeatures };
    if (length !== bytes || !row.fits(context, selector, view, at)) return false;
    const copy = new DataView(new ArrayBuffer(bytes));
    for (let i = 0; i < bytes; i++) copy.setUint8(i, view.getUint8(at + i));
    this.#values.set(keyOf(row.type, selector), copy);
    return true;
  }

  /** Writes a part's value, as it was set or as the member has it. */
  read({ row, selector, bytes }: Part, view: DataView, at: number): void {
    const set = this.value(row.type, selector);
    if (set === null) row.read(this.#member, selector, view, at);
    else for (let i = 0; i < bytes; i++) view.setUint8(at + i, set.getUint8(i));
  }

  /** All that were set, one after the other; null for none. */
  save(): Uint8Array | null {
    if (this.#values.size === 0) return null;
    const parts = partsOf(this.#member).filter(
      ({ row, selector }) => this.value(row.type, selector) !== null,
    );
    const bytes = new Uint8Array(bytesOf(parts));
    writeParts(this, parts, new DataView(bytes.buffer), 0);
    return bytes;
  }
}

/** Writes parts with their heads, one after the other. */
export function writeParts(values: PartValues, parts: readonly Part[], view: DataView, start: number): void {
  let at = start;
  for (const part of parts) {
    writeHead(part, view, at);
    values.read(part, view, at + ADMIN_PART_HEAD_BYTES);
    at += ADMIN_PART_HEAD_BYTES + part.bytes;
  }
}
