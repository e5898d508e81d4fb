import {
  type DeviceBehaviour,
  type VirtioFunction,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../virtio/index.ts';
import { MediatedDevice, type MediatedDeviceOptions } from './mediated-device.ts';

export interface MediatedFunction {
  readonly fn: VirtioFunction;
  readonly mediated: MediatedDevice;
}

/**
 * A function that shows a guest what a vDPA parent has, as its mediation says. To present it by one of the `ways`, give the way's
 * `build` a {@link MediatedDevice}.
 * @throws as `MediatedDevice`, and what `virtioFunction` throws.
 */
export function mediatedFunction(
  behaviour: DeviceBehaviour,
  options: MediatedDeviceOptions = {},
  built: Omit<VirtioFunctionOptions, 'kind' | 'guestEndian' | 'transportFeatures'> = {},
): MediatedFunction {
  const mediated = new MediatedDevice(behaviour, options);
  const fn = virtioFunction(mediated, {
    ...built,
    kind: mediated.mediation.presents,
    guestEndian: mediated.guestOrder,
    transportFeatures: mediated.transportFeatures,
  });
  return { fn, mediated };
}
