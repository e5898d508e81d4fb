import {
  expectAt,
  immediate,
  list,
  type Scheduler,
  type State,
  type Stateful,
  u16,
  Work,
} from '../../core/index.ts';

/** Numbers of the queues whose resets are not finished. */
export const queueResetsState = list(u16);

const NONE: readonly number[] = [];

/**
 * Resets of single queues that are not finished yet. A queue is dead from the first moment of its reset; the end, which
 * its register shows, comes when the scheduler lets it (PCI-COM-12). Nothing is waited for: chains that were in flight
 * copy nothing any more (BF-VQR-01).
 */
export class QueueResets implements Stateful {
  /** Of queues that were reset once; null while there are none. */
  #works: Map<number, Work> | null = null;
  #subject = '';
  #scheduler: Scheduler = immediate;
  #queues = 0;
  /** Those that were not finished in a state that was loaded. */
  #resumed = NONE;

  connect(subject: string, scheduler: Scheduler, queues: number): void {
    // Where it was before, a scheduler may hold these still.
    if (this.#subject !== subject || this.#scheduler !== scheduler) this.#works = null;
    this.#subject = subject;
    this.#scheduler = scheduler;
    this.#queues = queues;
  }

  /** No reset is under way. */
  get idle(): boolean {
    return this.save().length === 0;
  }

  /** The queue's reset is not finished. */
  running(queue: number): boolean {
    return this.#works?.get(queue)?.pending === true || this.#resumed.includes(queue);
  }

  start(queue: number): void {
    if (queue >= this.#queues) return;
    this.#works ??= new Map();
    let work = this.#works.get(queue);
    if (work === undefined) {
      work = new Work(`${this.#subject} reset of queue ${queue}`, this.#scheduler, () => {});
      this.#works.set(queue, work);
    }
    work.schedule();
  }

  /** The whole device is reset. */
  cancel(): void {
    if (this.#works !== null) for (const work of this.#works.values()) work.cancel();
    this.#resumed = NONE;
  }

  save(): number[] {
    return Array.from({ length: this.#queues }, (_, queue) => queue).filter((queue) => this.running(queue));
  }

  check(state: State, path = 'queue resets') {
    const saved = queueResetsState.parse(state, path);
    for (const [i, queue] of saved.entries()) {
      const last = saved[i - 1] ?? -1;
      const fits = queue > last && queue < this.#queues;
      expectAt(path)(fits, `[${i}]`, queue, `a queue after ${last}, below ${this.#queues}`);
    }
    return saved;
  }

  load(state: State): void {
    this.restore(this.check(state));
  }

  /** Takes a state over that was looked at. */
  restore(saved: readonly number[]): void {
    this.cancel();
    this.#resumed = saved;
  }

  resume(): void {
    const resumed = this.#resumed;
    this.#resumed = NONE;
    for (const queue of resumed) this.start(queue);
  }
}
