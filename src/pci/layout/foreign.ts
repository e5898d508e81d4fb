import { registers, ro } from '../../core/index.ts';
import { capabilityHeader } from './capabilities.ts';

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
