import { GuestMemory, type LabEvent } from '../../src/core/index.ts';
import {
  DmaMemory,
  driveOwner,
  type EnabledVirtualFunctions,
  findFunction,
  LegacyTransport,
  legacyAccess,
  runFirmware,
  type TransportOptions,
} from '../../src/driver/index.ts';
import {
  type DmaRemapping,
  Hypervisor,
  type MmrVirtualOptions,
  mmrVirtualFunctions,
  type PresentOptions,
} from '../../src/mmr/index.ts';
import { Machine, type MachineOptions } from '../../src/pci/index.ts';
import {
  type DeviceBehaviour,
  type VirtioVirtualFunctions,
  virtioFunction,
  withType,
} from '../../src/virtio/index.ts';
import { SLOT, watch } from '../pci/support.ts';
import { GUEST_SLOT } from './support.ts';

const ram = (length: number) => GuestMemory.allocate({ start: 0, length });

export interface VirtualHostOptions extends Partial<MmrVirtualOptions> {
  readonly count?: number;
  readonly host?: Omit<MachineOptions, 'ram'>;
  readonly present?: PresentOptions;
  /** Whoever says what memory a function reaches; by default its physical function's own. */
  readonly remapping?: DmaRemapping;
}

/** A host with virtual functions that are enabled, MMR functions all of them, and a hypervisor that has them. */
export class VirtualHost {
  readonly host: Machine;
  readonly virtual: VirtioVirtualFunctions;
  readonly functions: EnabledVirtualFunctions;
  readonly hypervisor: Hypervisor;
  readonly events: LabEvent[];

  /** @param make a device, alike each time. */
  constructor(make: (index: number) => DeviceBehaviour, options: VirtualHostOptions = {}) {
    const { count = 3, total = count, host = {}, present = {}, remapping, ...places } = options;
    this.host = new Machine({ ram: ram(1 << 16), ...host });
    const like = make(1);
    const owner = virtioFunction(like, { kind: 'modern', express: true });
    this.virtual = mmrVirtualFunctions(owner, { ...places, total, make });
    this.host.plug(owner.pci, SLOT);
    runFirmware(this.host);
    this.events = watch(this.host);
    this.functions = driveOwner(this.host, SLOT, count, new DmaMemory(this.host.ram, 0)).functions;
    const types = withType(like.type);
    this.hypervisor = new Hypervisor(this.functions, remapping ?? this.virtual.pci, { types, ...present });
  }
}

/** A guest without any function yet. */
export const guestMachine = (bytes = 1 << 20, options: Omit<MachineOptions, 'ram'> = {}): Machine =>
  new Machine({ ram: ram(bytes), ...options });

/** A guest's driver takes what was given to it. */
export function guestTransport(
  guest: Machine,
  options: TransportOptions = {},
  place = GUEST_SLOT,
): LegacyTransport {
  runFirmware(guest);
  const found = findFunction(guest, place)!;
  return new LegacyTransport(guest, found, legacyAccess(guest, found), options);
}
