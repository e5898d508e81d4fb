import { registers, ro, rw } from '../../core/index.ts';

/** Capability ids (PCI Code and ID Assignment). */
export const capabilityId = {
  powerManagement: 0x01,
  agp: 0x02,
  vitalProductData: 0x03,
  slotIdentification: 0x04,
  msi: 0x05,
  pcix: 0x07,
  vendorSpecific: 0x09,
  hotPlug: 0x0c,
  bridgeSubsystem: 0x0d,
  express: 0x10,
  msix: 0x11,
  sata: 0x12,
  advancedFeatures: 0x13,
  enhancedAllocation: 0x14,
} as const;

/** What every capability begins with. */
export const capabilityHeader = registers({
  capabilityId: ro(0, 1),
  nextPointer: ro(1, 1),
});

/** PCI Power Management 1.2, section 3.2. Only D0 and D3hot. */
export const powerManagement = registers({
  ...capabilityHeader,
  capabilities: ro(2, 2, '', { reset: 0x0003 }),
  controlStatus: rw(4, 2, '', { writable: 0x0003, reset: 0x0008 }),
  bridgeExtensions: ro(6, 1),
  data: ro(7, 1),
});

/** Bits of its control and status register: power states, and No_Soft_Reset, which says that D3hot to D0 keeps the function's state. */
export const powerState = { mask: 0x3, d0: 0, d3hot: 3, noSoftReset: 0x8 } as const;

/**
 * PCI Express capability, version 2 (PCI Express 5.0, section 7.5.3): no slot, no root registers and no link: those of
 * a function that has them are wired in. Device control begins with relaxed ordering and no snoop allowed and reads of 512 bytes, and payloads
 * have 128 bytes for ever; a function that masters the bus can switch its completion timeout off.
 */
export const express = registers({
  ...capabilityHeader,
  capabilities: ro(0x02, 2, '', { reset: 0x0092 }),
  deviceCapabilities: ro(0x04, 4, '', { reset: 0x10008000 }),
  deviceControl: rw(0x08, 2, '', { writable: 0x781f, reset: 0x2810 }),
  deviceStatus: ro(0x0a, 2, '', { writeOneToClear: 0x000f }),
  linkCapabilities: ro(0x0c, 4),
  linkControl: ro(0x10, 2),
  linkStatus: ro(0x12, 2),
  slotCapabilities: ro(0x14, 4),
  slotControl: ro(0x18, 2),
  slotStatus: ro(0x1a, 2),
  rootControl: ro(0x1c, 2),
  rootCapabilities: ro(0x1e, 2),
  rootStatus: ro(0x20, 4),
  deviceCapabilities2: ro(0x24, 4, '', { reset: 0x00000010 }),
  deviceControl2: rw(0x28, 2, '', { writable: 0x0010 }),
  deviceStatus2: ro(0x2a, 2),
  linkCapabilities2: ro(0x2c, 4),
  linkControl2: ro(0x30, 2),
  linkStatus2: ro(0x32, 2),
  slotCapabilities2: ro(0x34, 4),
  slotControl2: ro(0x38, 2),
  slotStatus2: ro(0x3a, 2),
});

/** Device/port type in the Express capabilities register; the table has that of a root complex integrated endpoint, 9. */
export const expressCapabilities = { typeMask: 0x00f0, slotImplemented: 0x0100 } as const;

/** The types of functions, and of the ports of root complexes and switches (section 7.5.3.2). */
export const portType = {
  endpoint: 0x0000,
  legacyEndpoint: 0x0010,
  rootPort: 0x0040,
  upstreamPort: 0x0050,
  downstreamPort: 0x0060,
  expressToPci: 0x0070,
  integratedEndpoint: 0x0090,
} as const;

/**
 * A link of 2.5 GT/s, one lane, no power states. Software may still write link control's ASPM, common clock and extended
 * synch bits; a port that leads to a link may also switch it off, which here it does not do, and says whether it is up.
 */
export const expressLink = {
  capabilities: 0x00400011,
  controlWritable: 0x00c3,
  status: 0x0011,
  reportsActive: 0x00100000,
  active: 0x2000,
} as const;

/**
 * Bits of a port's device capabilities 2 and device control 2: it forwards configuration accesses to device numbers other than 0 of its link, as
 * function numbers of 8 bits, alternative routing ids (section 6.13).
 */
export const alternativeForwarding = { supported: 0x0020, enable: 0x0020 } as const;

/** Device capabilities of what stands behind no reset of its own: a port has none at function level. */
export const PORT_DEVICE_CAPABILITIES = 0x00008000;

/** Slot capabilities, slot control and slot status (sections 7.5.3.9 to 7.5.3.11). No command takes time to be carried out. */
export const expressSlot = {
  hotPlugSurprise: 0x00000020,
  hotPlugCapable: 0x00000040,
  noCommandCompleted: 0x00040000,
  numberShift: 19,
  mostNumber: 0x1fff,
  presenceChangedEnable: 0x0008,
  hotPlugInterruptEnable: 0x0020,
  linkChangedEnable: 0x1000,
  presenceChanged: 0x0008,
  presence: 0x0040,
  linkChanged: 0x0100,
} as const;

/** Device capabilities bit of a function that can be reset alone. */
export const FUNCTION_RESET_CAPABLE = 0x10000000;

/** Device control bit that starts a function-level reset; it always reads 0. */
export const INITIATE_FUNCTION_RESET = 0x8000;

/** Header of an extended capability (PCI Express 5.0, section 7.6.3): id, version and next pointer in one dword. */
export const extendedHeader = registers({ header: ro(0, 4) });

/** Ids of extended capabilities (PCI Code and ID Assignment). */
export const extendedCapabilityId = {
  advancedErrorReporting: 0x0001,
  virtualChannel: 0x0002,
  deviceSerialNumber: 0x0003,
  powerBudgeting: 0x0004,
  multiFunctionVirtualChannel: 0x0008,
  virtualChannelOfFunction: 0x0009,
  vendorSpecific: 0x000b,
  accessControl: 0x000d,
  alternativeRoutingId: 0x000e,
  addressTranslation: 0x000f,
  singleRootIov: 0x0010,
  multicast: 0x0012,
  pageRequest: 0x0013,
  resizableBar: 0x0015,
  dynamicPowerAllocation: 0x0016,
  tphRequester: 0x0017,
  latencyTolerance: 0x0018,
  secondaryExpress: 0x0019,
  processAddressSpace: 0x001b,
  downstreamPortContainment: 0x001d,
  l1Substates: 0x001e,
  precisionTime: 0x001f,
  designatedVendorSpecific: 0x0023,
  dataLinkFeature: 0x0025,
  physicalLayer16: 0x0026,
  laneMargining: 0x0027,
  physicalLayer32: 0x002a,
  dataObjectExchange: 0x002e,
} as const;

/** Vendor-specific extended capability (section 7.9.5): the dword after the header says whose and how long. */
export const vendorSpecificExtended = registers({
  ...extendedHeader,
  vendorHeader: ro(4, 4),
});

/** `next` in bytes from the start of configuration space, 0 at the end of the list. */
export const packExtendedHeader = (id: number, version: number, next: number) =>
  (id | (version << 16) | (next << 20)) >>> 0;

export const unpackExtendedHeader = (header: number) => ({
  id: header & 0xffff,
  version: (header >>> 16) & 0xf,
  next: header >>> 20,
});

/** `length` in bytes, header and vendor header included. */
export const packVendorHeader = (vsecId: number, revision: number, length: number) =>
  (vsecId | (revision << 16) | (length << 20)) >>> 0;

export const unpackVendorHeader = (header: number) => ({
  vsecId: header & 0xffff,
  revision: (header >>> 16) & 0xf,
  length: header >>> 20,
});
