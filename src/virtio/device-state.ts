import {
  anyState,
  expectSame,
  list,
  manifestOf,
  record,
  type State,
  shape,
  type ValueOf,
} from '../core/index.ts';
import type { AnyConfig, DeviceBehaviour } from './behaviour.ts';
import { deviceConfigState } from './config.ts';
import { shapeOf } from './device-shape.ts';
import { feature } from './layout/index.ts';
import { featuresState } from './negotiation.ts';
import { type QueueResets, queueResetsState } from './queue/queue-resets.ts';
import type { QueueService } from './queue/service.ts';
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

/** The device whose state it is. */
type Saved = Parameters<typeof shapeOf>[0] & { readonly config: AnyConfig };

/** @throws StateMismatchError for a state that the device cannot have. */
export function checkDevice(
  device: Saved,
  queues: readonly QueueService[],
  resets: QueueResets,
  state: State,
  path: string,
): SavedVirtioDevice {
  const { behaviour, features, config } = device;
  const saved = virtioDeviceState.parse(state, path, shapeOf(device));
  features.check(saved.features, `${path}.features`);
  config.check(saved.config, `${path}.config`);
  expectSame(`${path}.config.held`, saved.config.held !== null, saved.status.suspension.suspended);
  const agreed = (bit: number) => features.hasIn(saved.features, bit);
  expectSame(`${path}.queues.length`, saved.queues.length, queues.length);
  for (const [i, queue] of queues.entries())
    queue.check(saved.queues[i]!, `${path}.queues[${i}]`, {
      packed: agreed(feature.ringPacked),
      inOrder: agreed(feature.inOrder),
      request: (request, at) => checkRequest(behaviour, i, request, at),
    });
  resets.check(saved.queueResets, `${path}.queueResets`);
  checkBehaviour(behaviour, saved, path);
  return saved;
}

/** A behaviour that takes nothing back is given nothing back. */
function checkRequest(behaviour: DeviceBehaviour, queue: number, request: State, path: string): void {
  if (behaviour.checkRequest !== undefined) behaviour.checkRequest(request, path, queue);
  else if (behaviour.resumeChain === undefined) expectSame(path, request, null);
}

/** A behaviour that saves nothing is loaded with nothing. */
function checkBehaviour(behaviour: DeviceBehaviour, saved: SavedVirtioDevice, path: string): void {
  const at = `${path}.behaviour`;
  const { queues, config } = saved;
  if (behaviour.check !== undefined)
    behaviour.check(saved.behaviour, at, { path, queues, config: config.bytes });
  else if (behaviour.save() === null) expectSame(at, saved.behaviour, null);
}

export const deviceManifest = (device: Saved): State => ({
  ...virtioDeviceState.manifest(),
  made: shapeOf(device),
  behaviour: manifestOf(device.behaviour),
  requests: device.behaviour.requestRecord?.manifest() ?? null,
});
