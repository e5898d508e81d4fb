import { bytes, flag, group, list, tuple, u32, type ValueOf } from '../../../core/index.ts';
import { ByteQueue } from '../byte-queue.ts';

/** Messages of no bytes need no room: more than so many do not wait. */
export const MOST_MESSAGES = 4096;

/** A message that is whole: its bytes, and whether a record ends with it. */
interface End {
  length: number;
  readonly record: boolean;
}

export const messageQueueState = group(
  { bytes: bytes(), ends: list(tuple(u32, flag)), open: u32 },
  ({ bytes, ends, open }, expect) => {
    const sum = ends.reduce((total, [length]) => total + length, open);
    expect(sum === bytes.length, 'open', open, `with the messages' lengths ${bytes.length}`);
  },
);

/** Bytes in order, and among them the ends of messages, where there are such. */
export class MessageQueue {
  readonly #bytes = new ByteQueue();
  readonly #ends: End[] = [];
  /** Bytes after the last end. */
  #open = 0;

  get length(): number {
    return this.#bytes.length;
  }

  /** Messages that are whole. */
  get messages(): number {
    return this.#ends.length;
  }

  /** The first of them. */
  get first(): Readonly<End> | undefined {
    return this.#ends[0];
  }

  push(source: Uint8Array, offset: number, length: number): void {
    this.#bytes.push(source, offset, length);
    this.#open += length;
  }

  /** The bytes since the last end are a message. */
  end(record: boolean): void {
    this.#ends.push({ length: this.#open, record });
    this.#open = 0;
  }

  /**
   * Takes the oldest bytes out, through `give`: at most `most`, and of one message. @returns how many; -1 where `give` could
   * not have them, and nothing is taken.
   */
  take(most: number, give: (bytes: Uint8Array, offset: number, length: number) => boolean): number {
    const first = this.#ends[0];
    let taken = 0;
    this.#bytes.drain((source, offset, length) => {
      const wanted = Math.min(most, first?.length ?? this.#open, length);
      taken = wanted === 0 || give(source, offset, wanted) ? wanted : -1;
      return Math.max(0, taken);
    });
    if (taken <= 0) return taken;
    if (first === undefined) this.#open -= taken;
    else first.length -= taken;
    return taken;
  }

  /** The first message is through. */
  pass(): void {
    this.#ends.shift();
  }

  clear(): void {
    this.#bytes.clear();
    this.#ends.length = 0;
    this.#open = 0;
  }

  save(): ValueOf<typeof messageQueueState> {
    let all = new Uint8Array();
    this.#bytes.drain((source, offset, length) => {
      all = source.slice(offset, offset + length);
      return 0;
    });
    return { bytes: all, ends: this.#ends.map(({ length, record }) => [length, record]), open: this.#open };
  }

  load({ bytes: all, ends, open }: ValueOf<typeof messageQueueState>): void {
    this.clear();
    this.#bytes.push(all);
    for (const [length, record] of ends) this.#ends.push({ length, record });
    this.#open = open;
  }
}
