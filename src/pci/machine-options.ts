import { type Finding, type GuestMemory, OptionError, type Scheduler } from '../core/index.ts';
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
  /**
   * Address of memory-mapped configuration: a multiple of its size, where no RAM is; by default 0xe0000000. Null: the
   * machine has none, and software reaches the first 256 bytes of a function only, through the configuration ports.
   */
  readonly ecamBase?: number | null;
  /** How many buses it has room for, from bus 0 on: a power of two up to 256, 1 MiB each; by default 1. */
  readonly ecamBuses?: number;
  /**
   * Segments, each with a root bus and a host bridge of its own, up to 256; by default 1. The configuration ports reach
   * segment 0 only; memory-mapped configuration of the others stands behind that of segment 0, one after the other.
   */
  readonly segments?: number;
  /** Hears of every finding, besides whoever watches the machine: for one whose functions stand behind another's. */
  readonly onFinding?: (finding: Finding) => void;
}

/** A machine that cannot be. */
export class MachineOptionError extends OptionError {}

const DEFAULT_ECAM_BASE = 0xe0000000;
const MOST_BUSES = 256;
const MOST_SEGMENTS = 256;

/** Where memory-mapped configuration stands; its length in bytes, for each segment. */
export interface EcamPlace {
  readonly start: number;
  readonly length: number;
  readonly buses: number;
}

/** @returns null where there is none. @throws MachineOptionError where it could not be, or would not be seen. */
export function ecamPlace(
  { ecamBase, ecamBuses: buses = 1, segments = 1 }: MachineOptions,
  ram: GuestMemory,
): EcamPlace | null {
  if (!Number.isInteger(segments) || segments < 1 || segments > MOST_SEGMENTS)
    throw new MachineOptionError('segments', segments, `a whole number of 1..${MOST_SEGMENTS}`);
  if (!Number.isInteger(Math.log2(buses)) || buses < 1 || buses > MOST_BUSES)
    throw new MachineOptionError('ecamBuses', buses, `a power of two up to ${MOST_BUSES}`);
  if (ecamBase === null) return null;
  const start = ecamBase ?? DEFAULT_ECAM_BASE;
  const length = buses * ECAM_BUS_BYTES;
  const end = start + segments * length;
  const fits = Number.isSafeInteger(end) && start >= 0 && start % length === 0;
  const hidden = ram.ranges.some((range) => range.start < end && start < range.end);
  if (!fits || hidden)
    throw new MachineOptionError(
      'ecamBase',
      start,
      `a multiple of 0x${length.toString(16)} where the machine has no RAM`,
    );
  return { start, length, buses };
}
