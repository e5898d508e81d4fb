import * as mmr from '../../mmr/layout/index.ts';
import * as pci from '../../pci/layout/index.ts';
import * as virtio from '../../virtio/layout/index.ts';
import { type LayoutTable, without } from './layout-table.ts';
import { deviceTables } from './tables-devices.ts';
import { transportTables } from './tables-transport.ts';

const all = (reason: string, tables: Readonly<Record<string, LayoutTable['fields']>>): LayoutTable[] =>
  Object.entries(tables).map(([name, fields]) => without(name, fields, reason));

/** Every layout table of this package: those of structures in the specification's text, and those of none. */
export const layoutTables: readonly LayoutTable[] = [
  ...transportTables,
  ...deviceTables,
  ...all('rows of a table in the text, not a structure', {
    legacyHeader: virtio.legacyHeader,
    legacyVectors: virtio.legacyVectors,
    legacyHeaderWithVectors: virtio.legacyHeaderWithVectors,
  }),
  without(
    'consoleResizeRowsFirst',
    virtio.consoleResizeRowsFirst,
    'what older Linux drivers read; the text has consoleResize',
  ),
  without('scsiAddress', virtio.scsiAddress, 'the text has eight bytes, and describes them'),
  without('p9Config', virtio.p9Config, 'this version of the text has no 9P device'),
  ...all('a draft, not in the text', {
    vendorHeaderEncoding: mmr.vendorHeaderEncoding,
    bareEncoding: mmr.bareEncoding,
  }),
  ...all("a parent of mediated devices', which no text describes", {
    messageSlot: mmr.messageSlot,
    parentHeader: mmr.parentHeader,
    parentQueue: mmr.parentQueue,
    workQueue: mmr.workQueue,
    workDescriptor: mmr.workDescriptor,
    completionRecord: mmr.completionRecord,
  }),
  ...all("the PCI specification's", {
    type0Header: pci.type0Header,
    type1Header: pci.type1Header,
    virtualHeader: pci.virtualHeader,
    capabilityHeader: pci.capabilityHeader,
    powerManagement: pci.powerManagement,
    express: pci.express,
    extendedHeader: pci.extendedHeader,
    vendorSpecificExtended: pci.vendorSpecificExtended,
    bridgeSubsystem: pci.bridgeSubsystem,
    msiCapability: pci.msiCapability,
    msixCapability: pci.msixCapability,
    msixEntry: pci.msixEntry,
    sriovCapability: pci.sriovCapability,
    alternativeRoutingCapability: pci.alternativeRoutingCapability,
  }),
  ...all("the SCSI standards'", {
    ...Object.fromEntries(
      Object.entries(virtio.scsiCdb).map(([name, fields]) => [`scsiCdb.${name}`, fields]),
    ),
    fixedSense: virtio.fixedSense,
    inquiryData: virtio.inquiryData,
    vpdHeader: virtio.vpdHeader,
    vpdDesignator: virtio.vpdDesignator,
    blockLimitsPage: virtio.blockLimitsPage,
    blockCharacteristicsPage: virtio.blockCharacteristicsPage,
    provisioningPage: virtio.provisioningPage,
    capacity10Data: virtio.capacity10Data,
    capacity16Data: virtio.capacity16Data,
    lunList: virtio.lunList,
    modeHeader6: virtio.modeHeader6,
    modeHeader10: virtio.modeHeader10,
    modeBlockDescriptor: virtio.modeBlockDescriptor,
    modePageHeader: virtio.modePageHeader,
    cachingPage: virtio.cachingPage,
    controlPage: virtio.controlPage,
    unmapHeader: virtio.unmapHeader,
    unmapDescriptor: virtio.unmapDescriptor,
    commandList: virtio.commandList,
    commandDescriptor: virtio.commandDescriptor,
    oneCommandData: virtio.oneCommandData,
  }),
];
