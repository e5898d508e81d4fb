import { anyState, expectSame, list, record, shape, type ValueOf } from '../core/index.ts';
import type { DeviceBehaviour } from './behaviour.ts';
import { deviceConfigState } from './config.ts';
import { feature } from './layout/index.ts';
import { type FeatureNegotiation, featuresState } from './negotiation.ts';
import { queueResetsState } from './queue/queue-resets.ts';
import { queueState } from './queue/state.ts';
import { statusState } from './status.ts';

/** A virtio device without its windows; whether it may do DMA is its function's to say. `behaviour` is the device type's own record; `shape` is what it was made with. */
export const virtioDeviceState = record('virtio-device', 1, {
  shape,
  status: statusState,
  features: featuresState,
  queues: list(queueState),
  queueResets: queueResetsState,
  config: deviceConfigState,
  behaviour: anyState,
});

type SavedVirtioDevice = ValueOf<typeof virtioDeviceState>;

/** How the rings of a saved device work, by what was agreed on. */
export function agreedMode(features: FeatureNegotiation, saved: SavedVirtioDevice) {
  const agreed = (bit: number) => features.hasIn(saved.features, bit);
  return { packed: agreed(feature.ringPacked), inOrder: agreed(feature.inOrder) };
}

/** A behaviour that saves nothing is loaded with nothing. @throws StateMismatchError */
export function checkBehaviour(behaviour: DeviceBehaviour, saved: SavedVirtioDevice, path: string): void {
  const at = `${path}.behaviour`;
  const { queues, config } = saved;
  if (behaviour.check !== undefined)
    behaviour.check(saved.behaviour, at, { path, queues, config: config.bytes });
  else if (behaviour.save() === null) expectSame(at, saved.behaviour, null);
}
