import {
  type EventSink,
  expectAt,
  type FunctionAddress,
  formatFunctionAddress,
  group,
  type Interrupts,
  list,
  type MessagePlace,
  type MessageTarget,
  type Scheduler,
  u16,
  u32,
  u53,
  type ValueOf,
  VirtiolabError,
  Work,
} from '../core/index.ts';
import type { PinWiring } from './board.ts';
import type { PciFunction } from './function.ts';
import type { Msix } from './msix.ts';

/** Where messages go on a PC: the local interrupt controllers' page of addresses. */
export const MESSAGE_WINDOW = { start: 0xfee00000, end: 0xfef00000 } as const;

/** No line, handler or vector of that kind. */
export class InterruptError extends VirtiolabError {}

/** Asks a stuck line this often before it is left alone until the line changes. */
const MAX_ROUNDS = 64;

/** A level-triggered line: asserted while any source holds it up. */
class Line {
  readonly sources = new Set<unknown>();
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

/** A pin that leads to a line of the machine. */
export class RoutedPin implements PinWiring {
  readonly line: number;
  readonly #interrupts: InterruptSink;
  readonly #function: PciFunction;

  constructor(interrupts: InterruptSink, fn: PciFunction, line: number) {
    this.#interrupts = interrupts;
    this.#function = fn;
    this.line = line;
  }

  set(asserted: boolean): void {
    const fn = this.#function;
    this.#interrupts.setLine(this.line, fn.slot.address, asserted, fn);
  }
}

const messageTo = (vector: number) => ({
  addressLow: MESSAGE_WINDOW.start as number,
  addressHigh: 0,
  data: vector,
});

/** A vector: who handles it, or nobody; which entry of which function is aimed at it, where somebody said so. */
class Vector {
  handler: (() => void) | null = null;
  place: MessagePlace | null = null;
  /** It outlives the handler: the scheduler may still hold it. */
  readonly work: Work;

  constructor(number: number, scheduler: Scheduler) {
    this.work = new Work(`vector ${number}`, scheduler, () => this.handler?.());
  }
}

/** What a state holds of messages: numbers of vectors, and whose they were. Other machines number them otherwise. */
export const messagesState = group(
  {
    owned: list(group({ fn: u53, entry: u16, vector: u32 })),
    /** Vectors whose message has arrived and whose handler has not run. */
    pending: list(u32),
  },
  ({ owned, pending }, expect) => {
    const [places, vectors] = [new Set<string>(), new Set<number>()];
    for (const [i, { fn, entry, vector }] of owned.entries()) {
      expect(!places.has(`${fn} ${entry}`), `owned[${i}].entry`, entry, 'an entry that has one vector');
      expect(!vectors.has(vector), `owned[${i}].vector`, vector, 'a vector of one entry');
      places.add(`${fn} ${entry}`);
      vectors.add(vector);
    }
    for (const [i, vector] of pending.entries())
      expect(pending.indexOf(vector) === i, `pending[${i}]`, vector, 'a vector that is listed once');
  },
);
export type SavedMessages = ValueOf<typeof messagesState>;

/** The in-process machine's interrupt sink: shared lines and message vectors. */
export class InterruptSink implements Interrupts {
  readonly #lines: Line[];
  readonly #vectors: Vector[] = [];
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
    return this.#vectors.flatMap(({ work }, vector) => (work.pending ? [vector] : []));
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

  allocateMessage(handler: () => void, place: MessagePlace | null = null): MessageTarget {
    let vector = this.#vectors.findIndex((each) => each.handler === null);
    if (vector < 0) vector = this.#vectors.push(new Vector(this.#vectors.length, this.scheduler)) - 1;
    const taken = this.#vectors[vector]!;
    taken.handler = handler;
    taken.place = place;
    return {
      ...messageTo(vector),
      discard: () => taken.work.cancel(),
      release: () => {
        taken.work.cancel();
        taken.handler = taken.place = null;
      },
    };
  }

  /** A source raises or drops a line. `holder` stands for it where its address may be another by the time of dropping. */
  setLine(line: number, source: FunctionAddress, asserted: boolean, holder: unknown = source): void {
    const { sources, work } = this.#line(line);
    if (asserted) sources.add(holder);
    else sources.delete(holder);
    if (this.sink !== null) this.sink({ kind: 'interrupt', signal: 'line', vector: line, asserted, source });
    if (asserted) work.schedule();
  }

  /** A message arrived. Unallocated vectors are dropped, as an interrupt controller does. */
  message(source: FunctionAddress | null, data: number): void {
    if (this.sink !== null)
      this.sink({ kind: 'interrupt', signal: 'message', vector: data, asserted: true, source });
    const found = this.#vectors[data];
    if (found !== undefined && found.handler !== null) found.work.schedule();
  }

  /** Forgets messages that nobody has taken yet. Lines follow their sources. */
  reset(): void {
    for (const { work } of this.#vectors) work.cancel();
  }

  /** The vector that has been allocated for an entry, or -1. */
  #vectorOf(fn: FunctionAddress, entry: number): number {
    return this.#vectors.findIndex((each) => each.place?.fn === fn && each.place.entry === entry);
  }

  save(): SavedMessages {
    const owned = this.#vectors.flatMap((each, vector) =>
      each.place === null ? [] : [{ ...each.place, vector }],
    );
    return { owned, pending: this.pendingVectors };
  }

  /** @throws StateMismatchError where an owner of a vector is missing, and somebody else would get its messages. */
  check({ owned, pending }: SavedMessages, path = 'messages'): void {
    const expect = expectAt(path);
    for (const [i, { fn, entry, vector }] of owned.entries())
      expect(
        this.#vectorOf(fn, entry) >= 0 || this.#vectors[vector]?.handler == null,
        `owned[${i}].vector`,
        vector,
        `the vector of one who takes messages of ${formatFunctionAddress(fn)}, entry ${entry}, here too`,
      );
    for (const [i, each] of pending.entries())
      if (owned.every(({ vector }) => vector !== each))
        expect(
          this.#vectors[each]?.place == null,
          `pending[${i}]`,
          each,
          'a vector that nobody here has taken for others',
        );
  }

  /** Aims what was aimed at an owner's vector, in the machine of the state, at the one that it has here. */
  aimAgain(fn: FunctionAddress, msix: Msix, { owned }: SavedMessages): void {
    for (const { fn: address, entry, vector } of owned) {
      const { addressLow, addressHigh, data } = messageTo(vector);
      const now = address === fn && entry < msix.vectors ? msix.message(entry) : null;
      const here = this.#vectorOf(address, entry);
      if (now === null || here < 0) continue;
      if (now.addressLow === addressLow && now.addressHigh === addressHigh && now.data === data)
        msix.aim(entry, messageTo(here));
    }
  }

  /** Lets messages that were pending arrive again, at their owners' vectors, and no others. */
  load({ owned, pending }: SavedMessages): void {
    this.reset();
    for (const vector of pending) {
      const owner = owned.find((each) => each.vector === vector);
      const here = owner === undefined ? vector : this.#vectorOf(owner.fn, owner.entry);
      if (here >= 0) this.message(null, here);
    }
  }
}
