import type { AdminDriver } from '../../driver/index.ts';

/**
 * Whose turn it is on an owner's administration queue. Devices interrupt while commands are carried out, and what handles an
 * interrupt may want a command of its own, for which the owner has no time before the first is done: it waits until then.
 */
export class CommandTurns {
  static readonly #ofDrivers = new WeakMap<AdminDriver, CommandTurns>();
  #running = 0;
  readonly #late: (() => void)[] = [];

  /** Of an owner's driver, for all members that are reached by it. */
  static of(driver: AdminDriver): CommandTurns {
    let turns = CommandTurns.#ofDrivers.get(driver);
    if (turns === undefined) {
      turns = new CommandTurns();
      CommandTurns.#ofDrivers.set(driver, turns);
    }
    return turns;
  }

  /** Has a command carried out; then what has waited for its end is done. @throws as the command does */
  run<T>(command: () => T): T {
    this.#running++;
    try {
      return command();
    } finally {
      this.#running--;
      while (this.#running === 0 && this.#late.length > 0) this.#late.shift()!();
    }
  }

  /** Keeps something for the end of the command that is under way. @returns false where there is none. */
  later(what: () => void): boolean {
    if (this.#running > 0) this.#late.push(what);
    return this.#running > 0;
  }
}
