import { registers, ro, rw } from '../../core/index.ts';

/** What every kind of header begins with. */
const headerStart = {
  vendorId: ro(0x00, 2, 'PCI-ID-02'),
  deviceId: ro(0x02, 2, 'PCI-ID-03'),
  command: rw(0x04, 2, 'PCI-BUS-01', { writable: 0x0547 }),
  status: ro(0x06, 2, 'PCI-ISR-04', { writeOneToClear: 0xf900 }),
  revisionId: ro(0x08, 1, 'LEG-ID-01 PCI-ID-06'),
  programmingInterface: ro(0x09, 1),
  subClass: ro(0x0a, 1),
  baseClass: ro(0x0b, 1),
  cacheLineSize: rw(0x0c, 1),
  latencyTimer: rw(0x0d, 1),
  headerType: ro(0x0e, 1),
  builtInSelfTest: ro(0x0f, 1),
};

/** What the headers of functions and of bridges have at the same places further on. */
const headerEnd = {
  capabilitiesPointer: ro(0x34, 1),
  interruptLine: rw(0x3c, 1),
  interruptPin: ro(0x3d, 1),
};

/** Type 0 configuration header (PCI Local Bus 3.0, section 6.1). */
export const type0Header = registers({
  ...headerStart,
  bar: ro(0x10, 4, '', { count: 6 }),
  cardbusCisPointer: ro(0x28, 4),
  subsystemVendorId: ro(0x2c, 2, 'PCI-ID-04'),
  subsystemId: ro(0x2e, 2, 'LEG-ID-02 PCI-ID-07'),
  expansionRom: ro(0x30, 4),
  ...headerEnd,
  minimumGrant: ro(0x3e, 1),
  maximumLatency: ro(0x3f, 1),
});

/**
 * Header of a virtual function (PCI Express 5.0, section 9.3.4.1): of the command register there is bus mastering only, and of
 * interrupt pin and line, BARs and what conventional PCI times nothing. What counts of ids stands in its physical function.
 */
export const virtualHeader = registers({
  ...type0Header,
  command: rw(0x04, 2, 'PCI-BUS-01', { writable: 0x0004 }),
  cacheLineSize: ro(0x0c, 1),
  latencyTimer: ro(0x0d, 1),
  interruptLine: ro(0x3c, 1),
});

/** Type 1 configuration header, that of a bridge (PCI-to-PCI Bridge 1.2, section 3.2). */
export const type1Header = registers({
  ...headerStart,
  bar: ro(0x10, 4, '', { count: 2 }),
  primaryBusNumber: rw(0x18, 1),
  secondaryBusNumber: rw(0x19, 1),
  subordinateBusNumber: rw(0x1a, 1),
  secondaryLatencyTimer: rw(0x1b, 1),
  ioBase: rw(0x1c, 1, '', { writable: 0xf0 }),
  ioLimit: rw(0x1d, 1, '', { writable: 0xf0 }),
  secondaryStatus: ro(0x1e, 2, '', { writeOneToClear: 0xf900 }),
  memoryBase: rw(0x20, 2, '', { writable: 0xfff0 }),
  memoryLimit: rw(0x22, 2, '', { writable: 0xfff0 }),
  prefetchableMemoryBase: rw(0x24, 2, '', { writable: 0xfff0 }),
  prefetchableMemoryLimit: rw(0x26, 2, '', { writable: 0xfff0 }),
  prefetchableBaseUpper32: rw(0x28, 4),
  prefetchableLimitUpper32: rw(0x2c, 4),
  ioBaseUpper16: rw(0x30, 2),
  ioLimitUpper16: rw(0x32, 2),
  ...headerEnd,
  expansionRom: ro(0x38, 4),
  bridgeControl: rw(0x3e, 2, '', { writable: 0x0047 }),
});

/** Low bits of the header type register: a function's own header, a PCI-to-PCI bridge's, a CardBus bridge's. */
export const headerType = { mask: 0x7f, function: 0, bridge: 1, cardBus: 2 } as const;

/** Bits of the command register. */
export const command = { io: 0x0001, memory: 0x0002, busMaster: 0x0004, interruptDisable: 0x0400 } as const;

/** Bits of the status register. */
export const status = { interrupt: 0x0008, capabilities: 0x0010 } as const;

/** Header type bit: the device has, or may have, functions other than this one (PCI Local Bus 3.0, section 6.2.1). */
export const MULTI_FUNCTION = 0x80;

/** Kinds of base address registers, and their numbers. */
export type BarKind = 'io' | 'memory32' | 'memory64';
export type BarIndex = 0 | 1 | 2 | 3 | 4 | 5;

/** Low bits of a base address register, and the bits of it that are address. */
export const barBits = {
  io: 0x1,
  memory64: 0x4,
  prefetchable: 0x8,
  typeMask: 0x6,
  ioAddressMask: 0xfffffffc,
  memoryAddressMask: 0xfffffff0,
} as const;

/** First byte where capabilities may stand, and sizes of the two kinds of configuration space, in bytes. */
export const CAPABILITIES_START = 0x40;
export const EXTENDED_START = 0x100;
export const CONVENTIONAL_BYTES = 0x100;
export const EXTENDED_BYTES = 0x1000;

/** Configuration mechanism #1 (PCI Local Bus 3.0, section 3.2.2.3.2). */
export const configPorts = { address: 0xcf8, data: 0xcfc, enable: 0x80000000, mask: 0x80fffffc } as const;

/** The reset control register of a PC's chipset: a byte between the configuration ports. A rising `reset` resets the machine. */
export const resetControl = { port: 0xcf9, reset: 0x04, mask: 0x0e } as const;

/** Largest I/O BAR, in bytes (PCI Local Bus 3.0, section 6.2.5.1). */
export const MAX_IO_BYTES = 256;
