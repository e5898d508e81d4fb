import {
  type DmaDomain,
  expectSame,
  type FindingAbout,
  immediate,
  type Party,
  type Scheduler,
  type State,
  type Stateful,
  Work,
} from '../../core/index.ts';
import type { Batch, Publisher } from './batch.ts';
import { aboutChain, Chain, NOT_DONE, type SavedChain } from './chain.ts';
import { Names, PACKED_IDS } from './names.ts';
import { PackedQueue } from './packed.ts';
import { SplitQueue } from './split.ts';
import { UsedRun } from './used-run.ts';
import { pop, type RingMode, type Virtqueue } from './virtqueue.ts';

/** A used length has 32 bits; a chain may have one byte more than they say. */
const MAX_USED_LENGTH = 0xffffffff;

/** What a queue needs of its device. */
export interface QueueOwner {
  /** Chains may be taken: the driver has come far enough and nothing is broken. */
  readonly mayRun: boolean;
  readonly dmaEnabled: boolean;
  handle(chain: Chain): void;
  /** Takes a chain of a state that was loaded, of which the device had made `request`; others are handled anew. */
  resumeChain?(chain: Chain, request: State): void;
  interrupt(index: number): void;
  fail(clause: string, message: string, about?: FindingAbout): void;
  report(party: Party, clause: string, message: string, about: FindingAbout): void;
}

/** Why a kick leads to nothing, as bits. */
export const idleCause = { notSetUp: 1, broken: 2, noDma: 4 } as const;

/** Serves one queue: takes chains when kicked, keeps those in flight, hands them back. */
export class QueueService implements Publisher, Stateful {
  /** It is in its batch's list. */
  dirty = false;
  /** Why kicks lead to nothing, as far as it was said since the queue was set up: a set of {@link idleCause}. */
  said = 0;
  readonly index: number;
  readonly #owner: QueueOwner;
  readonly #batch: Batch;
  readonly #split: SplitQueue;
  #packed: PackedQueue | null = null;
  #ring: Virtqueue;
  #dma: DmaDomain | null = null;
  #inOrder = false;
  readonly #free: Chain[] = [];
  /** Chains in flight, linked in the order of being taken. */
  #oldest: Chain | null = null;
  #newest: Chain | null = null;
  #inFlight = 0;
  /** Requests that a back end goes on with although their chains are gone: killed, or handed back before. */
  #lingering = 0;
  /** Chains wait in the ring for those to end. */
  #blocked = false;
  #names: Names;
  readonly #run = new UsedRun();
  /** Chains that were in flight, and a kick that was pending, in a state that was loaded. */
  #resumed: readonly SavedChain[] = [];
  #resumedKick = false;
  /** A kick that came while DMA was off. */
  #waiting = false;
  #work = new Work('', immediate, () => {});
  /** Bound once, so that serving allocates nothing. */
  readonly #take = () => this.#takeAll();

  /** `maxSize` in descriptors, a power of two; 0 for an absent queue. */
  constructor(maxSize: number, index: number, owner: QueueOwner, batch: Batch) {
    this.#split = new SplitQueue(maxSize);
    this.#ring = this.#split;
    this.#names = new Names(maxSize);
    this.index = index;
    this.#owner = owner;
    this.#batch = batch;
  }

  /** The ring in use. */
  get ring(): Virtqueue {
    return this.#ring;
  }

  connect(subject: string, scheduler: Scheduler, dma: DmaDomain): void {
    this.#dma = dma;
    this.#split.attach(dma);
    this.#packed?.attach(dma);
    const label = `${subject} queue ${this.index}`;
    // Where it was before: the scheduler may hold the task still.
    if (this.#work.label === label && this.#work.scheduler === scheduler) return;
    this.#work = new Work(label, scheduler, () => this.#serve());
  }

  /**
   * Follows the features that were accepted. Chains of another kind of ring do not outlive it.
   * @returns whether there were any.
   */
  setMode(mode: RingMode): boolean {
    const packed = this.#ring !== this.#split;
    const drops = mode.packed !== packed || mode.inOrder !== this.#inOrder;
    const dropped = drops && (this.#oldest !== null || this.#resumed.length > 0);
    if (drops) this.#drop();
    if (mode.packed !== packed) this.#exchange(mode.packed);
    this.#inOrder = mode.inOrder;
    this.#ring.setMode(mode);
    return dropped;
  }

  /** The other ring takes over what the driver has set up so far. */
  #exchange(packed: boolean): void {
    const before = this.#ring;
    if (packed && this.#packed === null) {
      this.#packed = new PackedQueue(this.#split.maxSize);
      if (this.#dma !== null) this.#packed.attach(this.#dma);
    }
    const after = packed ? this.#packed! : this.#split;
    after.reset();
    if (after.takesSize(before.size)) after.size = before.size;
    after.addresses.words.set(before.addresses.words);
    after.ready = before.ready;
    this.#ring = after;
    this.#names = new Names(packed ? PACKED_IDS : this.#split.maxSize);
  }

  kick(): void {
    this.#work.schedule();
  }

  /** DMA is possible again: chains of a loaded state are handled, kicks that came in between are served. */
  dmaEnabled(): void {
    this.said &= ~idleCause.noDma;
    if (this.#resumed.length > 0) this.#batch.run(() => this.#takeResumed());
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#work.schedule();
  }

  #serve(): void {
    if (!this.ring.ready || !this.#owner.mayRun) return;
    if (this.#owner.dmaEnabled) this.#batch.run(this.#take);
    else this.#waiting = true;
  }

  #takeAll(): void {
    if (this.#resumed.length > 0) this.#takeResumed();
    const ring = this.#ring;
    // Twice the queue at most: a chain's own data may overwrite the ring that it came from.
    for (let left = 2 * ring.size; left > 0 && this.#owner.mayRun && ring.ready; left--) {
      if (this.#lingering !== 0 && this.#inFlight + this.#lingering >= ring.maxSize) {
        this.#blocked = true;
        return;
      }
      const chain = this.#fresh();
      const popped = ring.pop(chain);
      if (popped === pop.chain) {
        if (this.#names.has(chain.head)) this.#offeredAgain(chain);
        if (this.#inFlight < ring.size) this.#handle(chain);
        else
          this.#owner.fail(
            'OPER-02',
            'more chains in flight than the queue has descriptors',
            aboutChain(chain),
          );
        continue;
      }
      this.#free.push(chain);
      if (popped === pop.fault) this.#failRing();
      else if (ring.rearm()) continue;
      return;
    }
  }

  /** Served all the same. A packed ring's rules on ids are in no clause of their own. */
  #offeredAgain(chain: Chain): void {
    const clause = this.#ring === this.#split ? 'OPER-02' : 'CONF-01';
    this.#owner.report(
      'driver',
      clause,
      'a chain was offered again while it is in flight',
      aboutChain(chain),
    );
  }

  #takeResumed(): void {
    const resumed = this.#resumed;
    this.#resumed = [];
    for (const saved of resumed) {
      const chain = this.#fresh();
      chain.load(saved, this.#dma!);
      if (chain.written === NOT_DONE) {
        this.#keep(chain);
        if (saved.request === null || this.#owner.resumeChain === undefined) this.#owner.handle(chain);
        else this.#owner.resumeChain(chain, saved.request);
      } else {
        chain.live = false;
        this.#link(chain);
        this.#useOldest();
      }
    }
  }

  #fresh(): Chain {
    const chain = this.#free.pop();
    if (chain !== undefined) return chain;
    const made = new Chain();
    made.queue = this.index;
    made.owner = this;
    return made;
  }

  #handle(chain: Chain): void {
    this.#keep(chain);
    this.#owner.handle(chain);
  }

  #keep(chain: Chain): void {
    chain.written = NOT_DONE;
    chain.waiting = false;
    this.#link(chain);
  }

  #link(chain: Chain): void {
    this.#names.add(chain.head);
    chain.before = this.#newest;
    chain.after = null;
    if (this.#newest === null) this.#oldest = chain;
    else this.#newest.after = chain;
    this.#newest = chain;
    this.#inFlight++;
  }

  #unlink(chain: Chain): void {
    this.#names.delete(chain.head);
    const { before, after } = chain;
    if (before === null) this.#oldest = after;
    else before.after = after;
    if (after === null) this.#newest = before;
    else after.before = before;
    this.#inFlight--;
  }

  #failRing(): void {
    const { clause, message, about } = this.#ring.fault!;
    this.#owner.fail(clause, message, { ...about, queue: this.index });
  }

  /**
   * Hands a chain back; `length` bytes were written, from its first writable byte on (SPL-USED-02). With `lingers` it stays
   * held, until {@link letGo}.
   */
  complete(chain: Chain, length: number, lingers = false): void {
    if (!chain.live) {
      if (chain.written !== NOT_DONE && !chain.held) this.#misused('a chain was completed twice', chain);
      if (!lingers) this.letGo(chain);
      return;
    }
    const room = chain.lengths[chain.readableCount]!;
    if (length !== 0 && (chain.readableCount === chain.count || length > room || length >>> 0 !== length))
      length = this.#credible(chain, length);
    chain.live = false;
    chain.held = lingers;
    chain.written = length;
    if (this.#inOrder) {
      if (chain === this.#oldest) this.#useOldest();
      return;
    }
    this.#unlink(chain);
    this.#leave(chain);
    if (this.#ring.push(chain.head, length, 1, chain.span, chain.touched)) this.#batch.completed(this);
    else this.#failRing();
  }

  /** A chain has gone from the ring: it is used again, unless somebody holds it. */
  #leave(chain: Chain): void {
    if (chain.held) {
      chain.lingers = true;
      this.#lingering++;
    } else this.#free.push(chain);
  }

  /**
   * Nobody works on the request of a chain any more. Those whose chains are gone count as if they were in flight until
   * then: however often a driver stops its queue and starts it again, no more than fit into the ring are ever under way.
   */
  letGo(chain: Chain): void {
    if (!chain.held) return;
    chain.held = false;
    if (!chain.lingers) return;
    chain.lingers = false;
    this.#lingering--;
    this.#free.push(chain);
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#work.schedule();
  }

  /** More than the first buffer was written: as much as all of them hold, or what the behaviour says is not so. */
  #credible(chain: Chain, length: number): number {
    const most = Math.min(chain.writableBytes, MAX_USED_LENGTH);
    if (length >= 0 && length <= chain.writableBytes && Number.isInteger(length))
      return Math.min(length, most);
    this.#misused(`${length} bytes were written, it says, into ${chain.writableBytes}`, chain);
    return length > 0 ? Math.min(Math.floor(length), most) : 0;
  }

  #misused(message: string, chain: Chain): void {
    this.#owner.report('device', 'SPL-USED-02', message, aboutChain(chain));
  }

  /** RF-18: what ended early waits for those that were taken before it. */
  #useOldest(): void {
    const run = this.#run;
    let chain = this.#oldest;
    while (chain !== null && chain.written !== NOT_DONE) {
      if (!run.open && !this.#useRun()) return;
      run.add(chain);
      this.#names.delete(chain.head);
      this.#inFlight--;
      this.#oldest = chain.after;
      this.#leave(chain);
      chain = this.#oldest;
    }
    if (chain === null) this.#newest = null;
    else chain.before = null;
    this.#batch.completed(this);
  }

  /** @returns false when the ring is out of reach, and the device has failed. */
  #useRun(): boolean {
    const { head, length, chains, span, touched } = this.#run;
    this.#run.clear();
    if (chains === 0 || this.#ring.push(head, length, chains, span, touched)) return true;
    this.#failRing();
    return false;
  }

  /** Nothing is being done for the chains in flight: each waits for an event, or in order for one that does. */
  get idle(): boolean {
    if (this.#resumed.length > 0) return false;
    for (let chain = this.#oldest; chain !== null; chain = chain.after)
      if (!chain.waiting && chain.written === NOT_DONE) return false;
    return true;
  }

  publish(): void {
    this.#useRun();
    if (this.#ring.publish()) this.#owner.interrupt(this.index);
  }

  /** Nothing of the queue is executed or reported any more (BF-VQR-01, BF-VQR-02). */
  reset(): void {
    this.#drop();
    this.#resumedKick = this.#waiting = this.#blocked = false;
    this.said = 0;
    this.#work.cancel();
    this.#ring.reset();
  }

  /** Chains in flight die. Their devices may know them still, so they are not used again but for those that are let go. */
  #drop(): void {
    for (let chain = this.#oldest; chain !== null; chain = chain.after) {
      chain.live = false;
      if (!chain.held) continue;
      chain.lingers = true;
      this.#lingering++;
    }
    if (this.#inFlight > 0) this.#names.clear();
    this.#oldest = this.#newest = null;
    this.#inFlight = 0;
    this.#resumed = [];
    this.#run.clear();
  }

  save() {
    const inFlight = [...this.#resumed];
    for (let chain = this.#oldest; chain !== null; chain = chain.after) inFlight.push(chain.save());
    return {
      packed: this.#ring !== this.#split,
      ring: this.#ring.save(),
      inFlight,
      waiting: this.#waiting,
      pending: this.#work.pending || this.#blocked,
    };
  }

  /** To be called in the mode in which the state was saved. */
  load(state: State): void {
    const saved = state as ReturnType<QueueService['save']>;
    expectSame('packed ring', saved.packed, this.#ring !== this.#split);
    this.reset();
    this.#ring.load(saved.ring);
    this.#resumed = saved.inFlight;
    this.#waiting = saved.waiting;
    this.#resumedKick = saved.pending;
  }

  /** Handles chains that were in flight anew, in the order of being taken, then serves a pending kick. */
  resume(): void {
    if (this.#resumed.length > 0 && this.#owner.dmaEnabled) this.#batch.run(() => this.#takeResumed());
    if (this.#resumedKick) this.#work.schedule();
    this.#resumedKick = false;
  }
}
