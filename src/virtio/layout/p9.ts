import { registers, ro } from '../../core/index.ts';
import { defineDeviceType } from './device-type.ts';

/** Feature bits of the 9P transport device. The specification has its id only (P9-01); this is common practice. */
export const p9Feature = { mountTag: 0 } as const;

/** Bytes of a mount tag at most: the configuration then fills 256. */
export const MAX_MOUNT_TAG_BYTES = 254;

/** Device configuration: the name by which a driver finds the file system to mount, in UTF-8, without an end mark. */
export const p9Config = registers({
  tagLength: ro(0, 2, 'LEG-CFG-01'),
  tag: ro(2, 1, '', { count: MAX_MOUNT_TAG_BYTES }),
});

/** The device type. */
export const p9DeviceType = defineDeviceType({
  name: 'p9',
  functionName: 'virtio-9p',
  typeNumber: 9,
  transitionalId: 0x1009,
  classCode: 0x000200,
  features: p9Feature,
  config: p9Config,
});

/** The one queue: each chain is a message to the server, and room for its reply. */
export const p9Queue = { request: 0 } as const;

/** What every message of the protocol starts with; little-endian for every driver. The tag's place is odd, so no table. */
export const p9Header = { size: 0, type: 4, tag: 5, bytes: 7 } as const;

/** Tag of version messages, which stand outside of all others. */
export const NO_TAG = 0xffff;
/** A fid that is none, as where no authentication is wanted. */
export const NO_FID = 0xffffffff;

/** Versions of the protocol, as they are negotiated. */
export const p9Version = { plain: '9P2000', unix: '9P2000.u', linux: '9P2000.L' } as const;
