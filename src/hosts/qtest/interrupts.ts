import {
  type GuestMemory,
  type Interrupts,
  type MessageTarget,
  type Ram,
  VirtiolabError,
} from '../../core/index.ts';

/** Bytes of RAM that one message takes. */
const MESSAGE_BYTES = 4;
/** What a message writes: any number but what stands there without one. */
const ARRIVED = 1;

/** Asks the handlers of a stuck line this often before it is left alone until the next pause. */
const MAX_ROUNDS = 64;

/**
 * Interrupts of a machine whose CPU does nothing: messages are aimed at RAM and looked for there, lines are those whose
 * changes the machine tells. Both reach their handlers in {@link deliver} only.
 */
export class QtestInterrupts implements Interrupts {
  readonly inPausesOnly = true;
  readonly #ram: Ram;
  readonly #start: number;
  /** By the place of the message. */
  readonly #handlers: ((() => void) | null)[];
  readonly #lines = new Map<number, (() => boolean)[]>();
  readonly #asserted = new Set<number>();

  /** @param start of `bytes` of RAM, in one range, that nobody else uses. */
  constructor(memory: GuestMemory, start: number, bytes: number) {
    this.#ram = memory.find(start, bytes)!;
    this.#start = start;
    this.#handlers = Array.from({ length: bytes / MESSAGE_BYTES }, () => null);
  }

  /** @param line of the interrupt controller. */
  connectLine(line: number, handler: () => boolean): () => void {
    const handlers = this.#lines.get(line) ?? [];
    this.#lines.set(line, [...handlers, handler]);
    return () => {
      const left = this.#lines.get(line)?.filter((each) => each !== handler) ?? [];
      this.#lines.set(line, left);
    };
  }

  /** @throws VirtiolabError when all places are taken. */
  allocateMessage(handler: () => void): MessageTarget {
    const place = this.#handlers.indexOf(null);
    if (place < 0) throw new VirtiolabError(`all ${this.#handlers.length} message vectors are taken`);
    this.#handlers[place] = handler;
    this.#take(place);
    return {
      addressLow: this.#start + MESSAGE_BYTES * place,
      addressHigh: 0,
      data: ARRIVED,
      discard: () => void this.#take(place),
      release: () => {
        if (this.#handlers[place] === handler) this.#handlers[place] = null;
      },
    };
  }

  /** Takes a message away. @returns whether there was one. */
  #take(place: number): boolean {
    const { view, start } = this.#ram;
    const at = this.#start - start + MESSAGE_BYTES * place;
    if (view.getUint32(at, true) === 0) return false;
    view.setUint32(at, 0, true);
    return true;
  }

  /** The machine told of a line. */
  setLine(line: number, asserted: boolean): void {
    if (asserted) this.#asserted.add(line);
    else this.#asserted.delete(line);
  }

  /** Calls the handlers of whatever has arrived. @returns whether there was anything. */
  deliver(): boolean {
    let any = false;
    // The message goes first: what comes while its handler runs is another.
    for (const [place, handler] of this.#handlers.entries())
      if (handler !== null && this.#take(place)) {
        any = true;
        handler();
      }
    for (const line of [...this.#asserted]) any = this.#dispatch(line) || any;
    return any;
  }

  /** Asks a line's handlers until it is low, or none of them knows whose it is. */
  #dispatch(line: number): boolean {
    let any = false;
    for (let round = 0; this.#asserted.has(line) && round < MAX_ROUNDS; round++) {
      let handled = false;
      for (const handler of this.#lines.get(line) ?? []) handled = handler() || handled;
      if (!handled) break;
      any = true;
    }
    return any;
  }
}
