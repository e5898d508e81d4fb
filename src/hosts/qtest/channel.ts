import { readSync, writeSync } from 'node:fs';
import { TargetGoneError, TargetTimeoutError } from '../../core/index.ts';
import type { SystemCalls } from './system-calls.ts';

/** The two ends of a connection, as descriptors, and what is known of who is at the other one. */
export interface Connection {
  readonly input: number;
  readonly output: number;
  /** What to call it in errors. */
  readonly name: string;
  /** The process has ended. */
  ended(): boolean;
  /** What it said last, on its standard error; empty where that is nothing. */
  lastWords(): string;
}

/** Told of an interrupt line of the board that changed. */
export type LineListener = (line: number, asserted: boolean) => void;

/** How often a process that says nothing is looked after. */
const LOOK_MILLISECONDS = 100;
const BUFFER_BYTES = 4096;
const LINE_FEED = 10;

/**
 * QEMU's qtest protocol, line by line over a pair of descriptors: a command waits for its answer, for a limited time.
 * An answer that comes too late is passed over when it comes: the next command waits for it first, and is not sent
 * before.
 */
export class QtestChannel {
  readonly #connection: Connection;
  readonly #calls: SystemCalls;
  readonly #milliseconds: number;
  readonly #bytes = new Uint8Array(BUFFER_BYTES);
  readonly #decoder = new TextDecoder();
  /** Text that was read and is no whole line yet. */
  #rest = '';
  readonly #answers: string[] = [];
  /** Answers that nobody waits for any more. */
  #owed = 0;
  #gone: TargetGoneError | null = null;
  onLine: LineListener = () => {};

  /** @param milliseconds for which an answer is waited for. */
  constructor(connection: Connection, calls: SystemCalls, milliseconds: number) {
    this.#connection = connection;
    this.#calls = calls;
    this.#milliseconds = milliseconds;
  }

  /** Why nobody is at the other end any more, or null. */
  get gone(): TargetGoneError | null {
    return this.#gone;
  }

  /** Nothing goes through any more. */
  close(reason: string): void {
    this.#gone ??= new TargetGoneError(this.#connection.name, reason);
  }

  /**
   * Sends a command and waits for its answer, for `milliseconds` at most.
   * @returns what stands after `OK`. @throws TargetGoneError, TargetTimeoutError
   */
  command(text: string, milliseconds = this.#milliseconds): string {
    if (this.#gone !== null) throw this.#gone;
    const until = performance.now() + milliseconds;
    const late = () => new TargetTimeoutError(this.#connection.name, text, milliseconds);
    while (this.#owed > 0) {
      if (this.#next(until) === null) throw late();
      this.#owed--;
    }
    writeSync(this.#connection.output, `${text}\n`);
    const answer = this.#next(until);
    if (answer === null) {
      this.#owed++;
      throw late();
    }
    if (answer === 'OK') return '';
    if (answer.startsWith('OK ')) return answer.slice(3);
    this.#lose(`it answered ${JSON.stringify(answer)} to ${JSON.stringify(text)}`);
  }

  /** The number that answers a command. */
  number(text: string): number {
    return Number(this.command(text));
  }

  /** Takes what came unasked, for `milliseconds` at most or until there is something. @throws TargetGoneError */
  listen(milliseconds: number): void {
    if (this.#gone !== null) throw this.#gone;
    if (this.#calls.readable(this.#connection.input, milliseconds)) this.#read();
  }

  /** The next answer, or null when it is late. */
  #next(until: number): string | null {
    while (this.#answers.length === 0) {
      const left = until - performance.now();
      if (left <= 0) return null;
      if (this.#calls.readable(this.#connection.input, Math.ceil(Math.min(left, LOOK_MILLISECONDS))))
        this.#read();
      else if (this.#connection.ended()) this.#lose('it has ended');
    }
    return this.#answers.shift()!;
  }

  #read(): void {
    let count: number;
    try {
      count = readSync(this.#connection.input, this.#bytes);
    } catch (error) {
      this.#lose(`nothing can be read from it (${(error as NodeJS.ErrnoException).code})`);
    }
    if (count === 0) this.#lose('it has ended');
    const whole = this.#bytes[count - 1] === LINE_FEED;
    const lines = (this.#rest + this.#decoder.decode(this.#bytes.subarray(0, count), { stream: true })).split(
      '\n',
    );
    this.#rest = whole ? '' : lines.at(-1)!;
    lines.pop();
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    const [word, change, number] = line.split(' ');
    if (word === 'IRQ') this.onLine(Number(number), change === 'raise');
    else this.#answers.push(line);
  }

  #lose(reason: string): never {
    const words = this.#connection.lastWords();
    this.close(words === '' ? reason : `${reason}; its last words: ${words}`);
    throw this.#gone;
  }
}
