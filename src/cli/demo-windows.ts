import { functionAddress } from '../core/index.ts';
import { type FoundFunction, findFunction, runFirmware, type Transport } from '../driver/index.ts';
import {
  type DirectWay,
  isTranslated,
  type TranslatedWayName,
  twoMachines,
  type WayName,
  ways,
} from '../mmr/index.ts';
import { Machine } from '../pci/index.ts';
import type { DeviceBehaviour } from '../virtio/index.ts';

/** A machine, and the function on it that the demonstration is about. */
export interface Stage {
  readonly name: 'guest' | 'host';
  readonly machine: Machine;
  readonly function: FoundFunction;
  /** The owner of a virtual one, by whose registers it is reached as well. */
  readonly owner: FoundFunction | null;
}

/** Machines that are set up, firmware run; the driver has not touched its device yet. */
export interface DemoSetup {
  /** The driver's machine first; behind it, where there is one, the machine that the translator runs on. */
  readonly stages: readonly [Stage, ...Stage[]];
  /** Commands that were sent to the function's owner so far. */
  adminCommands(): number;
  /** The driver takes its function. */
  connect(): Transport;
}

const PLACE = functionAddress(0, 4);

/** A guest that is shown the host's function as an ordinary legacy one, and drives it through ports. */
function translated(way: TranslatedWayName, behaviour: DeviceBehaviour, intx: boolean): DemoSetup {
  const machines = twoMachines(ways[way].build(behaviour), { way });
  return {
    stages: [
      { name: 'guest', machine: machines.guest, function: machines.inGuest(), owner: null },
      {
        name: 'host',
        machine: machines.host,
        function: machines.inHost(),
        owner: machines.functions[0]!.hosted.owner,
      },
    ],
    adminCommands: () => machines.functions[0]!.hosted.adminCommands,
    connect: () => machines.transport(0, { intx }),
  };
}

/** A driver in the host, at the function itself. */
function direct(way: DirectWay, behaviour: DeviceBehaviour, intx: boolean): DemoSetup {
  const machine = new Machine();
  machine.plug(way.build(behaviour).pci, PLACE);
  runFirmware(machine);
  const host: Stage = { name: 'host', machine, function: findFunction(machine, PLACE)!, owner: null };
  return {
    stages: [host],
    adminCommands: () => 0,
    connect: () => way.transport(machine, host.function, { intx }),
  };
}

/** Sets a device up behind a window. @param intx no MSI-X for the driver. */
export function setUp(window: WayName, behaviour: DeviceBehaviour, intx: boolean): DemoSetup {
  return isTranslated(window) ? translated(window, behaviour, intx) : direct(ways[window], behaviour, intx);
}
