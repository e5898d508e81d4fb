import { bytes, flag, optional, record, type State, type Stateful } from '../core/index.ts';
import type { InterruptPort } from './behaviour.ts';
import type { Batch } from './queue/batch.ts';

/** The device whose mode it is. */
interface ModeOwner {
  /** No chain is being processed, and the driver was told of all that are used. */
  readonly idle: boolean;
  readonly suspended: boolean;
  readonly interrupts: InterruptPort;
  /** It is to go on, as after a suspension. */
  resumed(): void;
}

export const deviceModeState = record(
  'device-mode',
  1,
  { stopping: flag, stopped: flag, staged: optional(bytes()) },
  {
    relate({ stopping, stopped }, expect) {
      expect(!(stopping && stopped), 'stopping', stopping, 'false once it is stopped');
    },
  },
);

/** As saved by a device that has no owner. */
export const RUNNING = deviceModeState.save({ stopping: false, stopped: false, staged: null });

const NONE: readonly (() => void)[] = [];

/**
 * What the owner of its group makes of a device: it stops it, and gives it parts that take effect when it goes on (chapter
 * Device parts). A device that is to stop takes no more chains, finishes those that it has, and is stopped from then on: it
 * touches no memory and tells nothing (ADP-02, ADP-03). Parts end with a reset of the device (ADP-04), a stop does not.
 */
export class DeviceMode implements Stateful {
  #stopping = false;
  #stopped = false;
  /** Parts one after the other, or null. They are their owner's to read. */
  staged: Uint8Array | null = null;
  readonly #owner: ModeOwner;
  readonly #batch: Batch;
  /** Who waits for the stop. */
  #waiting = NONE;

  constructor(owner: ModeOwner, batch: Batch) {
    this.#owner = owner;
    this.#batch = batch;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** No chain is to be taken. */
  get halted(): boolean {
    return this.#stopping || this.#stopped;
  }

  /** The device is to stop. @param then is called once it has, or is to go on after all. */
  stop(then: () => void): void {
    this.#waiting = [...this.#waiting, then];
    if (!this.#stopped) {
      this.#stopping = true;
      this.#batch.published = this;
    }
    this.settle();
  }

  /** Something has come to its end: it may be stopped by now. */
  settle(): void {
    if (this.#stopping && this.#owner.idle) {
      this.#stopping = false;
      this.#stopped = true;
      this.#owner.interrupts.hold();
    }
    if (!this.#stopping) this.#tell();
  }

  goOn(): void {
    if (this.halted) {
      this.#stopping = this.#stopped = false;
      if (!this.#owner.suspended) this.#owner.resumed();
    }
    this.#tell();
  }

  #tell(): void {
    this.#batch.published = null;
    const waiting = this.#waiting;
    this.#waiting = NONE;
    for (const then of waiting) then();
  }

  /** The device was reset. */
  reset(): void {
    this.staged = null;
    if (this.#stopped) this.#owner.interrupts.hold();
    this.settle();
  }

  /** The function was reset, or unplugged: it is not stopped any more. One that was to stop does, when all is over. */
  resetFunction(): void {
    this.#stopped = false;
  }

  save() {
    return deviceModeState.save({
      stopping: this.#stopping,
      stopped: this.#stopped,
      staged: this.staged?.slice() ?? null,
    });
  }

  load(state: State): void {
    const { stopping, stopped, staged } = deviceModeState.parse(state);
    this.#stopping = stopping;
    this.#stopped = stopped;
    this.staged = staged?.slice() ?? null;
    this.#waiting = NONE;
    this.#batch.published = stopping ? this : null;
    if (stopped) this.#owner.interrupts.hold();
  }
}
