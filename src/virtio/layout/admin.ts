import { registers, ro } from '../../core/index.ts';
import { FEATURE_WORDS } from './features.ts';

/** Whose members a command is about. */
export const adminGroup = { self: 0, singleRootIov: 1 } as const;

/**
 * Group administration commands. RESOURCE_OBJ_MODIFY and RESOURCE_OBJ_QUERY have these numbers where they are described; the
 * table of opcodes exchanges them.
 */
export const adminOpcode = {
  listQuery: 0x0,
  listUse: 0x1,
  legacyCommonConfigWrite: 0x2,
  legacyCommonConfigRead: 0x3,
  legacyDeviceConfigWrite: 0x4,
  legacyDeviceConfigRead: 0x5,
  legacyNotifyInfo: 0x6,
  capabilityIdListQuery: 0x7,
  deviceCapabilityGet: 0x8,
  driverCapabilitySet: 0x9,
  resourceCreate: 0xa,
  resourceModify: 0xb,
  resourceQuery: 0xc,
  resourceDestroy: 0xd,
  devicePartsMetadataGet: 0xe,
  devicePartsGet: 0xf,
  devicePartsSet: 0x10,
  deviceModeSet: 0x11,
} as const;

/** What became of a command (ADM-08, ADM-09). Those that are not here count as `invalid` (ADM-33). */
export const adminStatus = {
  ok: 0,
  noSuchDevice: 6,
  tryAgain: 11,
  noMemory: 12,
  busy: 16,
  exists: 17,
  invalid: 22,
  noSpace: 28,
} as const;

/** Why. Those that are not here count as `invalidCommand` (ADM-34). */
export const adminQualifier = {
  ok: 0,
  invalidCommand: 1,
  invalidOpcode: 2,
  invalidField: 3,
  invalidGroup: 4,
  invalidMember: 5,
  noResource: 6,
  tryAgain: 7,
} as const;

/** What every command begins with; its data follow. Little-endian, as all of administration. */
export const adminCommand = registers({
  opcode: ro(0, 2, 'ADM-04'),
  groupType: ro(2, 2, 'ADM-04'),
  reserved: ro(4, 1, 'ADM-01', { count: 12 }),
  memberId: ro(16, 8, 'ADM-04'),
});
export const ADMIN_COMMAND_BYTES = 24;

/** What every answer begins with; the result follows. */
export const adminAnswer = registers({
  status: ro(0, 2, 'ADM-08 ADM-09'),
  qualifier: ro(2, 2, 'ADM-02'),
  reserved: ro(4, 1, 'ADM-01', { count: 4 }),
});
export const ADMIN_ANSWER_BYTES = 8;

/** Data of legacy accesses: a write has what is written behind 8 bytes, a read the offset alone (ADL-*). */
export const adminLegacyAccess = registers({
  offset: ro(0, 1),
  reserved: ro(1, 1, 'ADM-01', { count: 7 }),
});
export const ADMIN_LEGACY_WRITE_BYTES = 8;

/** One of the four entries of LEGACY_NOTIFY_INFO's result. */
export const adminNotifyEntry = registers({
  flags: ro(0, 1, 'ADL-15 ADL-25'),
  bar: ro(1, 1, 'ADL-16 ADL-26'),
  padding: ro(2, 1, '', { count: 6 }),
  offset: ro(8, 8, 'ADL-17 ADL-27'),
});
export const ADMIN_NOTIFY_ENTRIES = 4;
export const ADMIN_NOTIFY_ENTRY_BYTES = 16;
/** Whose BAR an entry names. */
export const adminNotifyFlag = { end: 0, owner: 1, member: 2 } as const;

/** Data of DEVICE_CAP_GET and DRIVER_CAP_SET; that of the driver follows. */
export const adminCapabilityHead = registers({
  id: ro(0, 2),
  reserved: ro(2, 1, 'ADM-01', { count: 6 }),
});
export const ADMIN_CAPABILITY_HEAD_BYTES = 8;

/** Ids of capabilities, and of what may be created within their limits. */
export const adminCapability = { deviceParts: 0 } as const;
export const adminResource = { deviceParts: 0 } as const;

/** The capability of device parts: how many objects of each kind there may be at once. */
export const adminPartsCapability = registers({
  getLimit: ro(0, 1),
  setLimit: ro(1, 1),
  reserved: ro(2, 1, '', { count: 6 }),
});

/** What all commands about a resource object begin with. */
export const adminResourceHead = registers({
  type: ro(0, 2),
  reserved: ro(2, 2, 'ADM-01'),
  id: ro(4, 4),
});
export const ADMIN_RESOURCE_HEAD_BYTES = 8;

/** Behind it, of RESOURCE_OBJ_CREATE: the flags, and what the object is made of. */
export const adminResourceCreate = registers({ flags: ro(8, 8) });

/** What a parts object is made of: for reading parts, or for writing. */
export const adminPartsObject = registers({ kind: ro(0, 1), reserved: ro(1, 1, '', { count: 7 }) });
export const adminPartsObjectKind = { get: 0, set: 1 } as const;

/** Behind the head, of DEV_PARTS_METADATA_GET and DEV_PARTS_GET. */
export const adminPartsSelection = registers({ kind: ro(8, 1), reserved: ro(9, 1, '', { count: 7 }) });
export const adminMetadataKind = { size: 0, count: 1, list: 2 } as const;
export const adminPartsKind = { selected: 0, all: 1 } as const;

/** Head of a device part; its value follows. */
export const adminPartHead = registers({
  type: ro(0, 2),
  flags: ro(2, 1),
  reserved: ro(3, 1),
  selectorLow: ro(4, 4),
  selectorHigh: ro(8, 4),
  length: ro(12, 4),
});
export const ADMIN_PART_HEAD_BYTES = 16;
/** Whoever does not know a part of this flag passes over it. */
export const adminPartFlag = { optional: 1 } as const;

/** Device parts that every type has. */
export const adminPart = {
  deviceFeatures: 0x100,
  driverFeatures: 0x101,
  commonConfig: 0x102,
  deviceStatus: 0x103,
  queueConfig: 0x104,
  queueNotification: 0x105,
} as const;

/** Value of the parts of features: as many words as there are of features. */
export const adminFeaturesPart = registers({ words: ro(0, 4, '', { count: FEATURE_WORDS }) });

/** Value of the part of one queue. */
export const adminQueuePart = registers({
  size: ro(0, 2),
  vector: ro(2, 2),
  enabled: ro(4, 2),
  reserved: ro(6, 2),
  descriptorLow: ro(8, 4),
  descriptorHigh: ro(12, 4),
  driverLow: ro(16, 4),
  driverHigh: ro(20, 4),
  deviceLow: ro(24, 4),
  deviceHigh: ro(28, 4),
});

/** Value of the part of one queue's notifications. */
export const adminQueueNotifyPart = registers({
  offset: ro(0, 2),
  configData: ro(2, 2),
  reserved: ro(4, 1, '', { count: 4 }),
});

/** Data of DEV_MODE_SET. */
export const adminMode = registers({ flags: ro(0, 1), reserved: ro(1, 1, '', { count: 7 }) });
export const adminModeFlag = { stopped: 1 } as const;
