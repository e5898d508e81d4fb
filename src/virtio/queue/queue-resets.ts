import { expectAt, list, type Scheduler, type State, type Stateful, u16, Work } from '../../core/index.ts';

/** Numbers of the queues whose resets are not finished. */
export const queueResetsState = list(u16);

/**
 * Resets of single queues that are not finished yet. A queue is dead from the first moment of its reset; the end, which
 * its register shows, comes when the scheduler lets it (PCI-COM-12). Nothing is waited for: chains that were in flight
 * copy nothing any more (BF-VQR-01).
 */
export class QueueResets implements Stateful {
  #works: readonly Work[] = [];
  /** Those that were not finished in a state that was loaded. */
  #resumed: readonly number[] = [];

  connect(subject: string, scheduler: Scheduler, queues: number): void {
    const label = (queue: number) => `${subject} reset of queue ${queue}`;
    // Where it was before: a scheduler may hold these still.
    if (this.#works[0]?.label === label(0) && this.#works[0].scheduler === scheduler) return;
    this.#works = Array.from({ length: queues }, (_, queue) => new Work(label(queue), scheduler, () => {}));
  }

  /** The queue's reset is not finished. */
  running(queue: number): boolean {
    return this.#works[queue]?.pending === true || this.#resumed.includes(queue);
  }

  start(queue: number): void {
    this.#works[queue]?.schedule();
  }

  /** The whole device is reset. */
  cancel(): void {
    for (const work of this.#works) work.cancel();
    this.#resumed = [];
  }

  save(): number[] {
    return this.#works.flatMap((_, queue) => (this.running(queue) ? [queue] : []));
  }

  check(state: State, path = 'queue resets') {
    const saved = queueResetsState.parse(state, path);
    for (const [i, queue] of saved.entries())
      expectAt(path)(queue < this.#works.length, `[${i}]`, queue, `a queue below ${this.#works.length}`);
    return saved;
  }

  load(state: State): void {
    const saved = this.check(state);
    this.cancel();
    this.#resumed = saved;
  }

  resume(): void {
    const resumed = this.#resumed;
    this.#resumed = [];
    for (const queue of resumed) this.start(queue);
  }
}
