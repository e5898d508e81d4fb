import type { Hands } from '../../conformance/device/index.ts';
import type { DeviceBehaviour } from '../../virtio/index.ts';

/** A device of ours, and what can be done to it from its own side. */
export interface SampleDevice {
  readonly behaviour: DeviceBehaviour;
  readonly hands: Hands;
}
