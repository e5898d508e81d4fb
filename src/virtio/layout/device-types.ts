import { balloonDeviceType } from './balloon.ts';
import { blockDeviceType } from './block.ts';
import { consoleDeviceType } from './console.ts';
import type { DeviceType } from './device-type.ts';
import { entropyDeviceType } from './entropy.ts';
import { networkDeviceType } from './network.ts';
import { p9DeviceType } from './p9.ts';
import { rtcDeviceType } from './rtc.ts';
import { scsiDeviceType } from './scsi.ts';
import { vsockDeviceType } from './vsock.ts';

/**
 * The device types of this project; a new one is a new line. Whoever has another gives a list with its row to what identifies
 * functions. Class codes are what the observed QEMU shows.
 */
export const deviceTypes: readonly DeviceType[] = [
  networkDeviceType,
  blockDeviceType,
  consoleDeviceType,
  entropyDeviceType,
  balloonDeviceType,
  scsiDeviceType,
  p9DeviceType,
  rtcDeviceType,
  vsockDeviceType,
];

/** This project's types and one more, which comes first. */
export const withType = (type: DeviceType): readonly DeviceType[] => [type, ...deviceTypes];
