import { functionAddress } from '../core/index.ts';
import {
  type FoundFunction,
  findFunction,
  LegacyTransport,
  ModernTransport,
  runFirmware,
  type Transport,
} from '../driver/index.ts';
import { draft2023, memoryAccess, mmrFunction, twoMachines } from '../mmr/index.ts';
import { Machine } from '../pci/index.ts';
import { type DeviceBehaviour, type VirtioFunction, virtioFunction } from '../virtio/index.ts';

/** Ways for a driver to reach the device. */
export const windowNames = ['io-bar', 'mmr', 'native-mmr', 'modern'] as const;
export type WindowName = (typeof windowNames)[number];

/** A machine, and the function on it that the demonstration is about. */
export interface Stage {
  readonly name: 'guest' | 'host';
  readonly machine: Machine;
  readonly function: FoundFunction;
}

/** Machines that are set up, firmware run; the driver has not touched its device yet. */
export interface DemoSetup {
  /** The driver's machine first; behind it, where there is one, the machine that the translator runs on. */
  readonly stages: readonly [Stage, ...Stage[]];
  /** The driver takes its function. */
  connect(): Transport;
}

const PLACE = functionAddress(0, 4);

/** A guest that is shown the host's function as an ordinary legacy one, and drives it through ports. */
function translated(fn: VirtioFunction, intx: boolean): DemoSetup {
  const machines = twoMachines(fn);
  return {
    stages: [
      { name: 'guest', machine: machines.guest, function: machines.inGuest() },
      { name: 'host', machine: machines.host, function: machines.inHost() },
    ],
    connect: () => machines.transport(0, { intx }),
  };
}

/** A driver in the host, at the function itself. */
function direct({ pci }: VirtioFunction, transport: (stage: Stage) => Transport): DemoSetup {
  const machine = new Machine();
  machine.plug(pci, PLACE);
  runFirmware(machine);
  const host: Stage = { name: 'host', machine, function: findFunction(machine, PLACE)! };
  return { stages: [host], connect: () => transport(host) };
}

/** Sets a device up behind a window. @param intx no MSI-X for the driver. */
export function setUp(window: WindowName, behaviour: DeviceBehaviour, intx: boolean): DemoSetup {
  switch (window) {
    case 'io-bar':
      return translated(virtioFunction(behaviour, { kind: 'transitional' }), intx);
    case 'mmr':
      return translated(mmrFunction(behaviour), intx);
    case 'native-mmr':
      return direct(
        mmrFunction(behaviour),
        ({ machine, function: fn }) =>
          new LegacyTransport(machine, fn, memoryAccess(machine, fn, draft2023), { intx }),
      );
    case 'modern':
      return direct(
        virtioFunction(behaviour, { kind: 'modern' }),
        ({ machine, function: fn }) => new ModernTransport(machine, fn, { intx }),
      );
  }
}
