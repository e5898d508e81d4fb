import { flag, record, type State, type Stateful, u8, u16 } from '../core/index.ts';
import { deviceStatus, type StatusTransition, statusRules, statusTransitions } from './layout/index.ts';
import { Suspension, type SuspensionOwner, suspensionState } from './suspension.ts';

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

const { driverOk, featuresOk, needsReset, suspend } = deviceStatus;

export const statusState = record(
  'status',
  2,
  { value: u8, broken: flag, suspension: suspensionState, lateReads: u16, shownLate: u8 },
  {
    upgrades: { 1: (older) => ({ ...older, lateReads: 0, shownLate: 0 }) },
    relate({ value, broken, suspension, lateReads, shownLate }, expect) {
      expect(
        lateReads === 0 || value === 0,
        'value',
        value,
        'that of a device whose reset is not seen yet: 0',
      );
      expect(lateReads === 0 || shownLate !== 0, 'shownLate', shownLate, 'what status was before the reset');
      expect(
        !broken || (value & needsReset) !== 0,
        'value',
        value,
        'one with NEEDS_RESET: the device is broken',
      );
      expect(value !== 0 || !suspension.suspended, 'value', value, 'not 0 while the device is suspended');
    },
  },
);

/** Device status: the bits that the driver raises step by step, and those that the device adds. */
export class StatusRegister implements Stateful {
  readonly suspension: Suspension;
  readonly #owner: StatusOwner;
  #value = 0;
  /** NEEDS_RESET stays until then. */
  #broken = false;
  readonly #resetReads: number;
  /** Reads that show what status was before a reset. */
  #lateReads = 0;
  #shownLate = 0;

  /** @param resetReads reads after a reset that show what status was before. */
  constructor(owner: StatusOwner, resetReads: number) {
    this.#owner = owner;
    this.#resetReads = resetReads;
    this.suspension = new Suspension(owner, this);
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
      this.#resetByDriver();
      return;
    }
    if (this.#lateReads !== 0) {
      this.#lateReads = 0;
      this.#report('BF-RST-03', 'status was written before a reset was seen to be finished', value);
    }
    const before = this.#value;
    this.#judge(before, value);
    this.#value = value | (this.#broken ? needsReset : 0);
    const rose = value & ~before;
    for (const transition of statusTransitions)
      if ((rose & transition.raised) !== 0 && (before & transition.before) === transition.before)
        this.#follow(transition.effect);
  }

  /** The device is reset at once; when the driver sees that is another matter. */
  #resetByDriver(): void {
    const shown = this.#lateReads === 0 ? this.#value : this.#shownLate;
    this.#owner.reset();
    this.#shownLate = shown;
    this.#lateReads = shown === 0 ? 0 : this.#resetReads;
  }

  /** What a driver reads. */
  read(): number {
    if (this.#lateReads === 0) return this.#value;
    this.#lateReads--;
    return this.#shownLate;
  }

  #follow(effect: StatusTransition['effect']): void {
    if (effect === 'start') this.#owner.started();
    else if (!this.#owner.settleFeatures()) this.#value &= ~featuresOk;
  }

  #judge(before: number, value: number): void {
    const rose = value & ~before;
    const fell = before & ~value;
    for (const rule of statusRules)
      if ((before & rule.while) === rule.while && ((rose & rule.raises) | (fell & rule.clears)) !== 0)
        this.#report(rule.clause, rule.message, value);
  }

  #report(clause: string, message: string, value: number): void {
    this.#owner.report('driver', clause, message, { what: 'device status', value });
  }

  /** Through the common configuration, where SUSPEND has a meaning. */
  readModern(): number {
    this.#value = this.suspension.settle();
    return this.read();
  }

  writeModern(value: number): void {
    if (value === 0) this.#resetByDriver();
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
    this.#lateReads = 0;
    this.#shownLate = 0;
    this.suspension.end();
  }

  save() {
    return statusState.save({
      value: this.#value,
      broken: this.#broken,
      suspension: this.suspension.save(),
      lateReads: this.#lateReads,
      shownLate: this.#shownLate,
    });
  }

  load(state: State): void {
    const saved = statusState.parse(state);
    this.#value = saved.value;
    this.#broken = saved.broken;
    this.#lateReads = saved.lateReads;
    this.#shownLate = saved.shownLate;
    this.suspension.load(saved.suspension);
  }
}
