import { bytesText } from './text.ts';

/** A line on a terminal is drawn anew this often; elsewhere one line after the other is written, more rarely. */
const DRAW_MS = 100;
const WRITE_MS = 5_000;
/** Where a terminal does not say how wide it is. */
const WIDTH = 80;
/** What a terminal shows of Ctrl-C, over our line. */
const ECHO_WIDTH = 2;

const isTerminal = (): boolean => process.stderr.isTTY === true;

/** Columns of the line that stands on the terminal now. */
let drawn = 0;

/** Shows a line on standard error: over the one before on a terminal, under it elsewhere. */
export function showLine(text: string): void {
  if (!isTerminal()) {
    process.stderr.write(`${text}\n`);
    return;
  }
  const shown = text.slice(0, (process.stderr.columns || WIDTH) - 1);
  process.stderr.write(`\r${shown.padEnd(drawn)}\r`);
  drawn = shown.length;
}

/** Takes the line away from the terminal, for whatever is written next: a result, an error, a shell's prompt. */
export function clearLine(): void {
  if (drawn === 0) return;
  process.stderr.write(`\r${' '.repeat(Math.max(drawn, ECHO_WIDTH))}\r`);
  drawn = 0;
}

/** Long work that shows every so often how far it is. */
export class Progress {
  readonly #what: string;
  readonly #total: number;
  readonly #everyMs = isTerminal() ? DRAW_MS : WRITE_MS;
  #shown = performance.now();

  constructor(what: string, totalBytes: number) {
    this.#what = what;
    this.#total = totalBytes;
  }

  /** Says how far it is. */
  at(doneBytes: number): void {
    const now = performance.now();
    if (now - this.#shown < this.#everyMs) return;
    this.#shown = now;
    showLine(`${this.#what} ${Math.floor((100 * doneBytes) / this.#total)} % of ${bytesText(this.#total)}`);
  }

  /** Takes the line away. */
  end(): void {
    clearLine();
  }
}

/** Work of which nobody knows how long it takes: what it is at, and for how many seconds it has been. */
export class Waiting {
  #started = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Begins; `details` are asked for each time that the line is shown. */
  start(what: string, details: () => readonly string[] = () => []): void {
    this.end();
    this.#started = performance.now();
    const show = () => {
      const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
      showLine([`${what}: ${seconds} s`, ...details()].filter((part) => part !== '').join(', '));
    };
    show();
    this.#timer = setInterval(show, isTerminal() ? DRAW_MS : WRITE_MS);
  }

  /** Takes the line away. May be called twice. */
  end(): void {
    clearInterval(this.#timer);
    clearLine();
  }
}
