import { expectAt, group, list, u16, type ValueOf } from '../../core/index.ts';
import { NO_VECTOR } from '../../virtio/layout/index.ts';

export const guestVectorsState = group(
  { config: u16, queues: list(group({ queue: u16, vector: u16 })) },
  ({ queues }, expect) => {
    const known = new Set<number>();
    for (const [i, { queue }] of queues.entries()) {
      expect(!known.has(queue), `queues[${i}].queue`, queue, 'a queue that is listed once');
      known.add(queue);
    }
  },
);
type SavedVectors = ValueOf<typeof guestVectorsState>;

/** The vectors that a guest gave its events. The function has others while the guest has MSI-X off. */
export class GuestVectors {
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

  save(): SavedVectors {
    return { config: this.config, queues: Array.from(this.queues, ([queue, vector]) => ({ queue, vector })) };
  }

  /** @param vectors so many there are. @throws StateMismatchError */
  check({ config, queues }: SavedVectors, path: string, vectors: number): void {
    const expect = expectAt(path);
    const fits = (vector: number) => vector === NO_VECTOR || vector < vectors;
    const expected = `below ${vectors}, or ${NO_VECTOR}`;
    expect(fits(config), 'config', config, expected);
    for (const [i, { vector }] of queues.entries())
      expect(fits(vector), `queues[${i}].vector`, vector, expected);
  }

  load({ config, queues }: SavedVectors): void {
    this.clear();
    this.config = config;
    for (const { queue, vector } of queues) this.queues.set(queue, vector);
  }
}
