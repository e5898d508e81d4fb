import { functionAddress, GuestMemory } from '../core/index.ts';
import { findFunction, runFirmware, type Transport } from '../driver/index.ts';
import {
  type Draft,
  isTranslated,
  OWNER_MEMORY_BYTES,
  twoMachines,
  type WayName,
  ways,
} from '../mmr/index.ts';
import { Machine } from '../pci/index.ts';
import type { DeviceBehaviour, VirtioFunction } from '../virtio/index.ts';
import type { Counted } from './counts.ts';
import { MeteredDma } from './metered-dma.ts';

/** One way, with the choices of a draft where it has any. */
export interface Variant {
  readonly way: WayName;
  readonly draft?: Draft;
  readonly placement?: 'own' | 'shared';
}

/** Machines that are set up: the driver has not touched its device yet. */
export interface Scene extends Counted {
  readonly fn: VirtioFunction;
  /** The driver's RAM. */
  readonly ram: GuestMemory;
  connect(): Transport;
}

const RAM_BYTES = 64 << 20;
const PLACE = functionAddress(0, 4);

const allocate = (length: number) => GuestMemory.allocate({ start: 0, length });

/** In the host, and where the way is a translated one shown to a guest. */
export function sceneOf(
  { way, draft, placement }: Variant,
  behaviour: DeviceBehaviour,
  intx: boolean,
): Scene {
  const drafted = draft === undefined ? {} : { draft };
  const choices = { ...drafted, ...(placement === undefined ? {} : { placement }) };
  const ram = allocate(RAM_BYTES);
  const domain = new MeteredDma(ram);
  if (!isTranslated(way)) {
    const fn = ways[way].build(behaviour, choices);
    const host = new Machine({ ram });
    host.plug(fn.pci, PLACE, domain);
    runFirmware(host);
    const connect = () => ways[way].transport(host, findFunction(host, PLACE)!, { intx, ...drafted });
    return { fn, ram, dma: [domain.meter], adminCommands: () => 0, guest: null, host, connect };
  }
  const made = ways[way].build(behaviour, choices);
  const hostRam = allocate(OWNER_MEMORY_BYTES);
  const owners = new MeteredDma(hostRam);
  const machines = twoMachines([{ fn: made, domain, owners }], {
    ram,
    host: { ram: hostRam },
    way,
    ...drafted,
  });
  const { guest, host, functions } = machines;
  const { fn, hosted } = functions[0]!;
  const connect = () => machines.transport(0, { intx });
  const dma = [domain.meter, owners.meter];
  return { fn, ram, dma, adminCommands: () => hosted.adminCommands, guest, host, connect };
}
