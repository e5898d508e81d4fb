import { DmaDomain, functionAddress, GuestMemory, type LabEvent } from '../../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  findFunction,
  ModernTransport,
  openTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import {
  MediatedParent,
  type MediatedParentOptions,
  ParentDevice,
  type ParentDeviceOptions,
  presentLegacy,
  type SliceAttachOptions,
  type SliceType,
  type TranslatedWayName,
  virtioSlice,
} from '../../../src/mmr/index.ts';
import { Machine, type MachineOptions } from '../../../src/pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../../../src/virtio/index.ts';
import { watch } from '../../pci/support.ts';

export const PARENT = functionAddress(0, 4);
export const SLICE = functionAddress(0, 5);
const SECTOR = 512;
const SECTORS = 16;

/** The UUID of a number. */
export const uuidOf = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

const disks = new Map<string, MemoryStorage>();

/** The disk behind a slice: it says whose it is in each of its bytes. */
export function diskOf(uuid: string): MemoryStorage {
  let disk = disks.get(uuid);
  if (disk === undefined) {
    disk = new MemoryStorage(new Uint8Array(SECTORS * SECTOR).fill(Number.parseInt(uuid.slice(-2), 16)));
    disks.set(uuid, disk);
  }
  return disk;
}

/** Slices that are disks with so many queues. */
export const blockType = (queues: number, build?: Parameters<typeof virtioSlice>[1]): SliceType => ({
  name: `virtiolab-block-${queues}`,
  title: `disk with ${queues} queues`,
  description: `${queues} queues, 1 slot each and 1 for changes`,
  queues: queues + 1,
  make: (uuid) => virtioSlice(new BlockDevice({ storage: diskOf(uuid), queues, queueSize: 8 }), build),
});

export interface ParentLabOptions extends Partial<ParentDeviceOptions>, Partial<MediatedParentOptions> {
  readonly host?: Omit<MachineOptions, 'ram'>;
}

/** A host with a parent: a disk with queues to spare, in slot 4. */
export class ParentLab {
  readonly host: Machine;
  readonly device: ParentDevice;
  readonly parent: MediatedParent;
  readonly events: LabEvent[];

  constructor(options: ParentLabOptions = {}) {
    const { queues = 64, types = [blockType(1), blockType(4)], host = {}, ...rest } = options;
    this.host = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 20 }), ...host });
    const own = virtioFunction(new BlockDevice({ storage: diskOf(uuidOf(0xee)) }), { kind: 'modern' });
    this.device = new ParentDevice(own.pci, { queues, ...rest });
    this.host.plug(own.pci, PARENT);
    runFirmware(this.host);
    this.events = watch(this.host);
    this.parent = new MediatedParent(this.host, PARENT, this.device, { types, ...rest });
  }

  /** Makes a slice and gives it to a guest of its own. */
  guest(
    n: number,
    type = 'virtiolab-block-1',
    options: SliceAttachOptions = {},
    machine = guestMachine(),
  ): Machine {
    this.parent.create(type, uuidOf(n));
    this.parent.attach(uuidOf(n), machine, SLICE, options);
    runFirmware(machine);
    return machine;
  }

  /** The same, from a slot of the host, by the translator: the guest sees a legacy function. */
  legacyGuest(n: number, way: TranslatedWayName, slot = functionAddress(0, 8)): Machine {
    const machine = guestMachine();
    this.parent.create('virtiolab-block-1', uuidOf(n));
    this.parent.attach(uuidOf(n), this.host, slot, { domain: new DmaDomain(machine.ram) });
    runFirmware(this.host);
    machine.plug(presentLegacy(this.host, slot, { way }).pci, SLICE);
    runFirmware(machine);
    return machine;
  }
}

export const guestMachine = (options: Omit<MachineOptions, 'ram'> = {}): Machine =>
  new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 20 }), ...options });

const SMALL = { requestBytes: 4096, depth: 2 };

/** Our driver on whatever the guest has in the slot, unchanged. */
export const driverOf = (guest: Machine, intx = false): BlockDriver =>
  new BlockDriver(openTransport(guest, SLICE, { intx }), new DmaMemory(guest.ram, 0x10000), SMALL);

export const modernTransport = (guest: Machine) => new ModernTransport(guest, findFunction(guest, SLICE)!);
