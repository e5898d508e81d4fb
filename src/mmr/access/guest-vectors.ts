import type { State, Stateful } from '../../core/index.ts';
import { NO_VECTOR } from '../../virtio/layout/index.ts';

/** The vectors that a guest gave its events. The function has others while the guest has MSI-X off. */
export class GuestVectors implements Stateful {
  config = NO_VECTOR;
  /** Of the queues that it has set up or given one. */
  readonly queues = new Map<number, number>();
  /** Those that were pending when it switched MSI-X off, and are when it switches it on again. */
  readonly kept = new Set<number>();

  ofQueue(queue: number): number {
    return this.queues.get(queue) ?? NO_VECTOR;
  }

  /** Events that a vector tells of. */
  users(vector: number): number {
    let users = this.config === vector ? 1 : 0;
    for (const its of this.queues.values()) if (its === vector) users++;
    return users;
  }

  /** Four bytes of pending bits, of what is kept; `offset` in bytes, a multiple of 4. */
  keptBits(offset: number): number {
    let bits = 0;
    for (const vector of this.kept) if (vector >> 5 === offset >> 2) bits |= 1 << (vector & 31);
    return bits >>> 0;
  }

  clear(): void {
    this.config = NO_VECTOR;
    this.queues.clear();
    this.kept.clear();
  }

  save() {
    return {
      config: this.config,
      queues: [...this.queues].map(([queue, vector]) => [queue, vector] as const),
      kept: [...this.kept],
    };
  }

  load(state: State): void {
    const saved = state as ReturnType<GuestVectors['save']>;
    this.clear();
    this.config = saved.config;
    for (const [queue, vector] of saved.queues) this.queues.set(queue, vector);
    for (const vector of saved.kept) this.kept.add(vector);
  }
}
