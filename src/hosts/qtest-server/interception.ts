import { LINES, type Wires } from './wires.ts';

/** The interrupt controller, whose inputs are the lines. No other device's can be asked for. */
const CONTROLLER = 'ioapic';

/** Which lines a client hears of: those of the interrupt controller, from when it asks for them on. */
export class Interception {
  readonly #wires: Wires;
  readonly #told = new Uint8Array(LINES);
  #on = false;
  #tell: (line: string) => void = () => {};

  constructor(wires: Wires) {
    this.#wires = wires;
    wires.onLine = (line, asserted) => {
      if (this.#on) this.#say(line, asserted);
    };
  }

  #say(line: number, asserted: boolean): void {
    const level = asserted ? 1 : 0;
    if (this.#told[line] === level) return;
    this.#told[line] = level;
    this.#tell(`IRQ ${asserted ? 'raise' : 'lower'} ${line}`);
  }

  /** Another client listens, who takes all lines to be low. */
  listener(tell: (line: string) => void): void {
    this.#tell = tell;
    this.#told.fill(0);
  }

  knows(device: string): boolean {
    return device === CONTROLLER;
  }

  start(): void {
    this.#on = true;
  }

  /** Holds a line up, or lets it go. @returns whether there is such a line. */
  hold(line: number, asserted: boolean): boolean {
    if (line < 0 || line >= LINES) return false;
    this.#wires.hold(line, asserted);
    return true;
  }
}
