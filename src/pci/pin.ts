import type { ConfigSpace } from './config-space.ts';
import { command, status, type0Header } from './layout/index.ts';

/** The interrupt pin of a function, as far as the function itself has a say. */
export class InterruptPin {
  /** What the device wants. */
  level = false;
  asserted = false;
  readonly #config: ConfigSpace;

  constructor(config: ConfigSpace) {
    this.#config = config;
  }

  /** Follows what the device wants, the command register, MSI-X and the power state. @returns whether the pin changed. */
  follow(msixEnabled: boolean, powered: boolean): boolean {
    const config = this.#config;
    const hasPin = config.get(type0Header.interruptPin.offset, 1) !== 0;
    const pending = this.level && hasPin && !msixEnabled;
    const at = type0Header.status.offset;
    const bits = config.get(at, 2) & ~status.interrupt;
    config.set(at, 2, pending ? bits | status.interrupt : bits);
    const disabled = (config.get(type0Header.command.offset, 2) & command.interruptDisable) !== 0;
    const asserted = pending && !disabled && powered;
    if (asserted === this.asserted) return false;
    this.asserted = asserted;
    return true;
  }
}
