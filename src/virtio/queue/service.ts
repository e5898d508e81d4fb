import {
  type DmaDomain,
  immediate,
  type Scheduler,
  type State,
  type Stateful,
  type ValueOf,
  Work,
} from '../../core/index.ts';
import { umbrellaClause } from '../clauses.ts';
import type { Batch, Publisher } from './batch.ts';
import { aboutChain, type Chain, NOT_DONE } from './chain.ts';
import { tooManyInFlight } from './faults.ts';
import { InFlight } from './in-flight.ts';
import { PACKED_IDS } from './names.ts';
import type { QueueOwner } from './owner.ts';
import { PackedQueue } from './packed.ts';
import { SplitQueue } from './split.ts';
import { type AgreedMode, checkQueue, queueState, type SavedChain } from './state.ts';
import { UsedRun } from './used-run.ts';
import { pop, type RingMode, type Virtqueue } from './virtqueue.ts';

/** A used length has 32 bits; a chain may have one byte more than they say. */
const MAX_USED_LENGTH = 0xffffffff;

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
  readonly #inFlight: InFlight;
  /** Chains wait in the ring for lingering requests to end. */
  #blocked = false;
  /** Made with the first chain that is used in order. */
  #run: UsedRun | null = null;
  /** Chains that were in flight, and a kick that was pending, in a state that was loaded. */
  #resumed: readonly SavedChain[] = [];
  #resumedKick = false;
  /** Chains are being taken: whoever saves now is called by what one of them led to. */
  #serving = false;
  /** A kick that came while DMA was off. */
  #waiting = false;
  #subject = '';
  #scheduler: Scheduler = immediate;
  /** Made with the first kick. */
  #work: Work | null = null;

  /** `maxSize` in descriptors, a power of two; 0 for an absent queue. */
  constructor(maxSize: number, index: number, owner: QueueOwner, batch: Batch) {
    this.#split = new SplitQueue(maxSize);
    this.#ring = this.#split;
    this.index = index;
    this.#inFlight = new InFlight(this, maxSize);
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
    // Where it was before, the scheduler may hold the task still.
    if (this.#subject !== subject || this.#scheduler !== scheduler) this.#work = null;
    this.#subject = subject;
    this.#scheduler = scheduler;
  }

  /**
   * Follows the features that were accepted. Chains of another kind of ring do not outlive it.
   * @returns whether there were any.
   */
  setMode(mode: RingMode): boolean {
    const packed = this.#ring !== this.#split;
    const drops = mode.packed !== packed || mode.inOrder !== this.#inOrder;
    const dropped = drops && (this.#inFlight.count > 0 || this.#resumed.length > 0);
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
    after.addresses.copy(before.addresses.words);
    after.ready = before.ready;
    this.#ring = after;
    this.#inFlight.rename(packed ? PACKED_IDS : this.#split.maxSize);
  }

  kick(): void {
    this.#work ??= new Work(`${this.#subject} queue ${this.index}`, this.#scheduler, () => this.#serve());
    this.#work.schedule();
  }

  /** DMA is possible again: chains of a loaded state are handled, kicks that came in between are served. */
  dmaEnabled(): void {
    this.said &= ~idleCause.noDma;
    if (this.#resumed.length > 0) this.#batch.run(() => this.#takeResumed());
    if (!this.#waiting) return;
    this.#waiting = false;
    this.kick();
  }

  #serve(): void {
    if (!this.ring.ready || !this.#owner.mayRun) return;
    if (!this.#owner.dmaEnabled) {
      this.#waiting = true;
      return;
    }
    if (this.#owner.behaviour?.kicked?.(this.index) === true) return;
    this.#batch.enter();
    this.#serving = true;
    try {
      this.#takeAll();
    } finally {
      this.#serving = false;
      this.#batch.leave();
    }
  }

  #takeAll(): void {
    if (this.#resumed.length > 0) this.#takeResumed();
    const ring = this.#ring;
    const inFlight = this.#inFlight;
    // Twice the queue at most: a chain's own data may overwrite the ring that it came from.
    for (let left = 2 * ring.size; left > 0 && this.#owner.mayRun && ring.ready; left--) {
      if (inFlight.lingering !== 0 && inFlight.count + inFlight.lingering >= ring.maxSize) {
        this.#blocked = true;
        return;
      }
      const chain = inFlight.fresh();
      const popped = ring.pop(chain);
      if (popped === pop.chain) {
        const again = inFlight.has(chain);
        if (again) this.#offeredAgain(chain);
        if (inFlight.count < ring.size) {
          this.#handle(chain, again);
          continue;
        }
        ring.fault = tooManyInFlight(chain.head);
        inFlight.free(chain);
        this.#failRing();
        return;
      }
      inFlight.free(chain);
      if (popped === pop.fault) this.#failRing();
      else if (ring.rearm()) continue;
      return;
    }
    // A driver on another thread may go on for ever: others have their turn first, and it is not asked to kick again.
    if (this.#dma!.memory.shared) this.kick();
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
      const chain = this.#inFlight.fresh();
      chain.load(saved, this.#dma!);
      if (chain.written === NOT_DONE) {
        chain.waiting = false;
        this.#inFlight.link(chain);
        if (saved.request === null || this.#owner.resumeChain === undefined) this.#owner.handle(chain);
        else this.#owner.resumeChain(chain, saved.request);
      } else {
        chain.live = false;
        this.#inFlight.link(chain);
        this.#useOldest();
      }
    }
  }

  /** `again`: a chain of that name is in flight. */
  #handle(chain: Chain, again: boolean): void {
    chain.written = NOT_DONE;
    chain.waiting = false;
    if (again) this.#inFlight.link(chain);
    else this.#inFlight.take(chain);
    this.#owner.handle(chain);
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
      if (chain.written !== NOT_DONE && !chain.held) this.#completedTwice(chain);
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
      if (chain === this.#inFlight.oldest) this.#useOldest();
      return;
    }
    this.#inFlight.leave(chain);
    if (this.#ring.push(chain.head, length, 1, chain.span, chain.touched)) this.#batch.completed(this);
    else this.#failRing();
  }

  /**
   * Nobody works on the request of a chain any more. Those whose chains are gone count as if they were in flight until
   * then: however often a driver stops its queue and starts it again, no more than fit into the ring are ever under way.
   */
  letGo(chain: Chain): void {
    if (!this.#inFlight.letGo(chain) || !this.#blocked) return;
    this.#blocked = false;
    this.kick();
  }

  /** Chains that are under way. */
  get inFlight(): number {
    return this.#inFlight.count;
  }

  /** More than the first buffer was written: as much as all of them hold, or what the behaviour says is not so. */
  #credible(chain: Chain, length: number): number {
    const most = Math.min(chain.writableBytes, MAX_USED_LENGTH);
    if (length >= 0 && length <= chain.writableBytes && Number.isInteger(length))
      return Math.min(length, most);
    const message = `a chain was completed with ${length} bytes written, and has room for ${chain.writableBytes}`;
    const about = aboutChain(chain, 'length in bytes', length);
    // A packed ring has no clause on that, and no legacy driver.
    if (this.#ring === this.#split) this.#owner.report('device', 'SPL-USED-02', message, about);
    else this.#owner.report('device', 'CONF-02', message, about);
    return length > 0 ? Math.min(Math.floor(length), most) : 0;
  }

  #completedTwice(chain: Chain): void {
    this.#owner.report(
      'device',
      umbrellaClause(this.#owner, 'device'),
      'a chain was completed twice',
      aboutChain(chain),
    );
  }

  /** RF-18: what ended early waits for those that were taken before it. */
  #useOldest(): void {
    const run = (this.#run ??= new UsedRun());
    const inFlight = this.#inFlight;
    let chain = inFlight.oldest;
    while (chain !== null && chain.written !== NOT_DONE) {
      if (!run.open && !this.#useRun()) return;
      run.add(chain);
      inFlight.leave(chain);
      chain = inFlight.oldest;
    }
    this.#batch.completed(this);
  }

  /** @returns false when the ring is out of reach, and the device has failed. */
  #useRun(): boolean {
    const run = this.#run;
    if (run === null) return true;
    const { head, length, chains, span, touched } = run;
    run.clear();
    if (chains === 0 || this.#ring.push(head, length, chains, span, touched)) return true;
    this.#failRing();
    return false;
  }

  /** Nothing is being done for the chains in flight: each waits for an event, or in order for one that does. */
  get idle(): boolean {
    return this.#resumed.length === 0 && this.#inFlight.idle;
  }

  /** Nothing is in flight, and nothing is to be done. */
  get asleep(): boolean {
    const nothing =
      this.#resumed.length === 0 && this.#inFlight.count === 0 && this.#inFlight.lingering === 0;
    return nothing && this.#work?.pending !== true && !this.#blocked;
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
    this.#work?.cancel();
    this.#ring.reset();
  }

  /** Chains in flight die, and what was not done with them yet is not done. */
  #drop(): void {
    this.#inFlight.drop();
    this.#resumed = [];
    this.#run?.clear();
  }

  save() {
    // What is to be published at the end of a batch has to be in the ring by then.
    this.#useRun();
    const packed = this.#ring !== this.#split;
    return queueState.save({
      split: packed ? null : this.#split.save(),
      packed: packed ? this.#packed!.save() : null,
      inFlight: [...this.#resumed, ...this.#inFlight.save()],
      waiting: this.#waiting,
      pending: this.#work?.pending === true || this.#blocked || this.#serving,
    });
  }

  /** @param agreed how queues work where the state is loaded: by the features of the whole. */
  check(
    state: State,
    path = `queue ${this.index}`,
    agreed: AgreedMode = { packed: this.#ring !== this.#split, inOrder: this.#inOrder },
  ) {
    return checkQueue(state, path, this.#split.maxSize, agreed);
  }

  /** To be called in the mode in which the state was saved. */
  load(state: State): void {
    this.restore(this.check(state));
  }

  /** Takes a state over that was looked at. */
  restore(saved: ValueOf<typeof queueState>): void {
    this.reset();
    if (saved.split !== null) this.#split.restore(saved.split);
    else this.#packed!.load(saved.packed!);
    this.#resumed = saved.inFlight;
    this.#waiting = saved.waiting;
    this.#resumedKick = saved.pending;
  }

  /**
   * Publishes what was completed where the state was saved in the middle of a batch, handles chains that were in flight anew,
   * in the order of being taken, then serves a pending kick.
   */
  resume(): void {
    this.publish();
    if (this.#resumed.length > 0 && this.#owner.dmaEnabled) this.#batch.run(() => this.#takeResumed());
    if (this.#resumedKick) this.kick();
    this.#resumedKick = false;
  }
}
