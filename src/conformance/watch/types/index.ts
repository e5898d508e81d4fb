import type { DeviceType } from '../../../virtio/layout/index.ts';
import { balloonFollower } from './balloon.ts';
import { consoleFollower } from './console.ts';
import type { TypeFollower } from './follower.ts';
import { networkFollower } from './network.ts';
import { scsiFollower } from './scsi.ts';

const followers: Readonly<Record<string, TypeFollower>> = {
  balloon: balloonFollower,
  console: consoleFollower,
  network: networkFollower,
  scsi: scsiFollower,
};

export const followersOf = (type: DeviceType | null): TypeFollower | undefined =>
  type === null ? undefined : followers[type.name];
