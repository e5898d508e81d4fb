import type { State, ValueOf } from '../core/index.ts';
import type { DeviceBehaviour, DevicePlace } from './behaviour.ts';
import { umbrellaClause } from './clauses.ts';
import { Batch } from './queue/batch.ts';
import { aboutChain, type Chain } from './queue/chain.ts';
import { checkQueueSizes } from './queue/limits.ts';
import type { QueueOwner } from './queue/owner.ts';
import { QueueResets } from './queue/queue-resets.ts';
import { QueueService } from './queue/service.ts';
import type { queueState } from './queue/state.ts';
import type { QueueUser } from './queue-user.ts';

/** All queues of a device, and whose they are: those of its type first, then those of its administration (PCI-COM-16). */
export class DeviceQueues {
  /** By number. */
  readonly services: readonly QueueService[];
  /** Queues of the type. */
  readonly typeCount: number;
  readonly batch = new Batch();
  readonly resets = new QueueResets();
  readonly #behaviour: DeviceBehaviour;
  readonly #administration: QueueUser | null;

  /** @throws QueueSizeError, QueueCountError */
  constructor(behaviour: DeviceBehaviour, administration: QueueUser | null, owner: QueueOwner) {
    let sizes = behaviour.queueSizes;
    checkQueueSizes(sizes);
    this.typeCount = sizes.length;
    if (administration !== null) {
      sizes = [...sizes, ...administration.queueSizes];
      checkQueueSizes(sizes);
    }
    this.services = sizes.map((size, index) => new QueueService(size, index, owner, this.batch));
    this.#behaviour = behaviour;
    this.#administration = administration;
  }

  connect({ subject, scheduler, dma }: DevicePlace): void {
    for (const queue of this.services) queue.connect(subject, scheduler, dma);
    this.resets.connect(subject, scheduler, this.services.length);
  }

  userOf(index: number): QueueUser {
    return index < this.typeCount ? this.#behaviour : this.#administration!;
  }

  resumeChain(chain: Chain, request: State): void {
    const user = this.userOf(chain.queue);
    if (user.resumeChain === undefined) user.handle(chain);
    else user.resumeChain(chain, request);
  }

  /** A user is done with a chain; see `DevicePort`. */
  complete(owner: QueueOwner, chain: Chain, length: number, lingers: boolean): void {
    const queue = this.services[chain.queue];
    if (queue !== undefined && chain.owner === queue) queue.complete(chain, length, lingers);
    else
      owner.report(
        'device',
        umbrellaClause(owner, 'device'),
        'a chain of another device was completed',
        aboutChain(chain),
      );
  }

  /** Chains that are under way, of all queues. */
  get inFlight(): number {
    return this.services.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  /** No chain is being processed, and the driver was told of all that are used. */
  get idle(): boolean {
    return this.batch.idle && this.services.every((queue) => queue.idle);
  }

  /** Nothing is in flight, and nothing is to be done. */
  get asleep(): boolean {
    return this.batch.idle && this.resets.idle && this.services.every((queue) => queue.asleep);
  }

  /** Whatever was made available is to be looked at. */
  kickAll(): void {
    for (const queue of this.services) if (queue.ring.ready) queue.kick();
  }

  /** The whole device is reset. */
  reset(): void {
    for (const queue of this.services) queue.reset();
    this.resets.cancel();
  }

  save() {
    return { queues: this.services.map((queue) => queue.save()), queueResets: this.resets.save() };
  }

  /** Takes states over that were looked at. */
  restore(queues: readonly ValueOf<typeof queueState>[], queueResets: readonly number[]): void {
    for (const [index, queue] of this.services.entries()) queue.restore(queues[index]!);
    this.resets.restore(queueResets);
  }

  /** Goes on with what was in flight when the state was saved. */
  resume(): void {
    for (const queue of this.services) queue.resume();
    this.resets.resume();
  }
}
