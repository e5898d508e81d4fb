import type { State } from 'virtiolab/core';
import type { DriverRing } from 'virtiolab/driver';
import type { Move } from '../protocol.ts';
import type { World } from './world.ts';

/** Bytes of all states that are kept together. */
const MOST_BYTES = 16 << 20;
const PAGE_BYTES = 4096;

/** Where a ring stands at which nothing is outstanding. */
type Rest = NonNullable<ReturnType<DriverRing['rest']>>;

/** RAM without its pages that hold nothing. */
interface PackedRam {
  readonly start: number;
  readonly length: number;
  readonly pages: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

interface PackedMachine {
  readonly ram: readonly PackedRam[];
  readonly rest: Readonly<Record<string, State>>;
}

/** A driver that is there: how it came, from a state without one, and where its rings stand. */
export interface SavedDriver {
  readonly base: Saved | null;
  readonly openers: readonly Move[];
  readonly rings: ReadonlyMap<number, Rest>;
}

/** What stood between two moves. */
export interface Saved {
  /** Moves before it. */
  readonly moves: number;
  readonly msix: boolean;
  readonly machines: readonly PackedMachine[];
  /** What is on the device's disk; null where it has none. */
  readonly disk: Uint8Array | null;
  /** Null where there is no driver. */
  readonly driver: SavedDriver | null;
  readonly bytes: number;
}

interface SavedRange {
  readonly start: number;
  readonly bytes: Uint8Array;
}

const isEmpty = (bytes: Uint8Array) => {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
};

function packRam({ start, bytes }: SavedRange): PackedRam {
  const pages: { at: number; bytes: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    const page = bytes.subarray(at, at + PAGE_BYTES);
    if (!isEmpty(page)) pages.push({ at, bytes: page.slice() });
  }
  return { start, length: bytes.length, pages };
}

function unpackRam({ start, length, pages }: PackedRam): SavedRange {
  const bytes = new Uint8Array(length);
  for (const page of pages) bytes.set(page.bytes, page.at);
  return { start, bytes };
}

function packed(state: State): PackedMachine {
  const { ram, ...rest } = state as { readonly [name: string]: State };
  return { ram: (ram as unknown as readonly SavedRange[]).map(packRam), rest };
}

const bytesOf = ({ ram }: PackedMachine) =>
  ram.reduce((sum, { pages }) => sum + pages.length * PAGE_BYTES, PAGE_BYTES);

/** Saves the machines of a world, and what is outside of them. */
export function save({ stages, sample }: World, said: Pick<Saved, 'moves' | 'msix' | 'driver'>): Saved {
  const machines = stages.map(({ machine }) => packed(machine.save()));
  const disk = sample.disk?.bytes.slice() ?? null;
  const bytes = machines.reduce((sum, machine) => sum + bytesOf(machine), disk?.length ?? 0);
  return { ...said, machines, disk, bytes };
}

/** Loads what was saved of a world into one that was made alike. @throws StateMismatchError */
export function load({ stages, sample }: World, { machines, disk }: Saved): void {
  if (disk !== null && sample.disk !== undefined) {
    sample.disk.resize(disk.length);
    sample.disk.bytes.set(disk);
  }
  // What stands behind comes first: a guest's function asks its host.
  for (const [i, { machine }] of [...stages.entries()].reverse()) {
    const { ram, rest } = machines[i]!;
    machine.load({ ...rest, ram: ram.map(unpackRam) as unknown as State });
  }
}

/** States by the moves before them; of too many every second is let go. */
export class SavedStates {
  #states: Saved[] = [];

  get bytes(): number {
    return this.#states.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get count(): number {
    return this.#states.length;
  }

  add(saved: Saved): void {
    this.#states.push(saved);
    while (this.bytes > MOST_BYTES && this.#states.length > 1)
      this.#states = this.#states.filter((_, i) => i % 2 === 0);
  }

  /** The last one that so many moves are behind; null for none. */
  nearest(moves: number): Saved | null {
    return this.#states.findLast((each) => each.moves <= moves) ?? null;
  }

  /** The last one without a driver; null for none, which is the beginning. */
  get lastWithoutDriver(): Saved | null {
    return this.#states.findLast(({ driver }) => driver === null) ?? null;
  }

  /** Those that so many moves are behind. */
  until(moves: number): SavedStates {
    const kept = new SavedStates();
    kept.#states = this.#states.filter((each) => each.moves <= moves);
    return kept;
  }
}
