import { GuestCommandError } from './errors.ts';
import type { SerialConsole } from './serial-console.ts';

/** How a command ended. `output` is standard output and error together, as it was printed. */
export interface CommandResult {
  readonly output: string;
  readonly exitCode: number;
}

export interface CommandOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** busybox reads a line in pieces of 1024 bytes, and a terminal takes at most 4095: stay below both. */
const MAX_LINE = 900;
const INTERRUPT = '\x03';
/** Where a command that is too long for one line is put together. */
const SCRIPT = '/tmp/.command';

/** A mark on a line of its own, or what an earlier, interrupted command left before one. */
const MARK = /@@\d+:(?:begin|end:\d+)@@$/;
/** What of a command an error repeats. */
const LONGEST_NAME = 120;

const named = (command: string) =>
  `\`${command.length > LONGEST_NAME ? `${command.slice(0, LONGEST_NAME)}...` : command}\``;

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * Commands in the guest's shell over the serial line. The shell is one and stays: its folder, variables and background
 * jobs live on from command to command. Commands run one after the other, whoever asks.
 */
export class GuestShell {
  readonly #console: SerialConsole;
  #count = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(serial: SerialConsole) {
    this.#console = serial;
    serial.isHidden = (line) => MARK.test(line);
  }

  /**
   * Runs a command, of any number of lines, without standard input. One that is late is interrupted.
   * @throws GuestTimeoutError, GuestPanicError
   */
  run(command: string, options: CommandOptions = {}): Promise<CommandResult> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const result = this.#queue.then(() => this.#runNow(command, timeoutMs));
    this.#queue = result.catch(() => {});
    return result;
  }

  /** As {@link run}, and the command must succeed. @returns its output. @throws GuestCommandError as well */
  async runOk(command: string, options: CommandOptions = {}): Promise<string> {
    const { output, exitCode } = await this.run(command, options);
    if (exitCode !== 0) throw new GuestCommandError(command, exitCode, output);
    return output;
  }

  async #runNow(command: string, timeoutMs: number): Promise<CommandResult> {
    const line = `eval ${quoted(command)} </dev/null 2>&1`;
    if (new TextEncoder().encode(line).length <= MAX_LINE) return this.#exchange(line, command, timeoutMs);
    const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(command)));
    for (let at = 0; at < encoded.length; at += MAX_LINE) {
      const redirect = at === 0 ? '>' : '>>';
      const piece = `printf %s ${encoded.slice(at, at + MAX_LINE)} ${redirect}${SCRIPT}.b64`;
      await this.#exchange(piece, command, timeoutMs);
    }
    return this.#exchange(
      `base64 -d ${SCRIPT}.b64 >${SCRIPT}; . ${SCRIPT} </dev/null 2>&1`,
      command,
      timeoutMs,
    );
  }

  /**
   * Sends one line and collects what comes between two marks. The marks are put together by printf in the guest, so
   * an echo of the line never looks like one; their number tells them from those of an earlier, late command. The
   * last mark is a line of its own, so that a line that the shell gives up on (a syntax error) has one all the same.
   */
  async #exchange(line: string, command: string, timeoutMs: number): Promise<CommandResult> {
    const id = ++this.#count;
    const begin = `@@${id}:begin@@`;
    const end = new RegExp(`^@@${id}:end:(\\d+)@@$`);
    const lines: string[] = [];
    let begun = false;
    let exitCode = 0;
    const test = (text: string): boolean => {
      const match = end.exec(text);
      if (match !== null && begun) {
        exitCode = Number(match[1]);
        return true;
      }
      if (begun) lines.push(text);
      // What is left of an earlier line may stand before the mark.
      else if (text.endsWith(begin)) begun = true;
      return false;
    };
    const finished = this.#console.waitForLine(test, timeoutMs, `end of ${named(command)}`);
    this.#console.send(`printf '@@%s:begin@@\\n' ${id}\n${line}\nprintf '\\n@@%s:end:%s@@\\n' ${id} $?\n`);
    try {
      await finished;
    } catch (error) {
      this.#console.send(INTERRUPT);
      throw error;
    }
    return { output: lines.join('\n'), exitCode };
  }
}
