import type { Duplex } from 'node:stream';
import { TargetGoneError, TargetTimeoutError } from '../../core/index.ts';
import { QmpError } from './errors.ts';

/** Something that QEMU tells unasked: a name such as `DEVICE_DELETED`, and what belongs to it. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A line of QEMU's. */
interface Message {
  readonly QMP?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly id?: number;
}

interface Waiter {
  /** True once it has what it waited for. */
  take(): boolean;
  fail(error: Error): void;
}

export interface QmpOptions {
  /** For so long an answer, or an event, is waited for. Default 20 s. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 20_000;

function parse(line: string): Message | null {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === 'object' ? (message as Message | null) : null;
  } catch {
    return null;
  }
}

/**
 * QEMU's machine protocol (QMP) on a stream: commands with their answers, and events in the order in which they came. Every
 * wait has a limit.
 */
export class Qmp {
  readonly #stream: Duplex;
  readonly #name: string;
  readonly #waiters = new Set<Waiter>();
  readonly #answers = new Map<number, Message>();
  /** Answers that came too late for whoever waited, and have not come yet. */
  readonly #unwanted = new Set<number>();
  readonly #events: QmpEvent[] = [];
  #greeted = false;
  #lastId = 0;
  #rest = '';
  #gone: Error | null = null;
  /** Told of every event. */
  onEvent: (event: QmpEvent) => void = () => {};
  /** Told that the stream ended: by then it may be known why. */
  onEnd: () => void = () => this.close(new TargetGoneError(this.#name, 'its monitor hung up'));

  /** @param name what to call QEMU in errors. */
  constructor(stream: Duplex, name: string) {
    this.#stream = stream;
    this.#name = name;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#hear(text));
    stream.on('error', () => {});
    for (const end of ['end', 'close']) stream.on(end, () => this.onEnd());
  }

  /** Waits for QEMU's greeting and answers it; commands are taken then. @throws TargetTimeoutError, TargetGoneError */
  async open(options: QmpOptions = {}): Promise<void> {
    await this.#until(() => (this.#greeted ? true : undefined), 'with its greeting', options);
    await this.execute('qmp_capabilities', undefined, options);
  }

  /**
   * Runs a command. @returns what QEMU returns for it.
   * @throws QmpError where QEMU refuses it; TargetTimeoutError, TargetGoneError
   */
  async execute(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options: QmpOptions = {},
  ): Promise<unknown> {
    const id = ++this.#lastId;
    if (this.#gone === null)
      this.#stream.write(
        `${JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }), id })}\n`,
      );
    try {
      const answer = await this.#until(() => this.#answers.get(id), command, options);
      if (answer.error !== undefined) throw new QmpError(command, answer.error.class, answer.error.desc);
      return answer.return;
    } finally {
      if (!this.#answers.delete(id)) this.#unwanted.add(id);
    }
  }

  /** How many events there were so far: what {@link event} may start from. */
  get eventCount(): number {
    return this.#events.length;
  }

  /**
   * The first event of that name which fits, among those from number `since` on and those to come.
   * @throws TargetTimeoutError, TargetGoneError
   */
  event(
    name: string,
    since: number,
    fits: (data: QmpEvent['data']) => boolean = () => true,
    options: QmpOptions = {},
  ): Promise<QmpEvent> {
    const find = () =>
      this.#events.find(({ event, data }, number) => number >= since && event === name && fits(data));
    return this.#until(find, `with ${name}`, options);
  }

  /** Whoever waits, or comes later, gets this error. */
  close(error: Error): void {
    this.#gone ??= error;
    for (const waiter of this.#waiters) waiter.fail(this.#gone);
    this.#stream.destroy();
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const message = parse(line);
      if (message !== null) this.#take(message);
      else this.close(new TargetGoneError(this.#name, `its monitor said ${JSON.stringify(line)}`));
    }
    for (const waiter of this.#waiters) if (waiter.take()) this.#waiters.delete(waiter);
  }

  #take(message: Message): void {
    if (message.QMP !== undefined) this.#greeted = true;
    else if (message.event !== undefined) {
      const event = { event: message.event, data: message.data ?? {} };
      this.#events.push(event);
      this.onEvent(event);
    } else if (message.id !== undefined && !this.#unwanted.delete(message.id))
      this.#answers.set(message.id, message);
  }

  /** Waits until `find` finds something. */
  async #until<Found>(
    find: () => Found | undefined,
    what: string,
    { timeoutMs = DEFAULT_TIMEOUT_MS }: QmpOptions,
  ): Promise<Found> {
    const found = find();
    if (found !== undefined) return found;
    if (this.#gone !== null) throw this.#gone;
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        take: () => {
          const now = find();
          if (now === undefined) return false;
          finish();
          resolve(now);
          return true;
        },
        fail: (error) => {
          finish();
          reject(error);
        },
      };
      const timer = setTimeout(
        () => waiter.fail(new TargetTimeoutError(this.#name, what, timeoutMs)),
        timeoutMs,
      );
      this.#waiters.add(waiter);
    });
  }
}
