import type { FindingAbout, State, Stateful, Width } from '../../core/index.ts';
import { VirtiolabError } from '../../core/index.ts';

/** What a back end tells the function that the guest sees. */
export interface GuestSide {
  /** Level of the guest's interrupt pin. */
  setLine(level: boolean): void;
  /** An MSI-X vector of the guest's function. */
  trigger(vector: number): void;
  /** A message that waits behind the guest's own masks is not to be sent any more: that of a vector, or every one. */
  forget?(vector?: number): void;
  /** The guest masks a vector of its function, or all of them. Without it no vector is masked. */
  masked?(vector: number): boolean;
  /** The real function breaks a clause. */
  report(clause: string, message: string, about?: FindingAbout): void;
}

/** What a back end knows of the guest's function. */
export interface GuestRegisters {
  readonly msix: boolean;
  readonly busMaster: boolean;
  /** Level of the interrupt pin. */
  readonly line: boolean;
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
  /**
   * The guest masked a vector, or lifted its mask. A back end that passes this on has messages kept back where it is known
   * what they are for; without it they wait in the guest's function.
   */
  setMask?(vector: number, masked: boolean): void;
  /** Messages that are kept back, as four bytes of pending bits; `offset` in bytes, a multiple of 4. */
  pendingBits?(offset: number): number;
  /** The guest's bus-master bit changed. */
  setBusMaster(on: boolean): void;
  /**
   * The guest's function has the registers of a state that is being loaded: to be taken over without a word to the host's,
   * whose state says the same.
   */
  adopt?(guest: GuestRegisters): void;
  /** @throws StateMismatchError for a state that does not go with the level of the guest's pin. */
  checkGuest?(state: State, line: boolean, path: string): void;
  /** The guest's function was reset. */
  reset(): void;
  /**
   * Gives what the host lent back (vectors, a line), and leaves the function as one that nobody has used: reset, MSI-X and
   * bus mastering off. Nothing reaches the guest any more.
   */
  release(): void;
}

/** A function that the translator cannot use, or that does not answer as it must. */
export class TranslatorError extends VirtiolabError {}
