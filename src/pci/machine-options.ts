import { type GuestMemory, OptionError, type Scheduler } from '../core/index.ts';
import { ECAM_BUS_BYTES } from './host-bridge.ts';

export interface MachineOptions {
  /** RAM; by default 64 MiB at 0 and 64 MiB at 4 GiB. */
  readonly ram?: GuestMemory;
  /** When devices do their work. */
  readonly scheduler?: Scheduler;
  /** When interrupts reach their handlers; by default as the devices' work. */
  readonly interruptScheduler?: Scheduler;
  /** Keeps memory writes in flight until a read of the same function, or a release. */
  readonly holdPostedWrites?: boolean;
  /** Address of memory-mapped configuration of bus 0: a multiple of its 1 MiB, where no RAM is. */
  readonly ecamBase?: number;
}

/** A machine that cannot be. */
export class MachineOptionError extends OptionError {}

/** @throws MachineOptionError where memory-mapped configuration would not be seen. */
export function checkEcam(base: number, ram: GuestMemory): void {
  const fits = Number.isSafeInteger(base + ECAM_BUS_BYTES) && base >= 0 && base % ECAM_BUS_BYTES === 0;
  const hidden = ram.ranges.some(({ start, end }) => start < base + ECAM_BUS_BYTES && base < end);
  if (!fits || hidden)
    throw new MachineOptionError(
      'ecamBase',
      base,
      `a multiple of 0x${ECAM_BUS_BYTES.toString(16)} where the machine has no RAM`,
    );
}
