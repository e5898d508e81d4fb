import { defineDeviceType } from './device-type.ts';

/** The entropy device's one queue: the driver's buffers, to be filled (RNG-03). */
export const entropyQueue = { request: 0 } as const;

/** The device type. */
export const entropyDeviceType = defineDeviceType({
  name: 'entropy',
  functionName: 'virtio-rng',
  typeNumber: 4,
  transitionalId: 0x1005,
  classCode: 0x00ff00,
});
