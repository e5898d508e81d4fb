import { GuestPanicError, GuestTimeoutError } from './errors.ts';

/** Lines of history that an error carries. */
const HISTORY_LINES = 30;
/** What of a line is kept in that history. */
const LONGEST_LINE = 200;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const PANIC = /Kernel panic - not syncing: .*/;

/** What a waiting caller does with each line: true ends the wait. */
type LineTest = (line: string) => boolean;

interface Waiter {
  readonly test: LineTest;
  readonly reject: (error: unknown) => void;
  readonly done: () => void;
}

/** The guest's side of a serial line, cut into lines. One caller waits at a time; every wait has a limit. */
export class SerialConsole {
  /** Called with every complete line. */
  onLine: ((line: string) => void) | undefined;
  /** Lines that are no output of the guest's programs: neither reported nor kept, seen by the waiting caller alone. */
  isHidden: (line: string) => boolean = () => false;
  /** Lines from elsewhere that stand before the guest's own in an error. */
  context: () => readonly string[] = () => [];
  readonly #send: (text: string) => void;
  readonly #history: string[] = [];
  #partial: number[] = [];
  #waiter: Waiter | undefined;
  #dead: { readonly error: unknown } | undefined;

  /** `send` takes text for the guest. */
  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** Takes a byte that the guest sent. */
  receive(byte: number): void {
    if (byte === RETURN) return;
    if (byte !== NEWLINE) {
      this.#partial.push(byte);
      return;
    }
    const line = this.#unfinished();
    this.#partial = [];
    if (!this.isHidden(line)) {
      this.#history.push(line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}...` : line);
      if (this.#history.length > HISTORY_LINES) this.#history.shift();
      this.onLine?.(line);
    }
    if (this.#waiter?.test(line) === true) this.#waiter.done();
    const panic = PANIC.exec(line);
    if (panic !== null) this.abort(new GuestPanicError(panic[0], this.lastLines()));
  }

  #unfinished(): string {
    return new TextDecoder().decode(Uint8Array.from(this.#partial));
  }

  send(text: string): void {
    this.#send(text);
  }

  /** What came last, oldest first, the unfinished line included. */
  lastLines(): string[] {
    const unfinished = this.#unfinished();
    const lines = [...this.context(), ...this.#history, ...(unfinished === '' ? [] : [unfinished])];
    return lines.slice(-HISTORY_LINES);
  }

  /** Ends the present wait, and every later one, with an error: the guest or a function of ours is beyond use. */
  abort(error: unknown): void {
    this.#dead ??= { error };
    this.#waiter?.reject(this.#dead.error);
  }

  /**
   * Waits until `test` says true to a complete line. Lines that came before do not count.
   * @throws GuestTimeoutError after `timeoutMs`; whatever {@link abort} was given.
   */
  async waitForLine(test: LineTest, timeoutMs: number, waitedFor: string): Promise<void> {
    if (this.#dead !== undefined) throw this.#dead.error;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const late = () => reject(new GuestTimeoutError(waitedFor, timeoutMs, this.lastLines()));
        timer = setTimeout(late, timeoutMs);
        this.#waiter = { test, reject, done: resolve };
      });
    } finally {
      clearTimeout(timer);
      this.#waiter = undefined;
    }
  }
}
