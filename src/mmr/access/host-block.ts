import type { Shape, Width } from '../../core/index.ts';
import type { WindowPlace } from './held-function.ts';

/**
 * The legacy block of a function of the host, reached over its bus. The function's MSI-X is on, so the two vector registers
 * stand in it always. Accesses are aligned and stay inside.
 */
export interface HostBlock {
  /** What has to be decoded for the block to be there. */
  readonly place: WindowPlace;
  /** Bytes of device configuration. */
  readonly configBytes: number;
  /** What it was made with, as saved states tell it. */
  readonly shape: Shape;
  /** A reset is done when status reads 0; else when its write has arrived. */
  readonly readsBack: boolean;
  /** Writes are on their way when {@link write} returns, and pushed by a read of status; else they have arrived. */
  readonly posted: boolean;
  /** Its BARs are decoded, for the first time or somewhere else. */
  found?(): void;
  read(offset: number, width: Width): number;
  /** Sends a write. */
  write(offset: number, width: Width, value: number): void;
  /** A queue is kicked; nobody waits for that. */
  kick(width: Width, value: number): void;
}
