import { anyState, list, record, shape, type ValueOf } from '../core/index.ts';
import type { SavedDevice } from './behaviour.ts';
import { deviceConfigState } from './config.ts';
import { featuresState } from './negotiation.ts';
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

/** What a behaviour is shown of the whole of which its state is a part. */
export const savedDevice = (
  { queues, config }: ValueOf<typeof virtioDeviceState>,
  path: string,
): SavedDevice => ({ path, queues, config: config.bytes });
