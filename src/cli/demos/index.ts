import { balloonDemo } from './balloon.ts';
import { blockDemo } from './block.ts';
import { consoleDemo } from './console.ts';
import type { DeviceDemo } from './device-demo.ts';
import { entropyDemo } from './entropy.ts';
import { networkDemo } from './network.ts';
import { p9Demo } from './p9.ts';
import { rtcDemo } from './rtc.ts';
import { scsiDemo } from './scsi.ts';
import { vsockDemo } from './vsock.ts';

/** What can be demonstrated; a new device type is a new line. */
export const deviceDemos: readonly DeviceDemo[] = [
  balloonDemo,
  blockDemo,
  consoleDemo,
  entropyDemo,
  networkDemo,
  p9Demo,
  rtcDemo,
  scsiDemo,
  vsockDemo,
];
