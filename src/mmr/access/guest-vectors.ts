import type { State, Stateful } from '../../core/index.ts';
import { NO_VECTOR } from '../../virtio/layout/index.ts';

/** The vectors that a guest gave its events. The function has others while the guest has MSI-X off. */
export class GuestVectors implements Stateful {
  config = NO_VECTOR;
  /** Of the queues that it has set up or given one. */
  readonly queues = new Map<number, number>();

  ofQueue(queue: number): number {
    return this.queues.get(queue) ?? NO_VECTOR;
  }

  /** Events that a vector tells of. */
  users(vector: number): number {
    let users = this.config === vector ? 1 : 0;
    for (const its of this.queues.values()) if (its === vector) users++;
    return users;
  }

  clear(): void {
    this.config = NO_VECTOR;
    this.queues.clear();
  }

  save() {
    return {
      config: this.config,
      queues: [...this.queues].map(([queue, vector]) => [queue, vector] as const),
    };
  }

  load(state: State): void {
    const saved = state as ReturnType<GuestVectors['save']>;
    this.clear();
    this.config = saved.config;
    for (const [queue, vector] of saved.queues) this.queues.set(queue, vector);
  }
}
