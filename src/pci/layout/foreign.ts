import { registers, ro } from '../../core/index.ts';
import { capabilityHeader, extendedHeader } from './capabilities.ts';

/*
 * What other makers' functions have and none of ours: for reading their configuration space.
 */

/** Message signalled interrupts (PCI Local Bus 3.0, section 6.8.1), as far as every kind of it goes. */
export const msiCapability = registers({ ...capabilityHeader, messageControl: ro(2, 2) });

/** Bits of message control of MSI; the number of vectors is a power of two. */
export const msiControl = { enable: 0x0001, vectorsShift: 1, vectorsMask: 0x7 } as const;

/** Ids of a bridge's subsystem (PCI-to-PCI Bridge 1.2, section 3.2.5.13). */
export const bridgeSubsystem = registers({
  ...capabilityHeader,
  subsystemVendorId: ro(4, 2),
  subsystemId: ro(6, 2),
});

/** Single Root I/O Virtualization (PCI Express 5.0, section 9.3.3). BARs are those of every virtual function. */
export const sriovCapability = registers({
  ...extendedHeader,
  capabilities: ro(0x04, 4),
  control: ro(0x08, 2),
  status: ro(0x0a, 2),
  initialVfs: ro(0x0c, 2),
  totalVfs: ro(0x0e, 2),
  numVfs: ro(0x10, 2),
  functionDependencyLink: ro(0x12, 1),
  firstVfOffset: ro(0x14, 2),
  vfStride: ro(0x16, 2),
  vfDeviceId: ro(0x1a, 2),
  supportedPageSizes: ro(0x1c, 4),
  systemPageSize: ro(0x20, 4),
  bar: ro(0x24, 4, '', { count: 6 }),
  migrationStateArray: ro(0x3c, 4),
});
