import { bytes, flag, optional, record, type State, type Stateful } from '../core/index.ts';

export const deviceModeState = record('device-mode', 1, { stopped: flag, staged: optional(bytes()) });

/**
 * What the owner of its group makes of a device: it stops it, and gives it parts that take effect when it goes on (chapter
 * Device parts). Parts are the owner's to read; they end with a reset of the device (ADP-04), a stop does not.
 */
export class DeviceMode implements Stateful {
  stopped = false;
  /** Parts one after the other, or null. */
  staged: Uint8Array | null = null;

  save() {
    return deviceModeState.save({ stopped: this.stopped, staged: this.staged?.slice() ?? null });
  }

  load(state: State): void {
    const { stopped, staged } = deviceModeState.parse(state);
    this.stopped = stopped;
    this.staged = staged?.slice() ?? null;
  }
}
