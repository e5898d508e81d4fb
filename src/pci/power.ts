import { expectAt } from '../core/index.ts';
import type { CapabilityList } from './capability-list.ts';
import { type ConfigSpace, reaches } from './config-space.ts';
import { capabilityId, powerManagement, powerState } from './layout/index.ts';

export interface PowerManagementOptions {
  /**
   * The function keeps its state from D3hot to D0. Without it that transition is a reset: what comes back is a function whose BARs
   * have no address, and a device that nobody has set up (PCI PM 1.2, section 5.4.1).
   */
  readonly noSoftReset?: boolean;
}

/** The power management capability of a function, with D0 and D3hot. */
export class PowerCapability {
  readonly #config: ConfigSpace;
  readonly #control: number;
  readonly #noSoftReset: boolean;
  /** In force; D1 and D2 never are. */
  #state: number = powerState.d0;

  constructor(
    config: ConfigSpace,
    capabilities: CapabilityList,
    { noSoftReset = true }: PowerManagementOptions,
  ) {
    this.#config = config;
    this.#noSoftReset = noSoftReset;
    const at = capabilities.add(capabilityId.powerManagement, powerManagement, {
      controlStatus: noSoftReset ? powerState.noSoftReset : 0,
    });
    this.#control = at + powerManagement.controlStatus.offset;
  }

  /** In D0. */
  get powered(): boolean {
    return this.#state === powerState.d0;
  }

  #read(): number {
    return this.#config.get(this.#control, 2) & powerState.mask;
  }

  /** The write of these bytes may change the state. */
  reached(start: number, end: number): boolean {
    return reaches(start, end, this.#control, powerManagement.controlStatus.width);
  }

  /** Follows what software wrote. @returns whether the function has to reset itself. */
  follow(): boolean {
    const [before, wanted] = [this.#state, this.#read()];
    // D1 and D2 are not supported: the write is taken as if it had not been made (PCI PM 1.2, section 5.6.1).
    if (wanted === powerState.d0 || wanted === powerState.d3hot) this.#state = wanted;
    else this.#config.set(this.#control, 2, (this.#config.get(this.#control, 2) & ~powerState.mask) | before);
    return before === powerState.d3hot && this.powered && !this.#noSoftReset;
  }

  /** @throws StateMismatchError for a configuration space with a state that is never in force. */
  check(config: Uint8Array, path: string): void {
    const found = config[this.#control]! & powerState.mask;
    const known = found === powerState.d0 || found === powerState.d3hot;
    expectAt(path)(known, `[${this.#control}]`, found, 'power state 0 or 3');
  }

  /** Takes over what configuration space has, after a reset or from a saved state. */
  restore(): void {
    this.#state = this.#read();
  }
}
