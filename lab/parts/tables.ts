import type { Bus, Register, RegisterMap, Width } from 'virtiolab/core';
import type { DraftedFunction, DraftedRegister } from 'virtiolab/drafts';
import {
  commonConfig,
  type DeviceType,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyHeaderWithVectors,
  MSIX_ENTRY_BYTES,
  msixEntry,
} from 'virtiolab/layout';
import { type AccessPlace, meaningOf } from 'virtiolab/trace';
import type { RegisterView, TableView } from '../protocol.ts';
import { bitsOf } from './bits.ts';

/** Where a draft has a register. */
const placeOf = ({ offset, bytes, access }: DraftedRegister) => ({ offset, width: bytes, access });

/** What a structure's registers are read with. */
export interface Reading {
  readonly machine: Bus;
  readonly type: DeviceType;
  readonly msixEnabled: boolean;
  /** The draft that says the registers of the legacy block; null for the specification's own. */
  readonly drafted: DraftedFunction | null;
}

/** Elements of a field with many that are shown, and entries of a message table. */
const MOST_ELEMENTS = 8;
const MOST_ENTRIES = 8;

const hex = (value: number, width: number) => `0x${value.toString(16).padStart(2 * width, '0')}`;

interface Placed {
  readonly map: RegisterMap;
  readonly offset: number;
  readonly prefix: string;
}

/** The tables of a structure, one behind the other. */
function mapsOf(region: string, length: number, { type, msixEnabled }: Reading): readonly Placed[] {
  switch (region) {
    case 'legacy':
      return [
        { map: msixEnabled ? legacyHeaderWithVectors : legacyHeader, offset: 0, prefix: '' },
        {
          map: type.config,
          offset: msixEnabled ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET,
          prefix: 'config.',
        },
      ];
    case 'common':
      return [{ map: commonConfig, offset: 0, prefix: '' }];
    case 'device':
      return [{ map: type.config, offset: 0, prefix: 'config.' }];
    case 'isr':
      return [{ map: { isrStatus: { ...legacyHeader.isrStatus, offset: 0 } }, offset: 0, prefix: '' }];
    case 'msix-table':
      return Array.from({ length: Math.min(MOST_ENTRIES, length / MSIX_ENTRY_BYTES) }, (_, i) => ({
        map: msixEntry,
        offset: i * MSIX_ENTRY_BYTES,
        prefix: `entry[${i}].`,
      }));
    default:
      return [];
  }
}

/** A register that reading changes is left alone. */
const isReadable = ({ access }: Register) => access === 'ro' || access === 'rw';

/** A register at its place, with what its value means. */
interface Slot {
  readonly name: string;
  /** What is read, and from where. */
  readonly register: Register;
  readonly at: number;
  /** What a draft makes of it: its place, its width, who may do what; null for one that is as it is read. */
  readonly drafted: DraftedRegister | null;
  /** Where a feature register's own selector stands in the list; -1 for none. */
  readonly selector: number;
}

function slotsOf(place: AccessPlace, region: string, reading: Reading): readonly Slot[] {
  const slots: Slot[] = [];
  let selector = -1;
  for (const { map, offset, prefix } of mapsOf(region, place.length, reading))
    for (const [name, register] of Object.entries(map))
      for (let i = 0; i < Math.min(register.count, MOST_ELEMENTS); i++) {
        const at = offset + register.offset + i * register.width;
        if (at + register.width > place.length) continue;
        if (name.endsWith('FeatureSelect')) selector = slots.length;
        const element = register.count > 1 ? `${prefix}${name}[${i}]` : `${prefix}${name}`;
        slots.push({ name: element, register, at, selector, drafted: null });
      }
  return slots;
}

/** Registers of a draft that are shown: nobody reads ten thousand. */
const MOST_DRAFTED = 64;

/** The header's registers as a draft has them, and device configuration behind them. */
function draftedSlots(
  { registers }: DraftedFunction,
  slots: readonly Slot[],
  msixEnabled: boolean,
): readonly Slot[] {
  const header: Readonly<Record<string, Register>> = legacyHeaderWithVectors;
  const absent = ({ when }: DraftedRegister) => when === (msixEnabled ? 'no-msix' : 'msix');
  const shown = registers.filter((each) => !absent(each)).slice(0, MOST_DRAFTED);
  const own = shown.map((drafted): Slot => {
    const register = drafted.means === null ? null : header[drafted.means]!;
    const at = register?.offset ?? drafted.offset;
    return { name: drafted.name, register: register ?? unknown, at, selector: -1, drafted };
  });
  return [...own, ...slots.filter(({ name }) => name.startsWith('config.'))];
}

/** A register of which nothing is known is not read. */
const unknown: Register = { ...legacyHeader.isrStatus, clauses: [] };

/** A structure that is shown again and again: while its values stay, so does what is shown. */
export class TableReader {
  readonly #place: AccessPlace;
  readonly #reading: Reading;
  readonly #slots: readonly Slot[];
  #values: readonly number[] = [];
  #shown: TableView | null = null;

  constructor(place: AccessPlace, reading: Reading) {
    this.#place = place;
    this.#reading = reading;
    const region = place.target.replace(/^.* /, '');
    const slots = slotsOf(place, region, reading);
    const { drafted, msixEnabled } = reading;
    this.#slots = drafted === null || region !== 'legacy' ? slots : draftedSlots(drafted, slots, msixEnabled);
  }

  /** Null for a structure without registers. */
  read(): TableView | null {
    if (this.#slots.length === 0) return null;
    const values = this.#slots.map((slot) => this.#value(slot));
    if (this.#shown !== null && values.every((value, i) => value === this.#values[i])) return this.#shown;
    this.#values = values;
    const { target, space, start } = this.#place;
    const registers = this.#slots.map((slot, i) => this.#show(slot, values[i]!));
    this.#shown = { title: target, space, address: hex(start, 2), registers };
    return this.#shown;
  }

  #word(at: number, width: Width): number {
    const { machine } = this.#reading;
    const { space, start } = this.#place;
    return space === 'io' ? machine.ioRead(start + at, width) : machine.memoryRead(start + at, width);
  }

  #value({ register, at }: Slot): number {
    if (!isReadable(register)) return 0;
    const { width } = register;
    return width === 8 ? this.#word(at + 4, 4) * 2 ** 32 + this.#word(at, 4) : this.#word(at, width);
  }

  #show({ name, register, at, selector, drafted }: Slot, read: number): RegisterView {
    const { width, access, clauses } = register;
    const base = { name, offset: at, width, access, clauses, ...(drafted === null ? {} : placeOf(drafted)) };
    if (!isReadable(register)) return { ...base, value: '', meaning: '', bits: [] };
    if (width === 8) return { ...base, value: hex(read, 8), meaning: `${read}`, bits: [] };
    const { type } = this.#reading;
    const word = selector < 0 ? 0 : this.#values[selector]!;
    const value = drafted === null || drafted.bytes >= width ? read : read % 256 ** drafted.bytes;
    const meaning = meaningOf(register, value, { type, write: false, featureWord: word });
    return {
      ...base,
      value: hex(value, Math.min(width, drafted?.bytes ?? width)),
      meaning,
      bits: bitsOf(register, value, type, word),
    };
  }
}
