import { type BusTarget, maskOf, type Register, type Width } from '../../core/index.ts';
import { legacyHeaderWithVectors } from '../../virtio/layout/index.ts';
import { registerOf } from '../checks/blocks.ts';
import type { PlacedField, PlacedStructure } from '../model.ts';

/** Names of the legacy header's registers, as our tables have them. */
export type LegacyRegister = keyof typeof legacyHeaderWithVectors;
export const legacyRegisters = Object.keys(legacyHeaderWithVectors) as LegacyRegister[];

/** A register of the legacy header, and what a draft makes of it. */
interface Row {
  readonly register: Register;
  /** Null where the draft has no such register. */
  readonly placed: PlacedField | null;
  readonly same: boolean;
}

const accessOf = ({ register, placed }: Row) => placed?.field.access ?? register.access;

const isSame = (register: Register, placed: PlacedField | null) =>
  placed !== null &&
  placed.offset === register.offset &&
  placed.bytes === register.width &&
  (placed.field.access ?? register.access) === register.access;

const covers = (a: PlacedField, b: PlacedField) =>
  a.offset <= b.offset &&
  b.offset < a.offset + a.bytes &&
  (a.field.when === undefined || b.field.when === undefined || a.field.when === b.field.when);

/** Value that so many bytes keep of another. */
const keep = (value: number, bytes: number) =>
  bytes === 1 || bytes === 2 ? value & maskOf(bytes) : bytes === 3 ? value & 0xffffff : value >>> 0;

/**
 * A legacy block whose registers are those of a draft, for software that knows the legacy header: what generated drivers and
 * translators make of an access to a whole register, and what such a device makes of theirs. A register that the draft lacks
 * reads 0 and ignores writes; one that begins inside another is that other; one that is narrower loses what it cannot hold; one
 * that nobody may write keeps its value; ISR is cleared by reading only where the draft says so.
 */
export class DraftRegisters implements BusTarget {
  readonly #rows: readonly Row[];
  readonly #block: BusTarget;
  #isr = 0;

  /** @param block the registers of the legacy header, as they are. */
  constructor({ fields }: PlacedStructure, block: BusTarget) {
    this.#block = block;
    const placed = legacyRegisters.map((name) => registerOf(fields, name) ?? null);
    this.#rows = legacyRegisters.map((name, i) => {
      const register = legacyHeaderWithVectors[name];
      const own = placed[i]!;
      const first = own === null ? i : placed.findIndex((each) => each !== null && covers(each, own));
      const meant = legacyHeaderWithVectors[legacyRegisters[first]!];
      return { register: meant, placed: placed[first]!, same: first === i && isSame(register, own) };
    });
  }

  /** What the draft makes of the register at an offset; null for one that is as it was, and for parts of registers. */
  #row(offset: number, width: Width): Row | null {
    const at = legacyRegisters.findIndex((name) => {
      const register = legacyHeaderWithVectors[name];
      return register.offset === offset && register.width === width;
    });
    const row = this.#rows[at];
    return row === undefined || row.same ? null : row;
  }

  read(offset: number, width: Width): number {
    const row = this.#row(offset, width);
    if (row === null) return this.#block.read(offset, width);
    const { register, placed } = row;
    if (placed === null || accessOf(row) === 'wo') return 0;
    const value = keep(this.#block.read(register.offset, register.width as Width), placed.bytes);
    if (register.access !== 'rc' || accessOf(row) === 'rc') return value;
    this.#isr |= value;
    return this.#isr;
  }

  write(offset: number, width: Width, value: number): void {
    const row = this.#row(offset, width);
    if (offset === legacyHeaderWithVectors.deviceStatus.offset && (value & 0xff) === 0) this.#isr = 0;
    if (row === null) {
      this.#block.write(offset, width, value);
      return;
    }
    const { register, placed } = row;
    if (placed === null || accessOf(row) === 'ro' || accessOf(row) === 'rc') return;
    if (register.access === 'rc') this.#isr = 0;
    else this.#block.write(register.offset, register.width as Width, keep(value, placed.bytes));
  }
}
