import {
  type DmaDomain,
  immediate,
  type Scheduler,
  type State,
  type Stateful,
  Work,
} from '../../core/index.ts';
import { Chain } from './chain.ts';
import { pop, type Virtqueue } from './virtqueue.ts';

/** What a queue needs of its device. */
export interface QueueOwner {
  /** Chains may be taken: the driver has come far enough and nothing is broken. */
  readonly mayRun: boolean;
  readonly dmaEnabled: boolean;
  handle(chain: Chain): void;
  interrupt(index: number): void;
  fail(clause: string, message: string, value: number): void;
}

/** Collects what several queues complete, so that each publishes and interrupts once. */
export class Batch {
  readonly #dirty = new Set<QueueService>();
  #depth = 0;

  run(body: () => void): void {
    this.#depth++;
    try {
      body();
    } finally {
      this.#depth--;
    }
    if (this.#depth === 0 && this.#dirty.size > 0) {
      for (const queue of this.#dirty) queue.publish();
      this.#dirty.clear();
    }
  }

  completed(queue: QueueService): void {
    if (this.#depth === 0) queue.publish();
    else this.#dirty.add(queue);
  }
}

/** Serves one queue: takes chains when kicked, keeps those in flight, hands them back. */
export class QueueService implements Stateful {
  readonly ring: Virtqueue;
  readonly index: number;
  readonly #owner: QueueOwner;
  readonly #batch: Batch;
  readonly #free: Chain[] = [];
  readonly #inFlight: Chain[] = [];
  /** Chains taken so far: their order outlives the reshuffling of the list in flight. */
  #tickets = 0;
  /** Heads that were in flight, and a kick that was pending, in a state that was loaded. */
  #resumed: number[] = [];
  #resumedKick = false;
  /** A kick that came while DMA was off. */
  #waiting = false;
  #work = new Work('', immediate, () => {});
  /** Bound once, so that serving allocates nothing. */
  readonly #take = () => this.#takeAll();

  constructor(ring: Virtqueue, index: number, owner: QueueOwner, batch: Batch) {
    this.ring = ring;
    this.index = index;
    this.#owner = owner;
    this.#batch = batch;
  }

  connect(subject: string, scheduler: Scheduler, dma: DmaDomain): void {
    this.ring.attach(dma);
    this.#work = new Work(`${subject} queue ${this.index}`, scheduler, () => this.#serve());
  }

  kick(): void {
    this.#work.schedule();
  }

  /** DMA is possible again: kicks that came in between are served. */
  dmaEnabled(): void {
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
    // Twice the queue at most: a chain's own data may overwrite the ring that it came from.
    for (let left = 2 * this.ring.size; left > 0 && this.#owner.mayRun && this.ring.ready; left--) {
      const chain = this.#fresh();
      const popped = this.ring.pop(chain);
      if (popped === pop.chain) {
        if (this.#inFlight.length < this.ring.size) this.#handle(chain);
        else
          this.#owner.fail('SPL-AVL-01', 'more chains in flight than the queue has descriptors', chain.head);
        continue;
      }
      this.#free.push(chain);
      if (popped === pop.fault) this.#failRing();
      else if (this.ring.rearm()) continue;
      return;
    }
  }

  #takeResumed(): void {
    const heads = this.#resumed;
    this.#resumed = [];
    for (const head of heads) {
      const chain = this.#fresh();
      if (this.ring.repop(head, chain) === pop.chain) this.#handle(chain);
      else this.#failRing();
    }
  }

  #fresh(): Chain {
    const chain = this.#free.pop();
    if (chain !== undefined) return chain;
    const made = new Chain();
    made.queue = this.index;
    return made;
  }

  #handle(chain: Chain): void {
    chain.slot = this.#inFlight.length;
    chain.ticket = this.#tickets++;
    this.#inFlight.push(chain);
    this.#owner.handle(chain);
  }

  #failRing(): void {
    const { clause, message, value } = this.ring.fault!;
    this.#owner.fail(clause, `queue ${this.index}: ${message}`, value);
  }

  /** Hands a chain back; `length` bytes were written, from its first writable byte on (SPL-USED-02). */
  complete(chain: Chain, length: number): void {
    if (!chain.live) return;
    const last = this.#inFlight.pop()!;
    if (last !== chain) {
      this.#inFlight[chain.slot] = last;
      last.slot = chain.slot;
    }
    chain.live = false;
    this.#free.push(chain);
    if (this.ring.push(chain.head, length)) this.#batch.completed(this);
    else this.#owner.fail('SPL-LAY-01', `queue ${this.index}: the used ring is out of reach`, chain.head);
  }

  publish(): void {
    if (this.ring.publish()) this.#owner.interrupt(this.index);
  }

  /** Nothing of the queue is executed or reported any more (BF-VQR-01, BF-VQR-02). */
  reset(): void {
    for (const chain of this.#inFlight) chain.live = false;
    this.#inFlight.length = 0;
    this.#resumed = [];
    this.#resumedKick = this.#waiting = false;
    this.#work.cancel();
    this.ring.reset();
  }

  save() {
    const inFlight = [...this.#inFlight].sort((a, b) => a.ticket - b.ticket).map(({ head }) => head);
    return {
      ring: this.ring.save(),
      inFlight: [...this.#resumed, ...inFlight],
      waiting: this.#waiting,
      pending: this.#work.pending,
    };
  }

  load(state: State): void {
    const saved = state as ReturnType<QueueService['save']>;
    this.reset();
    this.ring.load(saved.ring);
    this.#resumed = [...saved.inFlight];
    this.#waiting = saved.waiting;
    this.#resumedKick = saved.pending;
  }

  /** Takes chains that were in flight from the ring again and handles them anew, then serves a pending kick. */
  resume(): void {
    if (this.#resumed.length > 0 && this.#owner.dmaEnabled) this.#batch.run(() => this.#takeResumed());
    else if (this.#resumed.length > 0) this.#waiting = true;
    if (this.#resumedKick) this.#work.schedule();
    this.#resumedKick = false;
  }
}
