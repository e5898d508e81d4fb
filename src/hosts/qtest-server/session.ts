import type { Readable, Writable } from 'node:stream';
import { MOST_BLOCK_BYTES } from './blocks.ts';
import { answer, type CommandTarget } from './commands.ts';
import { LineBuffer } from './line-buffer.ts';

/** A line holds a block's digits, and a command around them. */
const MOST_LINE_BYTES = 2 * MOST_BLOCK_BYTES + 256;
/** Characters of answers that go out together. */
const ENOUGH = 1 << 16;

/** What a client sends is read from one stream, and answered on the other; of a socket both are the same. */
export interface Streams {
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * One client's use of a machine, from its first command to its end. Whatever it sends, it gets an answer a line, in order;
 * while it takes none, it is not listened to either.
 */
export class QtestSession {
  readonly #streams: Streams;
  readonly #target: CommandTarget;
  readonly #lines = new LineBuffer(MOST_LINE_BYTES);
  #out = '';
  #answering = false;
  #full = false;
  #over = false;
  /** Commands that were answered. */
  commands = 0;
  onEnd: () => void = () => {};

  constructor(streams: Streams, target: CommandTarget) {
    this.#streams = streams;
    this.#target = target;
    const { input, output } = streams;
    target.interception.listener((line) => this.#say(line));
    input.on('data', (bytes: Buffer) => {
      this.#lines.add(bytes);
      this.#answer();
    });
    output.on('drain', () => {
      this.#full = false;
      this.#answer();
    });
    const end = () => this.close();
    for (const stream of new Set([input, output])) stream.on('error', end).on('close', end).on('end', end);
    input.resume();
  }

  /** Answers what has come, until the client has to take answers first. */
  #answer(): void {
    this.#answering = true;
    while (!this.#full && !this.#over) {
      const line = this.#lines.next();
      if (line === null) break;
      this.commands++;
      this.#say(answer(this.#target, line));
    }
    this.#answering = false;
    this.#flush();
    if (this.#lines.tooLong && !this.#full) this.#give();
    else if (this.#full) this.#streams.input.pause();
    else this.#streams.input.resume();
  }

  #say(line: string): void {
    this.#out += `${line}\n`;
    if (!this.#answering || this.#out.length >= ENOUGH) this.#flush();
  }

  #flush(): void {
    if (this.#out === '' || this.#over) return;
    const out = this.#out;
    this.#out = '';
    if (!this.#streams.output.write(out, 'latin1')) this.#full = true;
  }

  /** Nothing that a client sends after such a line can be told apart from it. */
  #give(): void {
    this.#say(`FAIL a line of more than ${MOST_LINE_BYTES} bytes`);
    this.close();
  }

  /** Hangs up, once what was said has been sent. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#target.interception.listener(() => {});
    const { input, output } = this.#streams;
    input.pause();
    output.end(() => {
      output.destroy();
      input.destroy();
    });
    this.onEnd();
  }
}
