import {
  ADMIN_NOTIFY_ENTRIES,
  adminAnswer,
  adminCapability,
  adminCapabilityHead,
  adminCommand,
  adminMode,
  adminNotifyEntry,
  adminOpcode,
  adminPart,
  adminPartHead,
  adminPartsSelection,
  adminQualifier,
  adminResource,
  adminResourceHead,
  adminStatus,
} from '../../virtio/layout/index.ts';
import type { DraftCommand, DraftDocument, DraftSpace } from '../document/document.ts';
import { fieldsOf } from './fields.ts';

/*
 * The administration chapters of virtio 1.4 as they stand, defects included: what its tables say is in `spaces`, what its prose
 * says in `commands` and `statements`. Numbers are those of our own tables, but where the text has others.
 */

const CMD = 'VIRTIO_ADMIN_CMD_';
const STATUS = 'VIRTIO_ADMIN_STATUS_';
const DATA_BYTES = [1, 2, 4];

const legacy = (structure: string, writes: boolean): Pick<DraftCommand, 'groups' | 'in' | 'out'> =>
  writes
    ? { groups: [{ name: 'SR-IOV' }], in: { structure, data: DATA_BYTES }, out: {} }
    : { groups: [{ name: 'SR-IOV' }], in: { structure }, out: { data: DATA_BYTES } };

const both = [{ name: 'self' }, { name: 'SR-IOV' }];
const lists = [
  { name: 'self', member: 0 },
  { name: 'SR-IOV', member: 0 },
];

/** Name, number in the prose, what else the prose says. */
const rows: readonly (readonly [name: string, opcode: number, more: Partial<DraftCommand>])[] = [
  ['LIST_QUERY', adminOpcode.listQuery, { groups: lists }],
  ['LIST_USE', adminOpcode.listUse, { groups: lists }],
  ['LEGACY_COMMON_CFG_WRITE', adminOpcode.legacyCommonConfigWrite, legacy('legacy write', true)],
  ['LEGACY_COMMON_CFG_READ', adminOpcode.legacyCommonConfigRead, legacy('legacy read', false)],
  ['LEGACY_DEV_CFG_WRITE', adminOpcode.legacyDeviceConfigWrite, legacy('legacy write', true)],
  ['LEGACY_DEV_CFG_READ', adminOpcode.legacyDeviceConfigRead, legacy('legacy read', false)],
  [
    'LEGACY_NOTIFY_INFO',
    adminOpcode.legacyNotifyInfo,
    { groups: [{ name: 'SR-IOV' }], out: { structure: 'notify info' } },
  ],
  ['CAP_ID_LIST_QUERY', adminOpcode.capabilityIdListQuery, { groups: both }],
  ['DEVICE_CAP_GET', adminOpcode.deviceCapabilityGet, { groups: both, in: { structure: 'capability head' } }],
  ['DRIVER_CAP_SET', adminOpcode.driverCapabilitySet, { groups: both, in: { structure: 'capability head' } }],
  ['RESOURCE_OBJ_CREATE', adminOpcode.resourceCreate, { groups: both, in: { structure: 'object head' } }],
  ['RESOURCE_OBJ_MODIFY', adminOpcode.resourceModify, { groups: both, in: { structure: 'object head' } }],
  ['RESOURCE_OBJ_QUERY', adminOpcode.resourceQuery, { groups: both, in: { structure: 'object head' } }],
  ['RESOURCE_OBJ_DESTROY', adminOpcode.resourceDestroy, { groups: both, in: { structure: 'object head' } }],
  [
    'DEV_PARTS_METADATA_GET',
    adminOpcode.devicePartsMetadataGet,
    { groups: [{ name: 'SR-IOV' }], in: { structure: 'parts selection' } },
  ],
  [
    'DEV_PARTS_GET',
    adminOpcode.devicePartsGet,
    { groups: [{ name: 'SR-IOV' }], in: { structure: 'parts selection' } },
  ],
  [
    'DEV_PARTS_SET',
    adminOpcode.devicePartsSet,
    { groups: [{ name: 'SR-IOV' }], in: { structure: 'object head' } },
  ],
  ['DEV_MODE_SET', adminOpcode.deviceModeSet, { groups: [{ name: 'SR-IOV' }], in: { structure: 'mode' } }],
];

/** The table of opcodes exchanges two numbers. */
const listed: Readonly<Record<string, number>> = {
  RESOURCE_OBJ_MODIFY: adminOpcode.resourceQuery,
  RESOURCE_OBJ_QUERY: adminOpcode.resourceModify,
};

const opcodes: DraftSpace = {
  name: 'opcode',
  width: 2,
  values: rows.map(([name, opcode]) => ({ name: CMD + name, value: listed[name] ?? opcode })),
  ranges: [
    { from: 0x13, to: 0x7fff, means: 'commands of the same structure' },
    { from: 0x8000, to: 0xffff, means: 'reserved, perhaps for another structure', reserved: true },
  ],
  at: 'the table of opcodes',
};

/** Names of statuses in the text, which are Linux's names of errors. EEXIST is in no table. */
const statusNames = {
  OK: adminStatus.ok,
  ENXIO: adminStatus.noSuchDevice,
  EAGAIN: adminStatus.tryAgain,
  ENOMEM: adminStatus.noMemory,
  EBUSY: adminStatus.busy,
  EINVAL: adminStatus.invalid,
  ENOSPC: adminStatus.noSpace,
};
const qualifierNames = {
  OK: adminQualifier.ok,
  INVALID_COMMAND: adminQualifier.invalidCommand,
  INVALID_OPCODE: adminQualifier.invalidOpcode,
  INVALID_FIELD: adminQualifier.invalidField,
  INVALID_GROUP: adminQualifier.invalidGroup,
  INVALID_MEMBER: adminQualifier.invalidMember,
  NORESOURCE: adminQualifier.noResource,
  TRYAGAIN: adminQualifier.tryAgain,
};
const partNames = {
  DEV_FEATURES: adminPart.deviceFeatures,
  DRV_FEATURES: adminPart.driverFeatures,
  PCI_COMMON_CFG: adminPart.commonConfig,
  DEVICE_STATUS: adminPart.deviceStatus,
  VQ_CFG: adminPart.queueConfig,
  VQ_NOTIFY_CFG: adminPart.queueNotification,
};
const named = (prefix: string, names: Readonly<Record<string, number>>) =>
  Object.entries(names).map(([name, value]) => ({ name: prefix + name, value }));

const spaces: readonly DraftSpace[] = [
  opcodes,
  {
    name: 'status',
    width: 2,
    values: named(STATUS, statusNames),
    ranges: [{ from: 0, to: 0xffff, means: 'every other is an error of the command' }],
    at: 'the table of statuses',
  },
  {
    name: 'status qualifier',
    width: 2,
    values: named(`${STATUS}Q_`, qualifierNames),
    ranges: [{ from: 8, to: 0xffff, means: 'reserved', reserved: true }],
    at: 'the table of qualifiers',
  },
  {
    name: 'part type',
    width: 2,
    values: named('VIRTIO_DEV_PART_', partNames),
    ranges: [
      { from: 0, to: 0x1ff, means: 'common parts' },
      { from: 0x200, to: 0x5ff, means: "parts of a device's type" },
      { from: 0x600, to: 0xffff, means: 'reserved', reserved: true },
      { from: 0x106, to: 0x2ff, means: 'reserved for common parts', reserved: true },
    ],
    at: 'device parts',
  },
  {
    name: 'capability id',
    width: 2,
    values: [{ name: 'VIRTIO_DEV_PARTS_CAP', value: adminCapability.deviceParts }],
    ranges: [
      { from: 0, to: 0x7ff, means: 'for all device types' },
      { from: 0x800, to: 0xfff, means: 'for one device type' },
      { from: 0x1000, to: 0xffff, means: 'reserved', reserved: true },
    ],
  },
  {
    name: 'object type',
    width: 2,
    values: [{ name: 'VIRTIO_RESOURCE_OBJ_DEV_PARTS', value: adminResource.deviceParts }],
    ranges: [
      { from: 0, to: 0x1ff, means: 'for all device types' },
      { from: 0x200, to: 0x4ff, means: 'for one device type' },
      { from: 0x500, to: 0xffff, means: 'reserved', reserved: true },
      { from: 1, to: 0x1ff, means: 'reserved', reserved: true },
    ],
  },
];

const LAST_NOTIFY_ENTRY = 'the last of the entries of LEGACY_NOTIFY_INFO';

export const administrationDocument: DraftDocument = {
  draft: 1,
  name: 'administration',
  title: 'Group administration commands of virtio 1.4, as its text has them',
  structures: [
    { name: 'command', fields: fieldsOf(adminCommand) },
    { name: 'answer', fields: fieldsOf(adminAnswer) },
    {
      name: 'legacy write',
      fields: [
        { name: 'offset', width: 1 },
        { name: 'reserved', width: 1, count: 7, reserved: true },
      ],
    },
    { name: 'legacy read', fields: [{ name: 'offset', width: 1 }] },
    { name: 'notify entry', fields: fieldsOf(adminNotifyEntry) },
    {
      name: 'notify info',
      fields: [{ name: 'entries', structure: 'notify entry', count: ADMIN_NOTIFY_ENTRIES }],
    },
    { name: 'capability head', fields: fieldsOf(adminCapabilityHead) },
    { name: 'object head', fields: fieldsOf(adminResourceHead) },
    {
      name: 'parts selection',
      fields: [{ name: 'head', structure: 'object head' }, ...fieldsOf(adminPartsSelection)],
    },
    { name: 'part head', fields: fieldsOf(adminPartHead) },
    { name: 'mode', fields: fieldsOf(adminMode) },
  ],
  spaces,
  commands: {
    opcodes: 'opcode',
    statuses: 'status',
    head: 'command',
    answer: 'answer',
    multipleOf: 8,
    groups: [
      { name: 'self', from: 0, to: 0 },
      { name: 'SR-IOV', from: 1, at: 'between 1 and NumVFs' },
    ],
    list: rows.map(([name, opcode, more]) => ({ name: CMD + name, opcode, ...more })),
  },
  lengths: [
    {
      name: 'the bitmap of opcodes',
      variable: 'max_cmd',
      bytes: 'DIV_ROUND_UP(max_cmd, 64) * 8',
      bits: 'max_cmd + 1',
      from: adminOpcode.listUse,
      to: 0x7fff,
      at: 'LIST_QUERY and LIST_USE',
    },
    {
      name: 'the bitmap of capability ids',
      variable: 'max_cap_id',
      bytes: 'DIV_ROUND_UP(max_cap_id, 64) * 8',
      bits: 'max_cap_id + 1',
      to: 0xfff,
      at: 'CAP_ID_LIST_QUERY',
    },
  ],
  statements: [
    {
      says: 'a set of commands that the device does not support ends LIST_USE',
      binds: 'device',
      uses: [`${STATUS}INVALID_FIELD`],
      at: 'LIST_USE',
    },
    {
      says: 'creating an object that exists fails',
      binds: 'device',
      section: 'device',
      uses: [`${STATUS}EEXIST`, `${CMD}RESOURCE_OBJ_CREATE`],
      at: 'device resource objects',
    },
    {
      says: 'commands about an object that does not exist fail',
      binds: 'device',
      section: 'device',
      uses: [
        `${CMD}RESOURCE_OBJ_MODIFY`,
        `${CMD}RESOURCE_QUERY`,
        `${CMD}RESOURCE_OBJ_DESTROY`,
        `${STATUS}ENXIO`,
      ],
      at: 'device resource objects',
    },
    {
      says: 'commands about capabilities fail for an id or a group that they are not for',
      binds: 'device',
      section: 'device',
      uses: [`${CMD}DRIVER_CAP_GET`, `${CMD}DRIVER_CAP_SET`, `${STATUS}EINVAL`],
      at: 'device and driver capabilities',
    },
    {
      says: 'both parts of a command are longer than nothing',
      binds: 'device',
      section: 'driver',
      at: 'administration virtqueues',
    },
    {
      says: 'up to four entries may be supplied, and an end of the list is passed over where there is one',
      binds: 'device',
      about: LAST_NOTIFY_ENTRY,
      demands: 'free to be an address',
      at: 'the description of LEGACY_NOTIFY_INFO',
    },
    {
      says: 'the last entry has flags 0',
      binds: 'device',
      section: 'device',
      about: LAST_NOTIFY_ENTRY,
      demands: 'the end of the list',
      at: 'the requirements of the legacy interface',
    },
  ],
};
