import type { EventSink, FunctionAddress, Interrupts, MessageTarget, Scheduler } from '../core/index.ts';
import { VirtiolabError, Work } from '../core/index.ts';

/** Where messages go on a PC: the local interrupt controllers' page of addresses. */
export const MESSAGE_WINDOW = { start: 0xfee00000, end: 0xfef00000 } as const;

/** No line, handler or vector of that kind. */
export class InterruptError extends VirtiolabError {}

/** Asks a stuck line this often before it is left alone until the line changes. */
const MAX_ROUNDS = 64;

/** A level-triggered line: asserted while any source holds it up. */
class Line {
  readonly sources = new Set<FunctionAddress>();
  readonly handlers: (() => boolean)[] = [];
  readonly work: Work;

  constructor(number: number, scheduler: Scheduler) {
    this.work = new Work(`line ${number}`, scheduler, () => this.#dispatch());
  }

  /** Asks the handlers until the line is low, or none of them knows whose it is. */
  #dispatch(): void {
    for (let round = 0; this.sources.size > 0 && round < MAX_ROUNDS; round++) {
      let handled = false;
      for (const handler of [...this.handlers]) handled = handler() || handled;
      if (!handled) return;
    }
  }
}

/** The in-process machine's interrupt sink: shared lines and message vectors. */
export class InterruptSink implements Interrupts {
  readonly #lines: Line[];
  /** By vector: who handles it, or nobody, and its task, which outlives the handler. */
  readonly #handlers: ((() => void) | null)[] = [];
  readonly #vectors: Work[] = [];
  sink: EventSink | null = null;

  readonly lines: number;
  readonly scheduler: Scheduler;

  constructor(lines: number, scheduler: Scheduler) {
    this.lines = lines;
    this.scheduler = scheduler;
    this.#lines = Array.from({ length: lines }, (_, number) => new Line(number, scheduler));
  }

  #line(line: number): Line {
    const found = this.#lines[line];
    if (found === undefined)
      throw new InterruptError(`interrupt line ${line}; the machine has 0..${this.lines - 1}`);
    return found;
  }

  isAsserted(line: number): boolean {
    return this.#line(line).sources.size > 0;
  }

  /** Vectors whose message has arrived and whose handler has not run yet. */
  get pendingVectors(): number[] {
    return this.#vectors.flatMap((work, vector) => (work.pending ? [vector] : []));
  }

  connectLine(line: number, handler: () => boolean): () => void {
    const { handlers, sources, work } = this.#line(line);
    handlers.push(handler);
    if (sources.size > 0) work.schedule();
    return () => {
      const index = handlers.indexOf(handler);
      if (index >= 0) handlers.splice(index, 1);
    };
  }

  allocateMessage(handler: () => void): MessageTarget {
    let vector = this.#handlers.indexOf(null);
    if (vector < 0) vector = this.#handlers.length;
    this.#handlers[vector] = handler;
    this.#vectors[vector] ??= new Work(`vector ${vector}`, this.scheduler, () => this.#handlers[vector]?.());
    return {
      addressLow: MESSAGE_WINDOW.start,
      addressHigh: 0,
      data: vector,
      discard: () => this.#vectors[vector]?.cancel(),
      release: () => {
        this.#vectors[vector]!.cancel();
        this.#handlers[vector] = null;
      },
    };
  }

  /** A source raises or drops a line. */
  setLine(line: number, source: FunctionAddress, asserted: boolean): void {
    const { sources, work } = this.#line(line);
    if (asserted) sources.add(source);
    else sources.delete(source);
    if (this.sink !== null) this.sink({ kind: 'interrupt', signal: 'line', vector: line, asserted, source });
    if (asserted) work.schedule();
  }

  /** A message arrived. Unallocated vectors are dropped, as an interrupt controller does. */
  message(source: FunctionAddress | null, data: number): void {
    if (this.sink !== null)
      this.sink({ kind: 'interrupt', signal: 'message', vector: data, asserted: true, source });
    if (typeof this.#handlers[data] === 'function') this.#vectors[data]!.schedule();
  }
}
