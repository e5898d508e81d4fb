import { DmaDomain, type HeldScheduler } from '../../../src/core/index.ts';
import { runFirmware } from '../../../src/driver/index.ts';
import {
  BlockDevice,
  commonConfig,
  type DeviceBehaviour,
  DiskUnit,
  defaultTransportFeatures,
  feature,
  P9Device,
  P9MemoryServer,
  ScsiDevice,
} from '../../../src/virtio/index.ts';
import { SLOT } from '../../pci/support.ts';
import { SlowStorage } from '../devices/scsi/support.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './guests.ts';
import type { Descriptor, RawRing } from './ring.ts';

export const QUEUE_SIZE = 16;
/** Requests that fit into a queue at a time, of three descriptors each. */
export const AT_ONCE = 5;

/** A device whose back end takes its time. */
export interface Slow {
  readonly behaviour: DeviceBehaviour;
  /** The queue for requests; those before it are set up, too. */
  readonly queue: number;
  /** Requests that the back end has, dead or alive. */
  underWay(): number;
  /** Lets the back end end them, and whatever comes then. */
  endAll(): void;
  /** What request `index` of a round reads and writes. */
  request(index: number): { readonly readable: readonly number[]; readonly writable: number };
}

const endAll = (storage: SlowStorage) => () => {
  while (storage.waiting.length > 0) storage.end();
};
const slot = (index: number) => BUFFERS + 0x1000 * index;

/** Makes a device; its scheduler lets go of what the server of 9P says. */
export const slowDevices: Readonly<Record<string, (scheduler: HeldScheduler) => Slow>> = {
  block: () => {
    const storage = new SlowStorage();
    return {
      behaviour: new BlockDevice({ storage, queueSize: QUEUE_SIZE }),
      queue: 0,
      underWay: () => storage.waiting.length,
      endAll: endAll(storage),
      request: () => ({ readable: new Array(16).fill(0), writable: 513 }),
    };
  },
  'block that flushes': () => {
    const storage = new SlowStorage();
    return {
      behaviour: new BlockDevice({ storage, queueSize: QUEUE_SIZE }),
      queue: 0,
      underWay: () => storage.waiting.length,
      endAll: endAll(storage),
      request: () => ({ readable: [4, ...new Array(15).fill(0)], writable: 1 }),
    };
  },
  scsi: () => {
    const storage = new SlowStorage();
    const units = [{ target: 0, lun: 0, unit: new DiskUnit({ storage }) }];
    return {
      behaviour: new ScsiDevice({ units, queueSize: QUEUE_SIZE }),
      queue: 2,
      underWay: () => storage.waiting.length,
      endAll: endAll(storage),
      // The condition that a reset leaves goes with the first command, so that the others reach the disk.
      request: (index) => {
        const cdb = index === 0 ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] : [0x28, 0, 0, 0, 0, index, 0, 0, 1, 0];
        const lun = [1, 0, 0, 0, 0, 0, 0, 0];
        const id = [index + 1, 0, 0, 0, 0, 0, 0, 0];
        return { readable: [...lun, ...id, 0, 0, 0, ...cdb, ...new Array(22).fill(0)], writable: 108 + 512 };
      },
    };
  },
  '9p': (scheduler) => ({
    behaviour: new P9Device({ server: new P9MemoryServer({}, scheduler), queueSize: QUEUE_SIZE }),
    queue: 0,
    underWay: () => scheduler.pending.length,
    endAll: () => void scheduler.releaseAll(),
    request: (index) => {
      const name = [...new TextEncoder().encode('9P2000.L')];
      const bytes = [100, index, 0, 0, 1, 0, 0, name.length, 0, ...name];
      return { readable: [bytes.length + 4, 0, 0, 0, ...bytes], writable: 64 };
    },
  }),
};

/** Fills a round's requests into a ring and kicks. */
export function submit(guest: LegacyGuest | ModernGuest, slow: Slow, ring: RawRing): void {
  for (let i = 0; i < AT_ONCE; i++) {
    const { readable, writable } = slow.request(i);
    guest.machine.ram.write(slot(i), Uint8Array.from(readable));
    const descriptors: Descriptor[] = [
      { address: slot(i), length: readable.length },
      { address: slot(i) + 0x800, length: writable, flags: 2 },
    ];
    ring.chain(3 * i, descriptors);
    ring.offer(3 * i);
  }
  guest.kick(slow.queue);
}

/** After whatever took the BARs away. */
function placeAgain(guest: LegacyGuest | ModernGuest): void {
  runFirmware(guest.machine);
  guest.config.command(0x7);
}

function unplug(guest: LegacyGuest | ModernGuest): void {
  guest.machine.unplug(SLOT);
  guest.machine.plug(guest.function.pci, SLOT, new DmaDomain(guest.machine.ram));
  placeAgain(guest);
}

/** Accepts features by the modern window of a function that a legacy driver has started. */
function changeMode(guest: LegacyGuest): void {
  const at = guest.bar(4);
  for (const [word, bits] of [[1, (1 << (feature.version1 - 32)) | (1 << (feature.inOrder - 32))]] as const) {
    guest.machine.memoryWrite(at + commonConfig.driverFeatureSelect.offset, 4, word);
    guest.machine.memoryWrite(at + commonConfig.driverFeature.offset, 4, bits);
  }
  guest.block.set('deviceStatus', 0);
}

export interface Way {
  readonly modern?: boolean;
  readonly features?: readonly number[];
  /** Kills what is in flight. */
  kill(guest: LegacyGuest & ModernGuest, queue: number): void;
  /** The queue alone was stopped: the device is up still. */
  readonly queueOnly?: boolean;
}

/** Every way in which chains die. */
export const ways: Readonly<Record<string, Way>> = {
  'status 0': { kill: (guest) => guest.block.set('deviceStatus', 0) },
  'queue address 0': {
    queueOnly: true,
    kill: (guest, queue) => {
      (guest as LegacyGuest).block.set('queueSelect', queue);
      (guest as LegacyGuest).block.set('queueAddress', 0);
    },
  },
  'another queue address': { queueOnly: true, kill: () => {} },
  'a mode that was accepted by the other window': { kill: (guest) => changeMode(guest) },
  'a function-level reset': {
    kill: (guest) => {
      guest.function.pci.reset();
      placeAgain(guest);
    },
  },
  unplugging: { kill: unplug },
  'status 0 of a modern driver': { modern: true, kill: (guest) => guest.block.set('deviceStatus', 0) },
  'status 0 of a modern driver in order': {
    modern: true,
    features: [feature.inOrder],
    kill: (guest) => guest.block.set('deviceStatus', 0),
  },
  'a queue reset': {
    modern: true,
    features: [feature.ringReset],
    queueOnly: true,
    kill: (guest, queue) => {
      (guest as ModernGuest).block.set('queueSelect', queue);
      (guest as ModernGuest).block.set('queueReset', 1);
    },
  },
  'unplugging under a modern driver': { modern: true, kill: unplug },
};

/** A guest with a slow device that is killed and started again and again. */
export class DyingGuest {
  readonly slow: Slow;
  readonly guest: LegacyGuest & ModernGuest;
  readonly #way: Way;
  #ring: RawRing | null = null;

  constructor(slow: Slow, way: Way, scheduler?: HeldScheduler) {
    this.slow = slow;
    this.#way = way;
    const transportFeatures = [...defaultTransportFeatures, feature.inOrder];
    const options = { transportFeatures, ...(scheduler === undefined ? {} : { machine: { scheduler } }) };
    const Guest = way.modern === true ? ModernGuest : LegacyGuest;
    this.guest = new Guest(slow.behaviour, options) as unknown as LegacyGuest & ModernGuest;
    this.guest.machine.events = null;
  }

  get ring(): RawRing {
    return this.#ring!;
  }

  /** Brings the device or its queue up and submits a round of requests. */
  begin(): void {
    const { guest, slow } = this;
    const queues = Array.from({ length: slow.queue + 1 }, (_, queue) => queue);
    const { features = [], modern = false, queueOnly = false } = this.#way;
    if (queueOnly && this.#ring !== null) this.#ring = guest.setUp(slow.queue);
    else
      this.#ring = modern
        ? (guest as ModernGuest).start(features, queues)[slow.queue]!
        : (guest as LegacyGuest).start(0, queues)[slow.queue]!;
    submit(guest, slow, this.#ring);
  }

  kill(): void {
    this.#way.kill(this.guest, this.slow.queue);
  }
}
