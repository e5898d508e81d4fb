import { functionAddress, GuestMemory } from '../core/index.ts';
import {
  AdminDriver,
  DmaMemory,
  enableVirtualFunctions,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  runFirmware,
  type Transport,
  VirtioDriver,
} from '../driver/index.ts';
import {
  type Draft,
  isTranslated,
  mmrVirtualFunctions,
  presentLegacy,
  twoMachines,
  type WayName,
  wayNames,
  ways,
} from '../mmr/index.ts';
import { Machine } from '../pci/index.ts';
import {
  Administration,
  type DeviceBehaviour,
  type VirtioFunction,
  VirtualMembers,
  virtioFunction,
  virtualFunctions,
} from '../virtio/index.ts';
import type { Counted } from './counts.ts';
import { MeteredDma } from './metered-dma.ts';

/** Ways that lead to a virtual function, by what is there besides a function of its own: a physical one with a driver. */
const virtualWays = ['mmr-virtual', 'admin'] as const;
type VirtualWay = (typeof virtualWays)[number];

/** Everything that is compared: the ways to a function of its own, and those to a virtual one. */
export type ComparedWayName = WayName | VirtualWay;
export const comparedWayNames: readonly ComparedWayName[] = [...wayNames, ...virtualWays];

const isVirtual = (name: ComparedWayName): name is VirtualWay =>
  (virtualWays as readonly string[]).includes(name);

/** One way, with the choices of a draft where it has any. */
export interface Variant {
  readonly way: ComparedWayName;
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
const HOST_RAM_BYTES = 1 << 20;
const PLACE = functionAddress(0, 4);

const allocate = (length: number) => GuestMemory.allocate({ start: 0, length });

/** A function of its own: in the host, and where the way is a translated one shown to a guest. */
function ownScene(
  name: WayName,
  { draft, placement }: Variant,
  behaviour: DeviceBehaviour,
  intx: boolean,
): Scene {
  const drafted = draft === undefined ? {} : { draft };
  const fn = ways[name].build(behaviour, { ...drafted, ...(placement === undefined ? {} : { placement }) });
  const ram = allocate(RAM_BYTES);
  const domain = new MeteredDma(ram);
  const common = { fn, ram, dma: [domain.meter], adminCommands: () => 0 };
  if (isTranslated(name)) {
    const machines = twoMachines([{ fn, domain }], { ram, way: name, ...drafted });
    const { guest, host } = machines;
    return { ...common, guest, host, connect: () => machines.transport(0, { intx }) };
  }
  const host = new Machine({ ram });
  host.plug(fn.pci, PLACE, domain);
  runFirmware(host);
  const connect = () => ways[name].transport(host, findFunction(host, PLACE)!, { intx, ...drafted });
  return { ...common, guest: null, host, connect };
}

/** An owner's administration that counts what it is asked. */
class CountedAdministration extends Administration {
  commands = 0;

  override handle(chain: Parameters<Administration['handle']>[0]): void {
    this.commands++;
    super.handle(chain);
  }
}

/**
 * A virtual function that its owner's driver has enabled, shown to a guest: an MMR one, or a modern one whose legacy registers
 * the owner's administration commands reach. The physical function has a device like it.
 */
function virtualScene(name: VirtualWay, make: () => DeviceBehaviour, intx: boolean): Scene {
  const members = name === 'admin' ? new VirtualMembers() : null;
  const administration = members === null ? null : new CountedAdministration({ members, legacy: {} });
  const owner = virtioFunction(make(), {
    kind: 'modern',
    express: true,
    ...(administration === null ? {} : { administration }),
  });
  const places = { total: 1, make };
  const virtual =
    members === null
      ? mmrVirtualFunctions(owner, places)
      : virtualFunctions(owner, { ...places, members, legacyCommands: true });
  const host = new Machine({ ram: allocate(HOST_RAM_BYTES) });
  const ownersDma = new MeteredDma(host.ram);
  host.plug(owner.pci, PLACE, ownersDma);
  runFirmware(host);
  const found = findFunction(host, PLACE)!;
  const transport = new ModernTransport(host, found);
  const memory = new DmaMemory(host.ram, 0);
  const driver = administration === null ? null : AdminDriver.bringUp(transport, memory);
  if (driver === null)
    new VirtioDriver(transport, memory).bringUp(
      { features: [], queues: [] },
      { queue: () => {}, config: () => {} },
    );
  const member = enableVirtualFunctions(host, PLACE, 1).find(1)!;
  driver?.use('singleRootIov');
  const ram = allocate(RAM_BYTES);
  const domain = new MeteredDma(ram);
  virtual.pci.assign(1, domain);
  const fn = virtual.keep(1)!;
  const configBytes = fn.device.config.length;
  const presented = presentLegacy(
    host,
    member,
    driver === null ? {} : { member: { driver, owner: found, memberId: 1, configBytes } },
  );
  const guest = new Machine({ ram });
  guest.plug(presented.pci, PLACE);
  runFirmware(guest);
  const connect = () => {
    const shown = findFunction(guest, PLACE)!;
    return new LegacyTransport(guest, shown, legacyAccess(guest, shown), { intx });
  };
  const dma = [domain.meter, ownersDma.meter];
  return { fn, ram, guest, host, dma, connect, adminCommands: () => administration?.commands ?? 0 };
}

/** @param make gives a device of the type, every time another: the one that the driver finds is the last. */
export function sceneOf(variant: Variant, make: () => DeviceBehaviour, intx: boolean): Scene {
  const { way } = variant;
  return isVirtual(way) ? virtualScene(way, make, intx) : ownScene(way, variant, make(), intx);
}
