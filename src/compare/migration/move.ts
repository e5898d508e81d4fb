import {
  anyState,
  bytes,
  DirtyLog,
  group,
  list,
  type Ram,
  record,
  type State,
  StateMismatchError,
  u53,
  VirtiolabError,
} from '../../core/index.ts';
import type { Reason } from './judgement.ts';
import { type ChunkKind, ChunkReader, encodeChunk, TornStreamError } from './move-stream.ts';
import type { MovingMachine } from './moving-machine.ts';
import { partyOfManifest } from './party.ts';
import { strategies } from './strategies.ts';

export const PAGE_BYTES = 4096;

const ranges = list(group({ start: u53, length: u53 }));
const beginState = record('move', 1, { manifest: anyState, ram: ranges });
const pagesState = record('move-pages', 1, {
  pages: list(group({ address: u53, bytes: bytes(1, PAGE_BYTES) })),
});
const lastState = record('move-state', 1, { state: anyState, pages: pagesState, processors: anyState });

/** Something was asked of a move at the wrong time. */
export class MoveOrderError extends VirtiolabError {}

/** A stream of a machine whose state would be refused: found out before anything is changed. */
export class IncompatibleSourceError extends VirtiolabError {
  readonly reasons: readonly Reason[];

  constructor(reasons: readonly Reason[]) {
    const [first] = reasons;
    super(
      `${first?.what}: the source has ${first?.source}, the target ${first?.target}; ${reasons.length} reasons`,
    );
    this.reasons = reasons;
  }
}

const ramOf = ({ ram }: MovingMachine) =>
  ram.ranges.map(({ start, bytes: { length } }) => ({ start, length }));

export interface MoveOptions {
  /** So many pages may be left for the time while the guest stands still; by default 16. */
  readonly convergedPages?: number;
  /** After so many rounds the guest is stopped, however much is left; by default 8. */
  readonly mostRounds?: number;
  /** Where processors write: only there it is looked for what they wrote; by default in all RAM. */
  readonly processors?: { readonly start: number; readonly end: number };
}

/** What a round has sent. */
export interface Round {
  readonly bytes: Uint8Array;
  readonly pages: number;
}

/** Whether a page is another than it was; by words, where it has any. */
function differs({ bytes, words }: Ram, sent: Uint8Array, at: number): boolean {
  const end = Math.min(bytes.length, at + PAGE_BYTES);
  if (words !== null && end % 4 === 0) {
    const then = new Int32Array(sent.buffer);
    for (let i = at / 4; i < end / 4; i++) if (words[i] !== then[i]) return true;
    return false;
  }
  for (let i = at; i < end; i++) if (bytes[i] !== sent[i]) return true;
  return false;
}

/** The side that a guest leaves. Until {@link release} it can go on here at any time. */
export class MoveSource {
  readonly machine: MovingMachine;
  readonly #options: Required<MoveOptions>;
  readonly #log: DirtyLog;
  /** Pages as they were sent, for what processors write: nobody tells of that. */
  readonly #sent: Uint8Array[];
  #number = 0;
  #phase: 'begun' | 'stopped' | 'over' = 'begun';
  /** Pages of every round, the last one included. */
  readonly rounds: number[] = [];
  #left = Number.POSITIVE_INFINITY;

  /** Logging begins. */
  constructor(machine: MovingMachine, options: MoveOptions = {}) {
    this.machine = machine;
    this.#options = {
      convergedPages: 16,
      mostRounds: 8,
      processors: { start: 0, end: Number.MAX_SAFE_INTEGER },
      ...options,
    };
    this.#log = new DirtyLog(machine.domain, PAGE_BYTES);
    this.#sent = machine.ram.ranges.map(({ bytes: { length } }) => new Uint8Array(length));
  }

  #expect(phase: 'begun' | 'stopped', what: string): void {
    if (this.#phase !== phase) throw new MoveOrderError(`${what} of a move that is ${this.#phase}`);
  }

  #chunk(kind: ChunkKind, body: State): Uint8Array {
    return encodeChunk({ kind, number: this.#number++, body });
  }

  /** What comes first: what the source is, so that a target which cannot take it says so early. @throws MoveOrderError */
  begin(): Uint8Array {
    this.#expect('begun', 'the begin');
    if (this.#number > 0) throw new MoveOrderError('the begin of a move that has begun');
    return this.#chunk(
      'begin',
      beginState.save({ manifest: this.machine.manifest(), ram: ramOf(this.machine) }),
    );
  }

  /** Addresses of pages that are others than those that were sent, by either log. */
  #dirty(): Set<number> {
    const { start, end } = this.#options.processors;
    // In the first round every page that is not zero goes.
    const first = this.rounds.length === 0;
    const pages = new Set(this.#log.take());
    for (const [nth, range] of this.machine.ram.ranges.entries()) {
      const sent = this.#sent[nth]!;
      const [from, to] = first
        ? [range.start, range.end]
        : [Math.max(start, range.start), Math.min(end, range.end)];
      for (let page = from - (from % PAGE_BYTES); page < to; page += PAGE_BYTES)
        if (differs(range, sent, page - range.start)) pages.add(page);
    }
    return pages;
  }

  #pages() {
    const { ram } = this.machine;
    const addresses = [...this.#dirty()].sort((a, b) => a - b);
    this.rounds.push(addresses.length);
    this.#left = addresses.length;
    return pagesState.save({
      pages: addresses.flatMap((address) => {
        const nth = ram.ranges.findIndex(({ start, end }) => address >= start && address < end);
        if (nth < 0) return [];
        const range = ram.ranges[nth]!;
        const at = address - range.start;
        const copy = range.bytes.slice(at, at + PAGE_BYTES);
        this.#sent[nth]!.set(copy, at);
        return [{ address, bytes: copy }];
      }),
    });
  }

  /** A round of pages, while the guest works. @throws MoveOrderError */
  round(): Round {
    this.#expect('begun', 'a round');
    if (this.#number === 0) throw new MoveOrderError('a round of a move that has not begun');
    const body = this.#pages();
    return { bytes: this.#chunk('pages', body), pages: body.pages.length };
  }

  /** Another round would bring nothing, or there were enough. */
  get converged(): boolean {
    const { convergedPages, mostRounds } = this.#options;
    return this.#left <= convergedPages || this.rounds.length >= mostRounds;
  }

  /**
   * The guest stands still: the rest of the pages, and the state. No driver may work on the machine from here on, and what ends
   * behind its device touches no memory any more.
   * @param processors what the processors have in them. @throws MoveOrderError
   */
  stop(processors: State = null): Uint8Array {
    this.#expect('begun', 'the stop');
    if (this.#number === 0) throw new MoveOrderError('the stop of a move that has not begun');
    this.#phase = 'stopped';
    this.machine.halt(true);
    const pages = this.#pages();
    return this.#chunk('state', lastState.save({ state: this.machine.save(), pages, processors }));
  }

  /** The guest goes on here; what was sent is of no use any more. */
  cancel(): void {
    this.#end();
    this.machine.halt(false);
  }

  #end(): void {
    this.#log.stop();
    this.#phase = 'over';
  }

  /** The guest goes on there. @throws MoveOrderError */
  release(): void {
    this.#expect('stopped', 'the release');
    this.#end();
  }
}

/** The side that a guest comes to: a machine that nobody has used. */
export class MoveTarget {
  readonly machine: MovingMachine;
  readonly #reader = new ChunkReader();
  #phase: 'fresh' | 'pages' | 'whole' | 'refused' | 'loaded' = 'fresh';
  #state: State = null;
  #processors: State = null;

  constructor(machine: MovingMachine) {
    this.machine = machine;
  }

  /**
   * Takes a piece of the stream, whatever its size. What is refused ends the move: the target is of no use but as the machine that it was.
   * @throws TornStreamError, StreamOrderError, IncompatibleSourceError, StateMismatchError, MoveOrderError
   */
  take(piece: Uint8Array): void {
    if (this.#phase === 'refused') throw new MoveOrderError('more of a stream that was refused');
    try {
      for (const { kind, number, body } of this.#reader.take(piece)) this.#chunk(kind, number, body);
    } catch (error) {
      this.#refuse();
      throw error;
    }
  }

  #refuse(): void {
    // The RAM of a machine that nobody has used is zero.
    if (this.#phase !== 'fresh' && this.#phase !== 'loaded')
      for (const { bytes: ram } of this.machine.ram.ranges) ram.fill(0);
    this.#phase = 'refused';
  }

  #chunk(kind: ChunkKind, number: number, body: State): void {
    const fits = kind === 'begin' ? this.#phase === 'fresh' : this.#phase === 'pages';
    if (!fits) throw new TornStreamError(number, `${kind}, and the stream is ${this.#phase}`);
    if (kind === 'begin') this.#begin(body);
    else if (kind === 'pages') this.#put(body);
    else {
      const { state, pages, processors } = lastState.parse(body, 'last');
      this.machine.check(state);
      this.#put(pages);
      this.#state = state;
      this.#processors = processors;
      this.#phase = 'whole';
    }
  }

  #begin(body: State): void {
    const { manifest, ram } = beginState.parse(body, 'begin');
    const own = ramOf(this.machine);
    if (JSON.stringify(ram) !== JSON.stringify(own))
      throw new IncompatibleSourceError([
        { what: 'RAM', source: JSON.stringify(ram), target: JSON.stringify(own) },
      ]);
    const { records } = strategies;
    const source = partyOfManifest('source', manifest);
    const { reasons } = records.judge(source, partyOfManifest('target', this.machine.manifest()))!;
    if (reasons.length > 0) throw new IncompatibleSourceError(reasons);
    this.#phase = 'pages';
  }

  #put(body: State): void {
    const { pages } = pagesState.parse(body, 'pages');
    const { ram } = this.machine;
    for (const { address, bytes: page } of pages)
      if (ram.find(address, page.length) === undefined)
        throw new StateMismatchError('pages.address', address, 'an address of RAM');
    for (const { address, bytes: page } of pages) ram.write(address, page);
  }

  /**
   * The stream is at its end: the machine goes on with what was in flight.
   * @returns what the processors had in them. @throws TornStreamError where something is missing, and then nothing has changed.
   */
  finish(): State {
    if (this.#phase !== 'whole' || this.#reader.pending > 0) {
      this.#refuse();
      throw new TornStreamError(this.#reader.next, 'the stream ends before it');
    }
    this.machine.load(this.#state);
    this.#phase = 'loaded';
    return this.#processors;
  }
}
