import type { Hands, Setting } from '../../conformance/device/index.ts';
import type { Register, Width } from '../../core/index.ts';
import type { DeviceBehaviour, VirtioFunction } from '../../virtio/index.ts';

/** An access to a function, as a mutant sees it on its way. */
export interface MutantAccess {
  /** `config` for configuration space, else the structure in a BAR: `legacy`, `common`, `isr`, `notify`, `device`, `msix-table`. */
  readonly place: string;
  /** Bytes from the start of the place. */
  readonly offset: number;
  readonly width: Width;
}

/** What stands in the way of accesses to a function; the bus beneath is the honest one. */
export interface BusLies {
  /** What a read gives, in place of what the function answered. */
  read?(access: MutantAccess, value: number): number;
  /** What is written in its place; null for nothing at all. */
  write?(access: MutantAccess, value: number): number | null;
  /** Software waits: called at each of its pauses. */
  pause?(): void;
}

/** What is wrong with a function. */
export interface Lies {
  /** Makes the lies for one function; called anew for each. */
  readonly bus?: () => BusLies;
  /** Changes the function itself, before any driver has touched it: methods of its parts replaced. */
  device?(fn: VirtioFunction, sample: { readonly behaviour: DeviceBehaviour; readonly hands: Hands }): void;
}

/** A device that is wrong in one small way, to prove that a check can fail. */
export interface DeviceMutant extends Lies {
  /** In words with hyphens, unique. */
  readonly name: string;
  /** The clauses that it breaks, one of which a check that sees it should name. */
  readonly breaks: readonly string[];
  /** What is wrong with it, in one line. */
  readonly says: string;
  /** What it is to be tried on, the smallest that shows it; by default an entropy function, `transitional`. */
  readonly type?: string;
  readonly kind?: string;
  /** The setting in which it shows; by default any. */
  readonly setting?: Setting;
}

/** Whether an access is to a register of a place, at its own width or wider. */
export const touches = (access: MutantAccess, place: string, { offset, width }: Register): boolean =>
  access.place === place && access.offset <= offset && access.offset + access.width >= offset + width;
