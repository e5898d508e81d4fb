import { DmaDomain, GuestMemory, immediate } from '../src/core/index.ts';
import {
  Batch,
  Chain,
  PackedQueue,
  PLAIN_MODE,
  pop,
  QueueService,
  SplitQueue,
  type Virtqueue,
} from '../src/virtio/index.ts';
import { bytesPerOperation, millionPerSecond } from './measure.ts';
import {
  buildPackedChains,
  checkUsed,
  DEVICE_EVENT,
  DRIVER_EVENT,
  exposePackedBatch,
  PACKED_SIZE,
} from './packed-workload.ts';
import {
  AVAILABLE_RING,
  BATCH,
  buildChains,
  DATA_BYTES,
  DESCRIPTOR_TABLE,
  DESCRIPTORS_PER_CHAIN,
  exposeBatch,
  HEADER_BYTES,
  QUEUE_SIZE,
  STATUS_BYTES,
  USED_RING,
  verifyRun,
  WorkloadError,
} from './workload.ts';

const GUEST_BYTES = 1 << 20;

interface Driver {
  /** Where the device finds the ring. */
  readonly places: readonly [descriptor: number, driver: number, device: number];
  readonly size: number;
  setUp(): void;
  /** Makes a batch of chains available. */
  expose(): void;
  /** Used chains, modulo 2^16, as memory shows them. */
  used(batches: number): number;
}

function splitDriver(bytes: Uint8Array, view: DataView): Driver {
  const guest16 = new Uint16Array(bytes.buffer);
  let available = 0;
  return {
    places: [DESCRIPTOR_TABLE, AVAILABLE_RING, USED_RING],
    size: QUEUE_SIZE,
    setUp: () => {
      buildChains(view);
      available = 0;
    },
    expose: () => {
      available = exposeBatch(guest16, available);
    },
    used: () => view.getUint16(USED_RING + 2, true),
  };
}

function packedDriver(bytes: Uint8Array, view: DataView, inOrder: boolean): Driver {
  const guest32 = new Int32Array(bytes.buffer);
  let first = false;
  return {
    places: [DESCRIPTOR_TABLE, DRIVER_EVENT, DEVICE_EVENT],
    size: PACKED_SIZE,
    setUp: () => {
      buildPackedChains(view);
      first = false;
    },
    expose: () => {
      first = !first;
      exposePackedBatch(guest32, first);
    },
    used: (batches) => {
      const last = BATCH - 1;
      checkUsed(view, first, inOrder ? 0 : DESCRIPTORS_PER_CHAIN * last, last);
      return (batches * BATCH) & 0xffff;
    },
  };
}

/** What a block device does with each chain: bounds checked against a DMA domain, header and data copied, status written. */
class Copier {
  readonly #data = new Uint8Array(DATA_BYTES);

  copy(chain: Chain): number {
    const view = chain.header(HEADER_BYTES)!;
    const at = chain.headerAt;
    const type = view.getUint32(at, true);
    const sector = view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true);
    chain.read(HEADER_BYTES, this.#data, 0, DATA_BYTES);
    chain.writeLast(0);
    return (type & 0xff) + sector + this.#data[DATA_BYTES - 1]!;
  }
}

interface Device {
  readonly ring: Virtqueue;
  serve(): number;
}

/** The ring alone. */
function ringDevice(ring: Virtqueue): Device {
  const copier = new Copier();
  const chain = new Chain();
  return {
    ring,
    serve: () => {
      let sum = 0;
      while (ring.pop(chain) === pop.chain) {
        sum += copier.copy(chain);
        ring.push(chain.head, STATUS_BYTES, 1, chain.span, true);
      }
      ring.publish();
      return sum;
    },
  };
}

/** The ring with the service that keeps chains in flight and hands them back, in order or as they come. */
function serviceDevice(domain: DmaDomain, packed: boolean, inOrder: boolean): Device {
  const copier = new Copier();
  let sum = 0;
  const owner = {
    mayRun: true,
    dmaEnabled: true,
    legacyDriver: false,
    handle: (chain: Chain) => {
      sum += copier.copy(chain);
      service.complete(chain, STATUS_BYTES);
    },
    interrupt: () => {},
    report: () => {},
    fail: (clause: string, message: string) => {
      throw new WorkloadError(`${clause}: ${message}`);
    },
  };
  const service = new QueueService(QUEUE_SIZE, 0, owner, new Batch());
  service.connect('bench', immediate, domain);
  service.setMode({ ...PLAIN_MODE, packed, inOrder });
  return {
    get ring() {
      return service.ring;
    },
    serve: () => {
      sum = 0;
      service.kick();
      return sum;
    },
  };
}

export interface QueueContender {
  readonly layout: 'split' | 'packed';
  /** The ring alone, or with its service; with it, a device in order. */
  readonly device: 'ring' | 'service' | 'service in order';
}

/** The queue workload on one of our queues. */
export function prepareQueue({ layout, device: kind }: QueueContender) {
  const memory = GuestMemory.allocate({ start: 0, length: GUEST_BYTES });
  const { bytes, view } = memory.ranges[0]!;
  const domain = new DmaDomain(memory);
  const packed = layout === 'packed';
  const inOrder = kind === 'service in order';
  const driver = packed ? packedDriver(bytes, view, inOrder) : splitDriver(bytes, view);
  const bare = (): Virtqueue => (packed ? new PackedQueue(QUEUE_SIZE) : new SplitQueue(QUEUE_SIZE));
  const device = kind === 'ring' ? ringDevice(bare()) : serviceDevice(domain, packed, inOrder);
  const { ring } = device;
  if (kind === 'ring') ring.attach(domain);

  const setUp = (): void => {
    driver.setUp();
    ring.reset();
    ring.size = driver.size;
    ring.addresses.set('descriptor', driver.places[0]);
    ring.addresses.set('driver', driver.places[1]);
    ring.addresses.set('device', driver.places[2]);
    ring.relocate();
    ring.ready = true;
  };

  const batches = (count: number): number => {
    let sum = 0;
    for (let batch = 0; batch < count; batch++) {
      driver.expose();
      sum += device.serve();
    }
    return sum;
  };

  return {
    /** One run; returns million chains per second. */
    run(count = 20_000): number {
      setUp();
      let checksum = 0;
      const rate = millionPerSecond(count * BATCH, () => {
        checksum = batches(count);
      });
      verifyRun(`${layout} queue`, count, checksum, driver.used(count));
      return rate;
    },

    /** Heap bytes per chain in steady state. */
    heap(count = 2_000): number {
      setUp();
      return bytesPerOperation(count * BATCH, () => {
        if (batches(count) === 0) throw new WorkloadError(`${layout} queue: no chain was served`);
      });
    },
  };
}
