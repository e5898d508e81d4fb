import type { Hands } from '../../conformance/device/index.ts';
import type { DeviceBehaviour, MemoryStorage } from '../../virtio/index.ts';

/** A device of ours, and what can be done to it from its own side. */
export interface SampleDevice {
  readonly behaviour: DeviceBehaviour;
  readonly hands: Hands;
  /** What its disk holds, which is no part of the device's state; left out where it has none. */
  readonly disk?: MemoryStorage;
}
