import type { DeviceTypeName } from '../../../src/virtio/index.ts';
import { balloonKit } from './balloon.ts';
import { blockKit } from './block.ts';
import { consoleKit } from './console.ts';
import { entropyKit } from './entropy.ts';
import type { TypeKit } from './kit.ts';
import { networkKit } from './network.ts';
import { p9Kit } from './p9.ts';
import { scsiKit } from './scsi.ts';

/** Every device type that the properties over all types know. A kit only ever gets stimuli of its own drawing. */
export const kits = {
  balloon: balloonKit,
  block: blockKit,
  console: consoleKit,
  entropy: entropyKit,
  network: networkKit,
  p9: p9Kit,
  scsi: scsiKit,
} as unknown as Readonly<Record<DeviceTypeName, TypeKit>>;

export const kitTypes = Object.keys(kits) as DeviceTypeName[];
