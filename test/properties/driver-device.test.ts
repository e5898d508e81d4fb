import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import { BlockDriver } from '../../src/driver/index.ts';
import {
  type BlockRangeRequest,
  type BlockRequest,
  blockData,
  blockRangeRequests,
  blockRequests,
  chooser,
  picks,
} from '../../src/testing/index.ts';
import {
  BlockDevice,
  blockStatus,
  FaultyStorage,
  feature,
  MemoryStorage,
  OverlayStorage,
  SECTOR_BYTES,
  type Storage,
} from '../../src/virtio/index.ts';
import { carryOut } from '../virtio/backends/transfers.ts';
import { DiskModel } from './support/disk-model.ts';
import { LateStorage } from './support/late-storage.ts';
import { microtasks, settle } from './support/quiet.ts';
import { anyWay, buildRig, type Rig, type RigOptions } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours and could share a mistake, of a byte order or of a ring's layout say. What pins this
 * down is a third thing: an array of bytes. Whatever the transport, the kind of ring and its features, the number of
 * queues, the storage behind, the framing and the order in which work, interrupts and writes are let through, each read
 * brings what the array holds, and in the end the storage holds what the array holds.
 */
const SECTORS = 64;
/** No disk here is longer, so what lies beyond is beyond every end. */
const MOST_SECTORS = 90;
const SERIAL = 'the array model';
/** Small, so that requests are cut up. */
const LIMITS = { sectors: 3, segments: 2 } as const;

type Step =
  | { readonly do: 'request'; readonly request: BlockRequest | BlockRangeRequest }
  /** A request that has to be refused, with the status that the specification gives it. */
  | {
      readonly do: 'refused';
      readonly type: number;
      /** From the longest disk's end on. */
      readonly beyond: number;
      readonly data: number | readonly number[];
      readonly status: number;
    }
  | { readonly do: 'resize'; readonly sectors: number }
  /** Sectors go bad, or all are good again. */
  | { readonly do: 'spoil'; readonly sector: number; readonly sectors: number }
  | { readonly do: 'writeback'; readonly on: boolean }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'arrive' }
  | { readonly do: 'wait' };

interface Case extends RigOptions {
  readonly queueSize: number;
  readonly queues: number;
  readonly driverQueues: number;
  readonly ringFeatures: readonly number[];
  readonly depth: number;
  readonly requestSectors: number;
  /** Ends requests at once; or as a whole, or sector by sector, when it is let; or writes beside a base. */
  readonly storage: 'memory' | 'delayed' | 'late' | 'overlay';
  readonly order: readonly number[];
  readonly steps: readonly Step[];
  /** Requests that are in flight when the driver leaves, and how much work is done on them before that. */
  readonly abandoned: readonly (BlockRequest | BlockRangeRequest)[];
  readonly releases: number;
  /** The storage never ends them by itself. */
  readonly stuck: boolean;
}

const { ioError, unsupported } = blockStatus;
const segment = (sector: number, sectors: number, flags: number) => [
  ...[sector, 0, 0, 0, 0, 0, 0, 0],
  ...[sectors, 0, 0, 0],
  ...[flags, 0, 0, 0],
];
const refusals = fc.constantFrom<Step[]>(
  { do: 'refused', type: 0, beyond: 0, data: 512, status: ioError },
  { do: 'refused', type: 1, beyond: 0, data: Array(512).fill(0xee), status: ioError },
  { do: 'refused', type: 1, beyond: 2 ** 52, data: Array(512).fill(0xee), status: ioError },
  { do: 'refused', type: 0, beyond: 0, data: 100, status: ioError },
  { do: 'refused', type: 0x1234, beyond: 0, data: 512, status: unsupported },
  { do: 'refused', type: 11, beyond: 0, data: segment(0, 1, 1), status: unsupported },
  { do: 'refused', type: 11, beyond: 0, data: segment(0, LIMITS.sectors + 1, 0), status: ioError },
  { do: 'refused', type: 13, beyond: 0, data: segment(0, 1, 2), status: unsupported },
  { do: 'refused', type: 13, beyond: 0, data: segment(200, 1, 0), status: ioError },
  { do: 'refused', type: 13, beyond: 0, data: segment(0, 1, 0).slice(1), status: ioError },
);

const anyRequest = fc.oneof<fc.WeightedArbitrary<BlockRequest | BlockRangeRequest>[]>(
  { weight: 3, arbitrary: blockRequests(SECTORS, 6) },
  { weight: 1, arbitrary: blockRangeRequests(SECTORS, 6) },
);

const steps = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 10, arbitrary: anyRequest.map((request) => ({ do: 'request', request })) },
  { weight: 1, arbitrary: refusals },
  {
    weight: 1,
    arbitrary: fc.constantFrom(SECTORS, 16, 40, MOST_SECTORS).map((sectors) => ({ do: 'resize', sectors })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('spoil'),
      sector: fc.nat(SECTORS - 1),
      sectors: fc.constantFrom(0, 1, 4),
    }),
  },
  { weight: 1, arbitrary: fc.boolean().map((on) => ({ do: 'writeback', on })) },
  { weight: 8, arbitrary: fc.nat(7).map((pick) => ({ do: 'release', pick })) },
  { weight: 1, arbitrary: fc.constant({ do: 'arrive' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' }) },
);

const { ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder, notifyOnEmpty } = feature;

const cases: fc.Arbitrary<Case> = fc
  .record({
    way: anyWay,
    bigEndian: fc.boolean(),
    intx: fc.boolean(),
    lateInterrupts: fc.boolean(),
    lateWrites: fc.boolean(),
    transportFeatures: fc.constant([ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder]),
    queueSize: fc.constantFrom(8, 4, 16, 256, 2, 1),
    queues: fc.constantFrom(1, 2, 3),
    driverQueues: fc.constantFrom(3, 2, 1),
    ringFeatures: fc.subarray([ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder, notifyOnEmpty]),
    depth: fc.constantFrom(4, 1, 2, 16),
    requestSectors: fc.constantFrom(2, 1, 8),
    storage: fc.constantFrom('memory', 'delayed', 'late', 'overlay'),
    order: picks,
    steps: fc.array(steps, { maxLength: 40, size: 'max' }),
    abandoned: fc.array(anyRequest, { maxLength: 4 }),
    releases: fc.nat(8),
    stuck: fc.boolean(),
  })
  .map((each) => {
    const modern = each.way.by.startsWith('modern');
    return {
      ...each,
      // NOTIFY_ON_EMPTY is a legacy feature, and what lies above bit 31 a modern one.
      ringFeatures: each.ringFeatures.filter((bit) => (modern ? bit !== notifyOnEmpty : bit < 32)),
      // Without indirect tables a request takes three descriptors.
      queueSize: each.ringFeatures.includes(ringIndirectDescriptors)
        ? each.queueSize
        : Math.max(4, each.queueSize),
    };
  });

/** A storage of each kind, with faults in front of it, and what it holds. */
class Disk {
  readonly faulty: FaultyStorage;
  readonly #inner: MemoryStorage | LateStorage | OverlayStorage;
  readonly #base: Uint8Array;

  constructor(kind: Case['storage'], image: Uint8Array, tasks: HeldScheduler) {
    this.#base = image.slice();
    const memory = new MemoryStorage(kind === 'overlay' ? this.#base : image.slice(), kind === 'overlay');
    this.#inner =
      kind === 'late'
        ? new LateStorage(image.slice(), tasks)
        : kind === 'overlay'
          ? new OverlayStorage(memory, { clusterBytes: 4 * SECTOR_BYTES })
          : memory;
    const delayed = new FaultyStorage(this.#inner, tasks);
    if (kind === 'delayed') delayed.inject({ does: 'delay' });
    this.faulty = new FaultyStorage(delayed);
  }

  get storage(): Storage {
    return this.faulty;
  }

  /** @returns false for a storage that keeps its length. */
  resize(sectors: number): boolean {
    if (this.#inner instanceof LateStorage) return false;
    this.#inner.resize(sectors * SECTOR_BYTES);
    return true;
  }

  contents(): Uint8Array {
    if (!(this.#inner instanceof OverlayStorage)) return this.#inner.bytes;
    return carryOut(this.#inner, 'read', 0, this.#inner.length).data;
  }

  /** @throws when a base was written to. */
  checkBase(image: Uint8Array): void {
    if (Buffer.compare(this.#base, image) !== 0) throw new Error('the base of the overlay was written to');
  }
}

/** One case being run. */
class Lab {
  readonly each: Case;
  readonly tasks = new HeldScheduler();
  readonly model = new DiskModel(SECTORS, SERIAL);
  readonly first = this.model.image.slice();
  readonly disk: Disk;
  readonly device: BlockDevice;
  readonly rig: Rig;
  readonly choose: (count: number) => number;

  constructor(each: Case) {
    this.each = each;
    this.disk = new Disk(each.storage, this.first, this.tasks);
    const { queueSize, queues } = each;
    const segments = { discard: LIMITS, writeZeroes: LIMITS, secureErase: LIMITS };
    const { storage } = this.disk;
    const { secureErase, ...limits } = segments;
    const erases = storage.secureErase === undefined ? {} : { secureErase };
    this.device = new BlockDevice({ storage, serial: SERIAL, queueSize, queues, ...limits, ...erases });
    this.rig = buildRig(this.device, each, this.tasks);
    this.choose = chooser(each.order);
  }

  open(): BlockDriver {
    const { depth, requestSectors, ringFeatures, driverQueues } = this.each;
    return new BlockDriver(this.rig.transport(), this.rig.memory, {
      depth,
      requestBytes: requestSectors * SECTOR_BYTES,
      ringFeatures,
      queues: driverQueues,
    });
  }

  /** Lets everything through until nothing is left to be done. */
  async settle(): Promise<void> {
    await settle(this.rig, this.tasks, this.choose);
  }

  async quiet(driver: BlockDriver): Promise<void> {
    await this.settle();
    this.model.settled(this.disk.contents());
    if (driver.capacity !== this.model.sectors) throw new Error(`the driver sees ${driver.capacity} sectors`);
  }

  async step(driver: BlockDriver, step: Step): Promise<void> {
    const { model, disk, tasks } = this;
    if (step.do === 'release') tasks.release(step.pick);
    else if (step.do === 'arrive') for (const { posted } of this.rig.machines) posted?.flushAll();
    else if (step.do === 'wait') await this.quiet(driver);
    else if (step.do === 'writeback') driver.setWriteback(step.on);
    else if (step.do === 'refused') this.#refuse(driver, step);
    else if (step.do === 'resize') {
      if (!disk.resize(step.sectors)) return;
      model.resize(step.sectors);
      this.device.resize();
    } else if (step.do === 'spoil') {
      await this.quiet(driver);
      this.#spoil(step);
    } else {
      const request = model.fit(step.request);
      if (request.kind === 'secure-erase' && disk.storage.secureErase === undefined) return;
      if (model.collides(request)) await this.quiet(driver);
      model.issue(driver, request);
    }
    await microtasks();
    model.check();
  }

  #refuse(driver: BlockDriver, { type, beyond, data, status }: Step & { do: 'refused' }): void {
    const length = typeof data === 'number' ? data : data.length;
    // A request that is too long for the driver is none for the device.
    if (length > this.each.requestSectors * SECTOR_BYTES) return;
    const out = typeof data === 'number' ? null : Uint8Array.from(data);
    const sent = driver.request(type, MOST_SECTORS + beyond, out, out === null ? length : 0);
    this.model.refuse(`type ${type} with ${length} bytes`, sent, status);
  }

  #spoil({ sector, sectors }: Step & { do: 'spoil' }): void {
    this.disk.faulty.mend();
    const range = { from: sector, to: Math.min(sector + sectors, this.model.sectors) };
    this.model.bad = range.from < range.to ? range : null;
    if (this.model.bad === null) return;
    const [start, end] = [range.from * SECTOR_BYTES, range.to * SECTOR_BYTES];
    this.disk.faulty.inject({ range: { start, end }, on: [...DATA], does: 'fail' });
  }

  /** After a reset nothing of what was in flight is carried out any more (BF-RST-02): neither memory nor storage change. */
  async leave(driver: BlockDriver): Promise<void> {
    const { each, tasks, choose, disk } = this;
    disk.faulty.mend();
    if (each.stuck) disk.faulty.inject({ does: 'keep' });
    for (const abandoned of each.abandoned) abandon(driver, this.model.fit(abandoned));
    await microtasks();
    for (let i = 0; i < each.releases; i++) tasks.release(choose(tasks.pending.length));
    driver.close();
    const state = () => Buffer.concat([this.rig.memory.ram.ranges[0]!.bytes, disk.contents()]);
    const before = state();
    await this.settle();
    disk.faulty.release();
    await this.settle();
    disk.faulty.mend();
    if (Buffer.compare(before, state()) !== 0) throw new Error('a request was carried out after the reset');
  }
}

const DATA = ['read', 'write', 'discard', 'writeZeroes', 'secureErase'] as const;

function abandon(driver: BlockDriver, request: BlockRequest | BlockRangeRequest): void {
  const sent: Promise<unknown> =
    request.kind === 'read'
      ? driver.read(request.sector, request.sectors)
      : request.kind === 'write'
        ? driver.write(request.sector, blockData(request))
        : 'ranges' in request
          ? driver.writeZeroes(request.ranges, request.unmap)
          : driver.flush();
  sent.catch(() => 'the driver was closed');
}

async function run(each: Case): Promise<void> {
  const lab = new Lab(each);
  const driver = lab.open();
  const { queues, driverQueues } = each;
  if (driver.capacity !== SECTORS) throw new Error(`the driver sees ${driver.capacity} sectors`);
  if (driver.queues !== Math.min(queues, driverQueues)) throw new Error(`${driver.queues} queues in use`);
  for (const step of each.steps) await lab.step(driver, step);
  await lab.quiet(driver);
  await lab.leave(driver);
  // The device is as good as new for the next driver.
  const next = lab.open();
  const { model, disk } = lab;
  model.bad = null;
  model.image = disk.contents().slice();
  model.issue(next, { type: 'block', kind: 'read', sector: 0, sectors: model.sectors });
  await lab.quiet(next);
  if (each.storage === 'overlay') disk.checkBase(lab.first);
}

describe('driver and device against an array of bytes', () => {
  it(
    'any sequence of block requests, over any transport, under any order of release',
    () => fc.assert(fc.asyncProperty(cases, run), { numRuns: runs(400) }),
    PATIENCE,
  );
});
