import { anyState, flag, list, record, shape } from '../core/index.ts';
import { deviceConfigState } from './config.ts';
import { featuresState } from './negotiation.ts';
import { queueResetsState } from './queue/queue-resets.ts';
import { queueState } from './queue/state.ts';
import { statusState } from './status.ts';

/** A virtio device without its windows. `behaviour` is the device type's own record; `shape` is what it was made with. */
export const virtioDeviceState = record('virtio-device', 1, {
  shape,
  status: statusState,
  dmaEnabled: flag,
  features: featuresState,
  queues: list(queueState),
  queueResets: queueResetsState,
  config: deviceConfigState,
  behaviour: anyState,
});
