import { type FindingAbout, flag, record, type State, type Stateful } from '../core/index.ts';
import type { AnyConfig, InterruptPort } from './behaviour.ts';
import { deviceStatus, feature } from './layout/index.ts';

/** What a suspension needs of its device. */
export interface SuspensionOwner {
  readonly config: AnyConfig;
  readonly interrupts: InterruptPort;
  /** No chain is being processed, and the driver was told of all that are used. */
  readonly idle: boolean;
  /** The driver is through with initialization. */
  readonly served: boolean;
  has(bit: number): boolean;
  report(party: 'driver', clause: string, message: string, about?: FindingAbout): void;
}

const { suspend, driverOk, needsReset } = deviceStatus;

export const suspensionState = record(
  'suspension',
  1,
  { draining: flag, suspended: flag, changed: flag },
  {
    relate({ draining, suspended, changed }, expect) {
      expect(!(draining && suspended), 'draining', draining, 'false once it is suspended');
      expect(!changed || suspended, 'changed', changed, 'false while it is not suspended');
    },
  },
);

/**
 * The suspension of a device (chapter Device Suspend). Once asked, it takes no more chains and finishes those that are
 * being processed; chains that only wait for something to happen stay where they are (SUSP-14). That it has come to rest
 * shows when the driver looks, and from then on it does nothing until it is resumed.
 */
export class Suspension implements Stateful {
  /** The driver asked, and has not seen the device at rest yet. */
  #draining = false;
  #suspended = false;
  /** Configuration changed meanwhile (SUSP-10, SUSP-11). */
  #changed = false;
  readonly #owner: SuspensionOwner;

  readonly #register: { readonly value: number };

  /** `register` is the status register. */
  constructor(owner: SuspensionOwner, register: { readonly value: number }) {
    this.#owner = owner;
    this.#register = register;
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  /** No chain is to be taken. */
  get stopped(): boolean {
    return this.#draining || this.#suspended;
  }

  /** The driver looks at status. @returns status as it is now. */
  settle(): number {
    const status = this.#register.value;
    if (!this.#draining || !this.#owner.idle) return status;
    this.#draining = false;
    this.#suspended = true;
    this.#owner.config.hold();
    this.#owner.interrupts.hold();
    return (status & ~driverOk) | suspend;
  }

  /**
   * The driver writes status, not 0. @returns the status to take instead: SUSPEND counts only where it was agreed on and the
   * device is up and sound (SUSP-01, SUSP-07); what is asked for already stays asked for.
   */
  asked(value: number): number {
    const status = this.#register.value;
    if (this.#suspended) return value | suspend;
    if (this.#draining) return value | (status & (suspend | driverOk));
    if ((value & suspend) === 0) return value;
    if (!this.#owner.has(feature.suspend) || !this.#owner.served) {
      this.#owner.report('driver', 'SUSP-01', 'SUSPEND was set on a device that cannot be suspended now', {
        what: 'device status',
        value,
      });
      return value & ~suspend;
    }
    // SUSP-12: a device that needs a reset says so already.
    if ((status & needsReset) !== 0) return value & ~suspend;
    this.#draining = true;
    return value;
  }

  /** Ends it, as the driver asks, or by a reset. @returns whether the driver is to hear that configuration changed. */
  end(): boolean {
    const changed = this.#changed;
    if (this.#suspended) this.#owner.config.release();
    this.#draining = this.#suspended = this.#changed = false;
    return changed;
  }

  /** The driver is to hear of a change. @returns false when that has to wait. */
  mayTell(): boolean {
    if (this.#suspended) this.#changed = true;
    return !this.#suspended;
  }

  save() {
    return suspensionState.save({
      draining: this.#draining,
      suspended: this.#suspended,
      changed: this.#changed,
    });
  }

  load(state: State): void {
    const saved = suspensionState.parse(state);
    this.#draining = saved.draining;
    this.#suspended = saved.suspended;
    this.#changed = saved.changed;
  }
}
