import type { State, Stateful } from '../core/index.ts';
import { deviceStatus } from './layout/index.ts';
import { Suspension, type SuspensionOwner } from './suspension.ts';

/** What the status register sets off in its device. */
export interface StatusOwner extends Omit<SuspensionOwner, 'status'> {
  reset(): void;
  /** FEATURES_OK was set. @returns whether the accepted features stand. */
  settleFeatures(): boolean;
  /** DRIVER_OK was set. */
  started(): void;
  /** A suspended device is to go on. */
  resumed(): void;
  /** The driver is to be told of a change (OPER-01). */
  configChanged(): void;
}

const { driverOk, failed, featuresOk, needsReset, suspend } = deviceStatus;

/** Device status: the bits that the driver raises step by step, and those that the device adds. */
export class StatusRegister implements Stateful {
  readonly suspension: Suspension;
  readonly #owner: StatusOwner;
  #value = 0;
  /** NEEDS_RESET stays until then. */
  #broken = false;

  constructor(owner: StatusOwner) {
    this.#owner = owner;
    this.suspension = new Suspension(owner, () => this.#value);
  }

  get value(): number {
    return this.#value;
  }

  /** An error that only a reset mends has occurred. */
  get broken(): boolean {
    return this.#broken;
  }

  /** 0 resets; other values are kept as they came (observed). */
  write(value: number): void {
    if (value === 0) {
      this.#owner.reset();
      return;
    }
    const before = this.#value;
    this.#judge(before, value);
    const rose = value & ~before;
    this.#value = value | (this.#broken ? needsReset : 0);
    const settles = (rose & featuresOk) !== 0;
    if (settles && !this.#owner.settleFeatures()) this.#value &= ~featuresOk;
    // In whichever order the two come: from the later one on the device works.
    if ((rose & driverOk) !== 0 || (settles && (before & driverOk) !== 0)) this.#owner.started();
  }

  #judge(before: number, value: number): void {
    if ((before & ~value & ~needsReset) !== 0)
      this.#report('BF-STAT-02', 'a status bit was cleared without a reset', value);
    if ((before & failed) !== 0 && ((value & ~before) !== 0 || (value & failed) === 0))
      this.#report('BF-STAT-03', 'status was changed after FAILED, without a reset', value);
    if ((value & needsReset & ~before) !== 0)
      this.#report('BF-STAT-01', 'the driver set NEEDS_RESET, which only the device may', value);
  }

  #report(clause: string, message: string, value: number): void {
    this.#owner.report('driver', clause, message, { what: 'device status', value });
  }

  /** Through the common configuration, where SUSPEND has a meaning. */
  readModern(): number {
    this.#value = this.suspension.settle();
    return this.#value;
  }

  writeModern(value: number): void {
    if (value === 0) this.#owner.reset();
    else if (this.suspension.suspended && (value & driverOk) !== 0) this.#resume(value);
    else {
      const taken = this.suspension.asked(value);
      if (taken !== 0) this.write(taken);
    }
  }

  /** SUSP-11, SUSP-13 */
  #resume(value: number): void {
    const changed = this.suspension.end();
    this.#value = (this.#value | value) & ~suspend;
    this.#owner.resumed();
    if (changed) this.#owner.configChanged();
  }

  /** BF-STAT-06, BF-STAT-07; a device that breaks before it is at rest is not suspended (SUSP-12). */
  fail(): void {
    if (this.#broken) return;
    this.#broken = true;
    const { suspension } = this;
    if (suspension.stopped && !suspension.suspended) {
      suspension.end();
      this.#value &= ~suspend;
    }
    this.#value |= needsReset;
    if (suspension.suspended || (this.#value & driverOk) !== 0) this.#owner.configChanged();
  }

  reset(): void {
    this.#value = 0;
    this.#broken = false;
    this.suspension.end();
  }

  save() {
    return { value: this.#value, broken: this.#broken, suspension: this.suspension.save() };
  }

  load(state: State): void {
    const saved = state as ReturnType<StatusRegister['save']>;
    this.#value = saved.value;
    this.#broken = saved.broken;
    this.suspension.load(saved.suspension);
  }
}
