import { DmaDomain, type FunctionAddress, functionAddress, GuestMemory } from '../../core/index.ts';
import { runFirmware } from '../../driver/index.ts';
import { Machine } from '../../pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../../virtio/index.ts';
import { MediatedParent, type MediatedParentOptions } from './mediated-parent.ts';
import { ParentDevice } from './parent-device.ts';
import type { SliceAttachOptions, SliceType } from './slice.ts';
import { virtioSlice } from './slice-function.ts';
import { WorkQueueSlice } from './work-queue-slice.ts';

const SECTORS = 16;
const SECTOR_BYTES = 512;
const RAM_BYTES = 1 << 20;
/** Of the host: message slots may stand in it. */
const HOST_RAM_BYTES = 1 << 21;
/** Slices that do not say otherwise have few descriptors: there may be thousands. */
const QUEUE_SIZE = 8;

const disk = () => new MemoryStorage(new Uint8Array(SECTORS * SECTOR_BYTES));

/** Disks with so many queues, which keep nothing. */
export const diskSlices = (queues: number): SliceType => ({
  name: `virtiolab-disk-${queues}`,
  title: `disk with ${queues} ${queues === 1 ? 'queue' : 'queues'}`,
  description: `${queues + 1} queues of the parent, and as many message slots`,
  queues: queues + 1,
  make: () => virtioSlice(new BlockDevice({ storage: disk(), queues, queueSize: QUEUE_SIZE })),
});

/** Work queues, dedicated or shared as their guests like. */
export const workQueueSlices: SliceType = {
  name: 'virtiolab-work-queue',
  title: 'work queue',
  description: '2 queues of the parent: for work that is done, and for pages that are wanted',
  queues: 2,
  make: () => new WorkQueueSlice(),
};

export interface BlockParentOptions extends Partial<MediatedParentOptions> {
  readonly queues?: number;
  readonly pasids?: number;
}

/** A host in the process, with a disk whose queues are given away in slices: for demonstrations and measurements. */
export class BlockParent {
  static readonly PLACE: FunctionAddress = functionAddress(0, 4);
  /** Where guests have their slices. */
  static readonly SLICE: FunctionAddress = functionAddress(0, 5);
  readonly host: Machine;
  readonly device: ParentDevice;
  readonly parent: MediatedParent;

  constructor(options: BlockParentOptions = {}) {
    const { queues = 64, pasids = queues, types = [diskSlices(1), diskSlices(4), workQueueSlices] } = options;
    this.host = new Machine({ ram: GuestMemory.allocate({ start: 0, length: HOST_RAM_BYTES }) });
    const own = virtioFunction(new BlockDevice({ storage: disk() }), { kind: 'modern' });
    this.device = new ParentDevice(own.pci, { queues, pasids });
    this.host.plug(own.pci, BlockParent.PLACE);
    runFirmware(this.host);
    this.parent = new MediatedParent(this.host, BlockParent.PLACE, this.device, { ...options, types });
  }

  /** The UUID of a number. */
  static uuid(n: number): string {
    return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
  }

  /** Gives a slice that was made to a new guest, whose firmware has run. */
  guestOf(uuid: string, options: SliceAttachOptions = {}): Machine {
    const guest = new Machine({ ram: GuestMemory.allocate({ start: 0, length: RAM_BYTES }) });
    this.parent.attach(uuid, guest, BlockParent.SLICE, { domain: new DmaDomain(guest.ram), ...options });
    runFirmware(guest);
    return guest;
  }
}
