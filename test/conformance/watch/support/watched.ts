import {
  DriverWatch,
  type WatchFinding,
  type WatchOptions,
} from '../../../../src/conformance/watch/index.ts';
import type { Bus, LabEvent } from '../../../../src/core/index.ts';
import { type FoundFunction, findFunction, runFirmware, setCommand } from '../../../../src/driver/index.ts';
import { Machine } from '../../../../src/pci/index.ts';
import { tap } from '../../../../src/trace/index.ts';
import {
  BlockDevice,
  type DeviceBehaviour,
  type FunctionKind,
  MemoryStorage,
  NetworkDevice,
  type NetworkLink,
  unplugged,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../../../src/virtio/index.ts';
import { SLOT } from '../../../pci/support.ts';

export interface Watched {
  readonly machine: Machine;
  readonly bus: Bus;
  readonly fn: FoundFunction;
  readonly watch: DriverWatch;
  /** What the tap told. */
  readonly events: LabEvent[];
}

export const disk = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(64 * 512)) });

const silent: NetworkLink = { ...unplugged, offloads: true };

/** A network card with two pairs of queues. */
export const card = () =>
  new NetworkDevice({ link: silent, macAddress: Uint8Array.of(2, 0, 0, 0, 0, 9), queuePairs: 2, mtu: 1500 });

/** A machine with one function, firmware run, and a watch on whoever uses its bus from now on. */
export function watched(
  behaviour: DeviceBehaviour = disk(),
  kind: FunctionKind = 'legacy',
  options: Partial<VirtioFunctionOptions> = {},
  watching: WatchOptions = {},
): Watched {
  const machine = new Machine();
  machine.plug(virtioFunction(behaviour, { kind, ...options }).pci, SLOT);
  runFirmware(machine);
  return watchedMachine(machine, watching);
}

export function watchedMachine(machine: Machine, watching: WatchOptions = {}): Watched {
  const watch = new DriverWatch({ ram: machine.ram, config: machine, ...watching });
  const events: LabEvent[] = [];
  const bus = tap(machine, (event) => {
    events.push(event);
    watch.sink(event);
  });
  return { machine, bus, fn: findFunction(machine, SLOT)!, watch, events };
}

export const masterBus = ({ bus, fn }: Watched) => setCommand(bus, fn.address, 4, 0);

export const rulesOf = (findings: readonly WatchFinding[]) => findings.map(({ rule }) => rule);
