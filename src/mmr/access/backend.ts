import type { FindingAbout, Stateful, Width } from '../../core/index.ts';
import { VirtiolabError } from '../../core/index.ts';

/** What a back end tells the function that the guest sees. */
export interface GuestSide {
  /** Level of the guest's interrupt pin. */
  setLine(level: boolean): void;
  /** An MSI-X vector of the guest's function. */
  trigger(vector: number): void;
  /** The real function breaks a clause. */
  report(clause: string, message: string, about?: FindingAbout): void;
}

/**
 * The way from a legacy register access to a real function. Offsets are the guest's: those of the legacy block as its
 * own MSI-X enable bit shapes it. Accesses are aligned and stay within the block.
 */
export interface LegacyBackend extends Stateful {
  readonly name: string;
  /** Bytes of device configuration. */
  readonly configBytes: number;
  /** MSI-X vectors that the guest may have. */
  readonly vectors: number;
  attach(guest: GuestSide): void;
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
  /** The guest's MSI-X enable bit changed. */
  setMsix(enabled: boolean): void;
  /** The guest's bus-master bit changed. */
  setBusMaster(on: boolean): void;
  /** The guest's function was reset. */
  reset(): void;
  /** Gives what the host lent back: vectors, a line. Nothing reaches the guest any more. */
  release(): void;
}

/** A function that the translator cannot use, or that does not answer as it must. */
export class TranslatorError extends VirtiolabError {}
