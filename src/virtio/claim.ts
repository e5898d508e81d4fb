import { VirtiolabError } from '../core/index.ts';
import type { DeviceBehaviour } from './behaviour.ts';
import type { QueueUser } from './queue-user.ts';

/** One behaviour behind two devices: what the one driver does would end with the other. */
export class BehaviourInUseError extends VirtiolabError {
  readonly behaviour: DeviceBehaviour;

  constructor(behaviour: DeviceBehaviour) {
    super(`this ${behaviour.type.name} behaviour is behind a device already: make another one`);
    this.behaviour = behaviour;
  }
}

/** One administration behind two devices: each device owns its groups by itself. */
export class AdministrationInUseError extends VirtiolabError {
  constructor() {
    super('this administration is behind a device already: make another one');
  }
}

const claimed = new WeakSet<QueueUser>();

/**
 * Whoever makes a device of a behaviour, and of an administration, takes them for good: both or none.
 * @throws BehaviourInUseError, AdministrationInUseError
 */
export function claimUsers(behaviour: DeviceBehaviour, administration: QueueUser | null): void {
  if (claimed.has(behaviour)) throw new BehaviourInUseError(behaviour);
  if (administration !== null) {
    if (claimed.has(administration)) throw new AdministrationInUseError();
    claimed.add(administration);
  }
  claimed.add(behaviour);
}
