import {
  concatenated,
  lengthOf,
  registers,
  rw,
  type State,
  StateEncodingError,
  stateFromBytes,
  stateToBytes,
  VirtiolabError,
} from '../../core/index.ts';

/*
 * A move as a stream of chunks. A chunk is a head (mark, kind, number, length, sum) and a state as bytes. First comes what the
 * source is, then pages in as many rounds as it takes, then the state, which ends the stream.
 */
const MARK = 0x6d6c7669;
export const chunkKind = { begin: 1, pages: 2, state: 3 } as const;
export type ChunkKind = keyof typeof chunkKind;

const chunkHead = registers({
  mark: rw(0, 4),
  kind: rw(4, 4),
  number: rw(8, 4),
  length: rw(12, 4),
  sum: rw(16, 4),
});
export const CHUNK_HEAD_BYTES: number = lengthOf(chunkHead);
/** No chunk is longer: whoever says so lies. */
const MOST_CHUNK_BYTES = 1 << 30;

/** A stream that was cut, changed on its way, or goes on after its end. */
export class TornStreamError extends VirtiolabError {
  readonly at: number;

  constructor(number: number, reason: string) {
    super(`chunk ${number}: ${reason}`);
    this.at = number;
  }
}

/** Chunks in another order than they were sent in, or one of them twice. */
export class StreamOrderError extends VirtiolabError {
  readonly found: number;
  readonly expected: number;

  constructor(found: number, expected: number) {
    super(`chunk ${found} came, and chunk ${expected} is next`);
    this.found = found;
    this.expected = expected;
  }
}

/** FNV-1a, of 32 bits, over everything but the sum itself. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at++) {
    if (at >= chunkHead.sum.offset && at < CHUNK_HEAD_BYTES) continue;
    sum = Math.imul(sum ^ bytes[at]!, 0x01000193);
  }
  return sum >>> 0;
}

export interface Chunk {
  readonly kind: ChunkKind;
  readonly number: number;
  readonly body: State;
}

export function encodeChunk({ kind, number, body }: Chunk): Uint8Array {
  const payload = stateToBytes(body);
  const bytes = concatenated([new Uint8Array(CHUNK_HEAD_BYTES), payload]);
  const view = new DataView(bytes.buffer);
  view.setUint32(chunkHead.mark.offset, MARK, true);
  view.setUint32(chunkHead.kind.offset, chunkKind[kind], true);
  view.setUint32(chunkHead.number.offset, number, true);
  view.setUint32(chunkHead.length.offset, payload.length, true);
  view.setUint32(chunkHead.sum.offset, sumOf(bytes), true);
  return bytes;
}

/** Puts chunks together again, from pieces of whatever size. */
export class ChunkReader {
  #bytes: Uint8Array = new Uint8Array();
  #next = 0;

  /** Bytes of a chunk that is not whole yet. */
  get pending(): number {
    return this.#bytes.length;
  }

  get next(): number {
    return this.#next;
  }

  /** @returns the chunks that are whole now. @throws TornStreamError, StreamOrderError */
  take(piece: Uint8Array): Chunk[] {
    this.#bytes = concatenated([this.#bytes, piece]);
    const chunks: Chunk[] = [];
    for (let chunk = this.#one(); chunk !== null; chunk = this.#one()) chunks.push(chunk);
    return chunks;
  }

  #one(): Chunk | null {
    const bytes = this.#bytes;
    if (bytes.length < CHUNK_HEAD_BYTES) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const field = (name: keyof typeof chunkHead) => view.getUint32(chunkHead[name].offset, true);
    if (field('mark') !== MARK) throw new TornStreamError(this.#next, 'it has no head');
    const length = field('length');
    if (length > MOST_CHUNK_BYTES) throw new TornStreamError(this.#next, `it has ${length} bytes`);
    const end = CHUNK_HEAD_BYTES + length;
    if (bytes.length < end) return null;
    if (sumOf(bytes.subarray(0, end)) !== field('sum'))
      throw new TornStreamError(this.#next, 'its sum is wrong');
    const number = field('number');
    if (number !== this.#next) throw new StreamOrderError(number, this.#next);
    const kind = (Object.keys(chunkKind) as ChunkKind[]).find((name) => chunkKind[name] === field('kind'));
    if (kind === undefined) throw new TornStreamError(number, `it is of kind ${field('kind')}`);
    this.#next++;
    this.#bytes = bytes.slice(end);
    return { kind, number, body: bodyOf(number, bytes.subarray(CHUNK_HEAD_BYTES, end)) };
  }
}

function bodyOf(number: number, payload: Uint8Array): State {
  try {
    return stateFromBytes(payload);
  } catch (error) {
    if (error instanceof StateEncodingError) throw new TornStreamError(number, error.reason);
    throw error;
  }
}
