import { VirtiolabError } from '../core/index.ts';
import type { DeviceBehaviour } from './behaviour.ts';

/** One behaviour behind two devices: what the one driver does would end with the other. */
export class BehaviourInUseError extends VirtiolabError {
  readonly behaviour: DeviceBehaviour;

  constructor(behaviour: DeviceBehaviour) {
    super(`this ${behaviour.type.name} behaviour is behind a device already: make another one`);
    this.behaviour = behaviour;
  }
}

const claimed = new WeakSet<DeviceBehaviour>();

/** Whoever makes a device of a behaviour takes it for good. @throws BehaviourInUseError */
export function claimBehaviour(behaviour: DeviceBehaviour): void {
  if (claimed.has(behaviour)) throw new BehaviourInUseError(behaviour);
  claimed.add(behaviour);
}
