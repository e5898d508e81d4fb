import type { ScsiCommand } from './command.ts';

/** The commands of a host that have not been answered. */
export class TaskSet {
  readonly #commands: ScsiCommand[] = [];
  #coming = 0;

  add(command: ScsiCommand): void {
    command.slot = this.#commands.length;
    command.order = this.#coming++;
    this.#commands.push(command);
  }

  remove(command: ScsiCommand): void {
    const last = this.#commands.pop()!;
    if (last === command) return;
    this.#commands[command.slot] = last;
    last.slot = command.slot;
  }

  some(chosen: (command: ScsiCommand) => boolean): boolean {
    return this.#commands.some(chosen);
  }

  /** Ends commands with a response, in the order in which they came. */
  abort(chosen: (command: ScsiCommand) => boolean, response: number): void {
    for (const command of this.#select(chosen)) command.abort(response);
  }

  /** Forgets commands that will have no answer. */
  forget(chosen: (command: ScsiCommand) => boolean = () => true): void {
    for (const command of this.#select(chosen)) {
      this.remove(command);
      command.forget();
    }
  }

  #select(chosen: (command: ScsiCommand) => boolean): ScsiCommand[] {
    return this.#commands.filter(chosen).sort((a, b) => a.order - b.order);
  }
}
