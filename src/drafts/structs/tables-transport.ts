import {
  adminAnswer,
  adminCapabilityHead,
  adminCommand,
  adminFeaturesPart,
  adminLegacyAccess,
  adminMode,
  adminNotifyEntry,
  adminPartHead,
  adminPartsCapability,
  adminPartsObject,
  adminPartsSelection,
  adminQueueNotifyPart,
  adminQueuePart,
  adminResourceCreate,
  adminResourceHead,
  availableRing,
  commonConfig,
  descriptor,
  notification,
  notifyCapability,
  packedDescriptor,
  packedEvent,
  pciConfigCapability,
  sharedMemoryCapability,
  structureCapability,
  usedElement,
  usedRing,
  vendorDataCapability,
} from '../../virtio/layout/index.ts';
import { type LayoutTable, table, without } from './layout-table.ts';

const capabilityNames = {
  capabilityId: 'cap_vndr',
  nextPointer: 'cap_next',
  capabilityLength: 'cap_len',
  structureType: 'cfg_type',
};
/** The same where the capability stands in another one's structure. */
const innerNames = Object.fromEntries(
  Object.entries(capabilityNames).map(([ours, theirs]) => [ours, `cap.${theirs}`]),
);
const ringNames = { index: 'idx' };
/** What is said of fields that a table leaves out, or has besides. */
export const FOLLOWS = 'what follows is of a length of its own';
export const ANSWER = 'what the device writes is a table of its own';
const HEAD = 'adminResourceHead is the table of it';
const PADDING = 'both parts of a command are multiples of 8 bytes (AVQ-06, AVQ-13)';

const capabilities: readonly LayoutTable[] = [
  table('structureCapability', structureCapability, { structure: 'virtio_pci_cap', names: capabilityNames }),
  table('notifyCapability', notifyCapability, {
    structure: 'virtio_pci_notify_cap',
    names: { ...innerNames, notifyOffMultiplier: 'notify_off_multiplier' },
  }),
  table('sharedMemoryCapability', sharedMemoryCapability, {
    structure: 'virtio_pci_cap64',
    names: { ...innerNames, offsetHigh: 'offset_hi', lengthHigh: 'length_hi' },
  }),
  table('vendorDataCapability', vendorDataCapability, {
    structure: 'virtio_pci_vndr_data',
    names: capabilityNames,
    differs: { vendorId: 'u16 in the text; configuration space is little-endian (PCI)' },
  }),
  table('pciConfigCapability', pciConfigCapability, {
    structure: 'virtio_pci_cfg_cap',
    names: { ...innerNames, data: 'pci_cfg_data' },
    differs: {
      data: 'four bytes in the text; one register, of which 1, 2 or 4 bytes are accessed (PCI-CFGW-03)',
    },
  }),
  table('commonConfig', commonConfig, 'virtio_pci_common_cfg'),
];

const rings: readonly LayoutTable[] = [
  table('descriptor', descriptor, 'virtq_desc'),
  table('availableRing', availableRing, { structure: 'virtq_avail', names: ringNames }),
  table('usedRing', usedRing, {
    structure: 'virtq_used',
    names: ringNames,
    differs: { ring: 'elements are a table of their own, usedElement' },
  }),
  table('usedElement', usedElement, 'virtq_used_elem'),
  table('packedDescriptor', packedDescriptor, 'pvirtq_desc'),
  table('packedEvent', packedEvent, { structure: 'pvirtq_event_suppress', names: { position: 'desc' } }),
  without(
    'notification',
    notification,
    'bits in the text, of no structure; PCI-KICK-03 and PCI-KICK-04 have them',
  ),
];

const administration: readonly LayoutTable[] = [
  table('adminCommand', adminCommand, {
    structure: 'virtio_admin_cmd',
    names: { reserved: 'reserved1', memberId: 'group_member_id' },
    omits: { command_specific_data: FOLLOWS },
  }),
  table('adminAnswer', adminAnswer, {
    structure: 'virtio_admin_cmd',
    after: 'command_specific_data',
    names: { reserved: 'reserved2', qualifier: 'status_qualifier' },
    omits: { command_specific_result: FOLLOWS },
  }),
  table(
    'adminLegacyAccess',
    adminLegacyAccess,
    { structure: 'virtio_admin_cmd_legacy_common_cfg_wr_data', omits: { data: FOLLOWS } },
    { structure: 'virtio_admin_cmd_legacy_dev_reg_wr_data', omits: { data: FOLLOWS } },
    { structure: 'virtio_admin_cmd_legacy_common_cfg_rd_data', differs: { reserved: PADDING } },
    { structure: 'virtio_admin_cmd_legacy_dev_cfg_rd_data', differs: { reserved: PADDING } },
  ),
  table('adminNotifyEntry', adminNotifyEntry, 'virtio_pci_legacy_notify_info'),
  table('adminCapabilityHead', adminCapabilityHead, 'virtio_admin_cmd_cap_get_data', {
    structure: 'virtio_admin_cmd_cap_set_data',
    omits: { cap_specific_data: FOLLOWS },
  }),
  table('adminPartsCapability', adminPartsCapability, {
    structure: 'virtio_dev_parts_cap',
    names: { getLimit: 'get_parts_resource_objects_limit', setLimit: 'set_parts_resource_objects_limit' },
    differs: { reserved: PADDING },
  }),
  table('adminResourceHead', adminResourceHead, {
    structure: 'virtio_admin_cmd_resource_obj_cmd_hdr',
    differs: { reserved: 'two bytes in the text; one number of 16 bits, which is 0' },
  }),
  table(
    'adminResourceCreate',
    adminResourceCreate,
    {
      structure: 'virtio_admin_cmd_resource_obj_create_data',
      omits: { hdr: HEAD, resource_obj_specific_data: FOLLOWS },
    },
    {
      structure: 'virtio_admin_cmd_resource_modify_data',
      omits: { hdr: HEAD, resource_obj_specific_data: FOLLOWS },
    },
    { structure: 'virtio_admin_cmd_resource_obj_query_data', omits: { hdr: HEAD } },
  ),
  table('adminPartsObject', adminPartsObject, {
    structure: 'virtio_resource_obj_dev_parts',
    names: { kind: 'type' },
  }),
  table(
    'adminPartsSelection',
    adminPartsSelection,
    {
      structure: 'virtio_admin_cmd_dev_parts_metadata_data',
      names: { kind: 'type', reserved: 'reserved' },
      omits: { hdr: HEAD },
    },
    {
      structure: 'virtio_admin_cmd_dev_parts_get_data',
      names: { kind: 'type', reserved: 'reserved' },
      omits: { hdr: HEAD, hdr_list: FOLLOWS },
    },
  ),
  table('adminPartHead', adminPartHead, { structure: 'virtio_dev_part_hdr', names: { type: 'part_type' } }),
  table('adminFeaturesPart', adminFeaturesPart, {
    structure: 'virtio_dev_part_features',
    names: { words: 'feature_bits' },
    differs: {
      words: 'as many numbers of 64 bits as there are; ours are halves, and all that there are now',
    },
  }),
  table('adminQueuePart', adminQueuePart, {
    structure: 'virtio_dev_part_vq_cfg',
    names: { size: 'queue_size', descriptor: 'queue_desc', driver: 'queue_driver', device: 'queue_device' },
  }),
  table('adminQueueNotifyPart', adminQueueNotifyPart, {
    structure: 'virtio_dev_part_vq_notify_data',
    names: { offset: 'queue_notify_off', configData: 'queue_notif_config_data' },
  }),
  table('adminMode', adminMode, {
    structure: 'virtio_admin_cmd_dev_mode_set_data',
    differs: { reserved: PADDING },
  }),
];

/** Tables of the transport: capabilities, rings, administration. */
export const transportTables: readonly LayoutTable[] = [...capabilities, ...rings, ...administration];
