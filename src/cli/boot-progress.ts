/** A line on a terminal is drawn anew this often; elsewhere one line after the other is written, more rarely. */
const DRAW_MS = 100;
const WRITE_MS = 5_000;
const WIDTH = 100;
const LEAST_WIDTH = 40;

/** A line on standard error that shows that a guest is booting. */
export class BootProgress {
  readonly #isTerminal = process.stderr.isTTY === true;
  #what = '';
  #started = 0;
  #last = '';
  #count: (() => number) | null = null;
  #timer: NodeJS.Timeout | undefined;
  #drawn = 0;

  /** A step that is done at once, or takes as long as it takes. */
  say(message: string): void {
    this.#write(message);
  }

  /** Something begins that takes some seconds. */
  start(what: string): void {
    this.#what = what;
    this.#started = performance.now();
    this.#timer = setInterval(() => this.#tick(), this.#isTerminal ? DRAW_MS : WRITE_MS);
  }

  /** What the guest printed. */
  line(text: string): void {
    const clean = text.replace(/\p{Cc}+/gu, ' ').trim();
    if (clean !== '') this.#last = clean;
  }

  /** Tells how many accesses there were so far. */
  watch(count: () => number): void {
    this.#count = count;
  }

  get #width(): number {
    const { columns } = process.stderr;
    return this.#isTerminal ? Math.max(LEAST_WIDTH, (columns ?? WIDTH) - 1) : WIDTH;
  }

  #tick(): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    const count = this.#count?.() ?? 0;
    const parts = [`${this.#what}: ${seconds} s`, `${count} accesses to our functions`, this.#last];
    this.#write(
      parts
        .filter((part) => part !== '')
        .join(', ')
        .slice(0, this.#width),
    );
  }

  #write(text: string): void {
    if (!this.#isTerminal) process.stderr.write(`${text}\n`);
    else {
      process.stderr.write(`\r${text.padEnd(this.#drawn)}`);
      this.#drawn = text.length;
    }
  }

  /** Takes the line away. May be called twice. */
  end(): void {
    clearInterval(this.#timer);
    if (this.#isTerminal && this.#drawn > 0) process.stderr.write(`\r${' '.repeat(this.#drawn)}\r`);
    this.#drawn = 0;
  }
}
