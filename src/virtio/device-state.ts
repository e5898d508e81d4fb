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
import type { AnyConfig } from './behaviour.ts';
import { deviceConfigState } from './config.ts';
import type { DeviceQueues } from './device-queues.ts';
import { type Shaped, shapeOf } from './device-shape.ts';
import { feature } from './layout/index.ts';
import { type DeviceMode, deviceModeState, RUNNING } from './mode.ts';
import { featuresState } from './negotiation.ts';
import { queueResetsState } from './queue/queue-resets.ts';
import { queueState } from './queue/state.ts';
import type { QueueUser } from './queue-user.ts';
import { type StatusRegister, statusState } from './status.ts';

/**
 * A virtio device without its windows; whether it may do DMA is its function's to say. `behaviour` is the device type's own
 * record, `administration` that of a group's owner; `shape` is what it was made with.
 */
export const virtioDeviceState = record(
  'virtio-device',
  2,
  {
    shape,
    status: statusState,
    features: featuresState,
    queues: list(queueState),
    queueResets: queueResetsState,
    config: deviceConfigState,
    behaviour: anyState,
    administration: anyState,
    mode: deviceModeState,
  },
  { upgrades: { 1: (older) => ({ ...older, administration: null, mode: RUNNING }) } },
);

export type SavedVirtioDevice = ValueOf<typeof virtioDeviceState>;

/** The device whose state it is. */
interface Saved extends Shaped {
  readonly config: AnyConfig;
  readonly statusRegister: StatusRegister;
  readonly mode: DeviceMode;
}

export const saveDevice = (device: Saved, queues: DeviceQueues) =>
  virtioDeviceState.save({
    shape: shapeOf(device),
    status: device.statusRegister.save(),
    features: device.features.save(),
    ...queues.save(),
    config: device.config.save(),
    behaviour: device.behaviour.save(),
    administration: device.options.administration?.save() ?? null,
    mode: device.mode.save(),
  });

/** @throws StateMismatchError for a state that the device cannot have. */
export function checkDevice(
  device: Saved,
  { services, resets }: DeviceQueues,
  state: State,
  path: string,
): SavedVirtioDevice {
  const { behaviour, features, config } = device;
  const { administration } = device.options;
  const saved = virtioDeviceState.parse(state, path, shapeOf(device));
  features.check(saved.features, `${path}.features`);
  config.check(saved.config, `${path}.config`);
  expectSame(`${path}.config.held`, saved.config.held !== null, saved.status.suspension.suspended);
  const agreed = (bit: number) => features.hasIn(saved.features, bit);
  expectSame(`${path}.queues.length`, saved.queues.length, services.length);
  const first = behaviour.queueSizes.length;
  for (const [i, queue] of services.entries()) {
    const at = `${path}.queues[${i}]`;
    const user = i < first ? behaviour : administration!;
    const { split, packed } = queue.check(saved.queues[i]!, at, {
      packed: agreed(feature.ringPacked),
      inOrder: agreed(feature.inOrder),
      request: (request, at) => checkRequest(user, i, request, at),
    });
    if (i >= first && !agreed(feature.adminQueue))
      expectSame(`${at}.${split === null ? 'packed' : 'split'}.ready`, (split ?? packed!).ready, false);
  }
  resets.check(saved.queueResets, `${path}.queueResets`);
  checkUser(behaviour, saved.behaviour, `${path}.behaviour`, saved, path);
  if (administration !== null)
    checkUser(administration, saved.administration, `${path}.administration`, saved, path);
  else expectSame(`${path}.administration`, saved.administration, null);
  return saved;
}

/** Whoever takes nothing back is given nothing back. */
function checkRequest(user: QueueUser, queue: number, request: State, path: string): void {
  if (user.checkRequest !== undefined) user.checkRequest(request, path, queue);
  else if (user.resumeChain === undefined) expectSame(path, request, null);
}

/** Whoever saves nothing is loaded with nothing. `saved` is the device's state, which lies at `path`. */
function checkUser(user: QueueUser, own: State, at: string, saved: SavedVirtioDevice, path: string): void {
  const { queues, config } = saved;
  if (user.check !== undefined) user.check(own, at, { path, queues, config: config.bytes });
  else if (user.save() === null) expectSame(at, own, null);
}

const manifestOfUser = (user: QueueUser | null): State =>
  user === null ? null : { state: manifestOf(user), requests: user.requestRecord?.manifest() ?? null };

export const deviceManifest = (device: Saved): State => ({
  ...virtioDeviceState.manifest(),
  made: shapeOf(device),
  behaviour: manifestOf(device.behaviour),
  requests: device.behaviour.requestRecord?.manifest() ?? null,
  administration: manifestOfUser(device.options.administration),
});
