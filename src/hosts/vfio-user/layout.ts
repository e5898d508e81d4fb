import { lengthOf, registers, rw } from '../../core/index.ts';

/*
 * The vfio-user protocol, version 0.0, as QEMU's documentation has it (docs/interop/vfio-user): messages over a socket, in the
 * byte order of the machine, each a header and a payload. Structures are those of Linux' <linux/vfio.h>.
 */

/** In the order of their numbers; each goes from the client to the server but for the two of DMA. */
export const vfioCommand = {
  version: 1,
  dmaMap: 2,
  dmaUnmap: 3,
  deviceGetInfo: 4,
  deviceGetRegionInfo: 5,
  deviceGetRegionIoFds: 6,
  deviceGetIrqInfo: 7,
  deviceSetIrqs: 8,
  regionRead: 9,
  regionWrite: 10,
  dmaRead: 11,
  dmaWrite: 12,
  deviceReset: 13,
  regionWriteMulti: 15,
  deviceFeature: 16,
  migDataRead: 17,
  migDataWrite: 18,
} as const;
export type VfioCommandName = keyof typeof vfioCommand;

const names = new Map<number, VfioCommandName>(
  Object.entries(vfioCommand).map(([name, number]) => [number, name as VfioCommandName]),
);
/** Undefined for a number that is no command's. */
export const vfioCommandName = (number: number): VfioCommandName | undefined => names.get(number);

export const VERSION_MAJOR = 0;
export const VERSION_MINOR = 0;

/** What every message begins with. `size` counts the header too. */
export const messageHeader = registers({
  id: rw(0, 2),
  command: rw(2, 2),
  size: rw(4, 4),
  flags: rw(8, 4),
  error: rw(12, 4),
});
export const HEADER_BYTES = lengthOf(messageHeader);

export const messageFlags = { typeMask: 0xf, command: 0, reply: 1, noReply: 0x10, error: 0x20 } as const;

/** Errors by the numbers that Linux has for them. */
export const errno = {
  ENOENT: 2,
  EIO: 5,
  ENODEV: 19,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  EFBIG: 27,
  ENOSPC: 28,
  ERANGE: 34,
  ENOTSUP: 95,
  EPROTO: 71,
} as const;
export type ErrnoName = keyof typeof errno;

/** JSON, with a zero byte behind it, follows. */
export const versionPayload = registers({ major: rw(0, 2), minor: rw(2, 2) });
export const VERSION_BYTES = lengthOf(versionPayload);

/** Limits that hold where a peer names none. */
export const versionDefaults = {
  maxMessageFds: 1,
  maxTransferBytes: 1 << 20,
  maxDmaMaps: 65535,
  pageSizes: 4096,
} as const;

export const dmaMapPayload = registers({
  argsz: rw(0, 4),
  flags: rw(4, 4),
  offset: rw(8, 8),
  address: rw(16, 8),
  size: rw(24, 8),
});
export const dmaFlags = { read: 1, write: 2 } as const;

export const dmaUnmapPayload = registers({
  argsz: rw(0, 4),
  flags: rw(4, 4),
  address: rw(8, 8),
  size: rw(16, 8),
});
/** A bitmap of what was written is wanted; all maps are meant. */
export const unmapFlags = { dirtyBitmap: 1, all: 2 } as const;
/** What follows where a bitmap is wanted: its page size and its length in bytes; in the answer, the bitmap. */
export const bitmapHead = registers({ pageSize: rw(0, 8), size: rw(8, 8) });

export const deviceInfoPayload = registers({
  argsz: rw(0, 4),
  flags: rw(4, 4),
  regions: rw(8, 4),
  irqs: rw(12, 4),
});
export const deviceFlags = { reset: 1, pci: 2 } as const;

/** Regions of a PCI device by their indices: BARs 0 to 5 are their own. */
export const regionIndex = { rom: 6, config: 7, vga: 8, count: 9 } as const;

export const regionInfoPayload = registers({
  argsz: rw(0, 4),
  flags: rw(4, 4),
  index: rw(8, 4),
  capOffset: rw(12, 4),
  size: rw(16, 8),
  offset: rw(24, 8),
});
export const regionFlags = { read: 1, write: 2, mmap: 4, caps: 8 } as const;

/** Kinds of interrupts of a PCI device. */
export const irqIndex = { intx: 0, msi: 1, msix: 2, err: 3, req: 4 } as const;
export type IrqName = keyof typeof irqIndex;
export const irqNames = Object.keys(irqIndex) as readonly IrqName[];

export const irqInfoPayload = registers({
  argsz: rw(0, 4),
  flags: rw(4, 4),
  index: rw(8, 4),
  count: rw(12, 4),
});
export const irqInfoFlags = { eventfd: 1, maskable: 2, automasked: 4, noResize: 8 } as const;

export const irqSetPayload = registers({
  argsz: rw(0, 4),
  flags: rw(4, 4),
  index: rw(8, 4),
  start: rw(12, 4),
  count: rw(16, 4),
});
export const irqSetFlags = {
  none: 1,
  bool: 2,
  eventfd: 4,
  mask: 8,
  unmask: 16,
  trigger: 32,
} as const;
export const IRQ_DATA_MASK = irqSetFlags.none | irqSetFlags.bool | irqSetFlags.eventfd;
export const IRQ_ACTION_MASK = irqSetFlags.mask | irqSetFlags.unmask | irqSetFlags.trigger;

/** Data follow a write, and the answer to a read. */
export const regionAccessPayload = registers({ offset: rw(0, 8), region: rw(8, 4), count: rw(12, 4) });
export const REGION_ACCESS_BYTES = lengthOf(regionAccessPayload);

/** Writes of up to 8 bytes each follow, one every {@link MULTI_WRITE_BYTES}: an access, and data. */
export const writeMultiPayload = registers({ count: rw(0, 8) });
export const MULTI_DATA_BYTES = 8;
export const MULTI_WRITE_BYTES = REGION_ACCESS_BYTES + MULTI_DATA_BYTES;

/** Data follow a write, and the answer to a read. */
export const dmaAccessPayload = registers({ address: rw(0, 8), count: rw(8, 8) });
export const DMA_ACCESS_BYTES = lengthOf(dmaAccessPayload);

/** The feature's number and what to do with it; its data follow. */
export const featurePayload = registers({ argsz: rw(0, 4), flags: rw(4, 4) });
export const FEATURE_BYTES = lengthOf(featurePayload);
export const featureFlags = { indexMask: 0xffff, get: 1 << 16, set: 1 << 17, probe: 1 << 18 } as const;
export const deviceFeature = {
  migration: 1,
  migDeviceState: 2,
  dmaLoggingStart: 6,
  dmaLoggingStop: 7,
  dmaLoggingReport: 8,
} as const;

export const migrationPayload = registers({ flags: rw(0, 8) });
export const migrationFlags = { stopCopy: 1, p2p: 2, preCopy: 4 } as const;
export const migStatePayload = registers({ state: rw(0, 4), dataFd: rw(4, 4) });
export const migState = {
  error: 0,
  stop: 1,
  running: 2,
  stopCopy: 3,
  resuming: 4,
  runningP2p: 5,
  preCopy: 6,
  preCopyP2p: 7,
} as const;
export type MigStateName = keyof typeof migState;

export const migDataPayload = registers({ argsz: rw(0, 4), size: rw(4, 4) });
export const MIG_DATA_BYTES = lengthOf(migDataPayload);

/** Ranges follow. */
export const loggingStartPayload = registers({ pageSize: rw(0, 8), ranges: rw(8, 4), reserved: rw(12, 4) });
export const loggingRange = registers({ address: rw(0, 8), length: rw(8, 8) });
/** The bitmap follows in the answer. */
export const loggingReportPayload = registers({ address: rw(0, 8), length: rw(8, 8), pageSize: rw(16, 8) });
