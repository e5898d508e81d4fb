import type { BusTarget, Width } from '../../core/index.ts';
import type { GuestRam } from './guest-ram.ts';

/** A stretch of ports or addresses, [start, end). */
export class Claim {
  readonly start: number;
  readonly end: number;
  readonly target: BusTarget;

  constructor(start: number, length: number, target: BusTarget) {
    this.start = start;
    this.end = start + length;
    this.target = target;
  }
}

/** Takes what a target threw: a defect of ours, since no guest's doing may end in an exception. */
export type FaultSink = (fault: unknown) => void;

/** Calls targets on behalf of the emulator, which must not see an exception: it would lose its place. */
export class TargetCalls {
  readonly #ram: GuestRam;
  readonly #fault: FaultSink;

  constructor(ram: GuestRam, fault: FaultSink) {
    this.#ram = ram;
    this.#fault = fault;
  }

  read(target: BusTarget, offset: number, width: Width): number {
    this.#ram.enterAccess();
    try {
      return target.read(offset, width);
    } catch (fault) {
      this.#fault(fault);
      return 0xffffffff;
    } finally {
      this.#ram.leaveAccess();
    }
  }

  write(target: BusTarget, offset: number, width: Width, value: number): void {
    this.#ram.enterAccess();
    try {
      target.write(offset, width, value);
    } catch (fault) {
      this.#fault(fault);
    } finally {
      this.#ram.leaveAccess();
    }
  }
}
