import { functionAddress, GuestMemory } from '../src/core/index.ts';
import { Machine } from '../src/pci/index.ts';
import { type DeviceBehaviour, virtioFunction } from '../src/virtio/index.ts';

/** Functions of one bus beside the host bridge's device. */
const PER_MACHINE = 248;
const MACHINES = 4;
const RAM_BYTES = 0x10000;

/** Bytes of heap, and of buffers outside it, that are in use. */
export function bytesInUse(): number {
  if (globalThis.gc === undefined) throw new Error('bytesInUse needs node --expose-gc');
  globalThis.gc();
  globalThis.gc();
  // Buffers are among what is external.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Bytes of one transitional function that is plugged in and that no software has touched. From the sources, as here, the
 * loader gives each function expression a name of its own, so that those that an instance makes take more room than from the
 * built package.
 */
export function idleBytes(make: () => DeviceBehaviour): number {
  const machine = () => new Machine({ ram: GuestMemory.allocate({ start: 0, length: RAM_BYTES }) });
  // Compiled code and what all functions share is no function's own.
  fill(machine(), make);
  const machines = Array.from({ length: MACHINES }, machine);
  const before = bytesInUse();
  for (const each of machines) fill(each, make);
  return (bytesInUse() - before) / (MACHINES * PER_MACHINE);
}

function fill(machine: Machine, make: () => DeviceBehaviour): void {
  for (let index = 0; index < PER_MACHINE; index++) {
    const address = functionAddress(0, 1 + (index >> 3), index & 7);
    machine.plug(virtioFunction(make(), { kind: 'transitional' }).pci, address);
  }
}
