import type { Bus, FunctionAddress } from '../core/index.ts';
import { AdminDriver, bringUpOwner } from './devices/admin.ts';
import { FunctionGoneError } from './errors.ts';
import type { DmaMemory } from './memory.ts';
import { type FoundFunction, findFunction } from './pci.ts';
import { ModernTransport } from './transport/modern.ts';
import { type EnabledVirtualFunctions, enableVirtualFunctions } from './virtual-functions.ts';
import type { WaitOptions } from './waits.ts';

/** A virtio device in the hands of a driver that wants nothing of it but its virtual functions. */
export interface DrivenOwner {
  readonly found: FoundFunction;
  readonly functions: EnabledVirtualFunctions;
  /** With the commands in use that there are about its virtual functions; null for an owner without administration queues. */
  readonly admin: AdminDriver | null;
}

/**
 * Brings a modern device up whose BARs have addresses, and enables so many of its virtual functions.
 * @param memory for its administration queues.
 * @throws FunctionGoneError; as {@link bringUpOwner}, {@link enableVirtualFunctions} and {@link AdminDriver.use}
 */
export function driveOwner(
  bus: Bus,
  place: FunctionAddress,
  count: number,
  memory: DmaMemory,
  options: WaitOptions = {},
): DrivenOwner {
  const found = findFunction(bus, place);
  if (found === null) throw new FunctionGoneError('owner of virtual functions');
  const transport = new ModernTransport(bus, found, options);
  const driver = bringUpOwner(transport, memory);
  const functions = enableVirtualFunctions(bus, place, count, options);
  if (transport.adminQueues().length === 0) return { found, functions, admin: null };
  const admin = new AdminDriver(driver);
  admin.use('singleRootIov');
  return { found, functions, admin };
}
