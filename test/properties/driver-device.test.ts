import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import {
  type BlockRequest,
  blockData,
  blockRequests,
  chooser,
  picks,
} from '../../src/conformance/testing.ts';
import { HeldScheduler } from '../../src/core/index.ts';
import { BlockDriver, RequestFailedError } from '../../src/driver/index.ts';
import { BlockDevice, blockStatus, feature, MemoryStorage, SECTOR_BYTES } from '../../src/virtio/index.ts';
import { LateStorage } from './support/late-storage.ts';
import { buildRig, type Rig, type RigOptions, ways } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours and could share a mistake, of a byte order or of a ring's layout say. What pins this
 * down is a third thing: an array of bytes. Whatever the transport, the ring features, the framing and the order in
 * which work, interrupts and writes are let through, each read brings what the array holds, and in the end the
 * storage holds what the array holds.
 */
const SECTORS = 64;
const SERIAL = 'the array model';

type Step =
  | { readonly do: 'request'; readonly request: BlockRequest }
  /** A request that has to be refused, with the status that the specification gives it. */
  | {
      readonly do: 'refused';
      readonly type: number;
      readonly sector: number;
      readonly bytes: number;
      readonly status: number;
    }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'arrive' }
  | { readonly do: 'wait' };

interface Case extends RigOptions {
  readonly queueSize: number;
  readonly ringFeatures: readonly number[];
  readonly depth: number;
  readonly requestSectors: number;
  readonly lateStorage: boolean;
  readonly order: readonly number[];
  readonly steps: readonly Step[];
  /** Requests that are in flight when the driver leaves, and how much work is done on them before that. */
  readonly abandoned: readonly BlockRequest[];
  readonly releases: number;
}

const refusals = fc.constantFrom<Step[]>(
  { do: 'refused', type: 0, sector: SECTORS, bytes: 512, status: blockStatus.ioError },
  { do: 'refused', type: 1, sector: SECTORS, bytes: 512, status: blockStatus.ioError },
  { do: 'refused', type: 1, sector: 2 ** 52, bytes: 512, status: blockStatus.ioError },
  { do: 'refused', type: 0, sector: 0, bytes: 100, status: blockStatus.ioError },
  { do: 'refused', type: 0x1234, sector: 0, bytes: 512, status: blockStatus.unsupported },
);

const steps = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 8, arbitrary: blockRequests(SECTORS, 6).map((request) => ({ do: 'request', request })) },
  { weight: 1, arbitrary: refusals },
  { weight: 6, arbitrary: fc.nat(7).map((pick) => ({ do: 'release', pick })) },
  { weight: 1, arbitrary: fc.constant({ do: 'arrive' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' }) },
);

const cases: fc.Arbitrary<Case> = fc
  .record({
    way: fc.constantFrom(...ways),
    bigEndian: fc.boolean(),
    intx: fc.boolean(),
    lateInterrupts: fc.boolean(),
    lateWrites: fc.boolean(),
    queueSize: fc.constantFrom(8, 4, 16, 256, 2, 1),
    ringFeatures: fc.subarray([
      feature.ringIndirectDescriptors,
      feature.ringEventIndex,
      feature.notifyOnEmpty,
    ]),
    depth: fc.constantFrom(4, 1, 2, 16),
    requestSectors: fc.constantFrom(2, 1, 8),
    lateStorage: fc.boolean(),
    order: picks,
    steps: fc.array(steps, { maxLength: 30, size: 'max' }),
    abandoned: fc.array(blockRequests(SECTORS, 6), { maxLength: 4 }),
    releases: fc.nat(8),
  })
  .map((each) => ({
    ...each,
    // NOTIFY_ON_EMPTY is a legacy feature: a modern driver has no business with it.
    ringFeatures: each.ringFeatures.filter(
      (bit) => bit !== feature.notifyOnEmpty || !each.way.by.startsWith('modern'),
    ),
    // Without indirect tables a request takes three descriptors.
    queueSize: each.ringFeatures.includes(feature.ringIndirectDescriptors)
      ? each.queueSize
      : Math.max(4, each.queueSize),
  }));

const microtasks = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The array, the requests in flight over it, and the driver that has to agree with it. */
class Model {
  readonly image = new Uint8Array(SECTORS * SECTOR_BYTES).map((_, i) => (i * 13 + (i >> 9)) & 0xff);
  readonly #flying = new Set<{ from: number; to: number; writes: boolean }>();
  readonly #wrong: string[] = [];

  /** True while something in flight would make the request's outcome depend on who is first. */
  collides(request: BlockRequest): boolean {
    if (!('sector' in request)) return false;
    const [from, to] = [request.sector, request.sector + request.sectors];
    const writes = request.kind === 'write';
    return [...this.#flying].some((each) => from < each.to && each.from < to && (writes || each.writes));
  }

  issue(driver: BlockDriver, request: BlockRequest): void {
    const what = JSON.stringify(request);
    const { kind } = request;
    if (kind === 'flush') this.#watch(what, driver.flush(), () => true);
    else if (kind === 'get-id') this.#watch(what, driver.getId(), (id) => id === SERIAL);
    else {
      const { sector, sectors } = request;
      const flight = { from: sector, to: sector + sectors, writes: kind === 'write' };
      this.#flying.add(flight);
      const land = () => this.#flying.delete(flight);
      if (kind === 'read') {
        const expected = this.image.slice(sector * SECTOR_BYTES, (sector + sectors) * SECTOR_BYTES);
        this.#watch(
          what,
          driver.read(sector, sectors),
          (data) => land() && Buffer.compare(data, expected) === 0,
        );
      } else {
        const data = blockData(request);
        this.image.set(data, sector * SECTOR_BYTES);
        this.#watch(what, driver.write(sector, data), land);
      }
    }
  }

  /** A request that must end with that status and change nothing. */
  refuse(driver: BlockDriver, step: Step & { do: 'refused' }): void {
    const { type, sector, bytes, status } = step;
    const out = type === 1 ? new Uint8Array(bytes).fill(0xee) : null;
    const sent = driver.request(type, sector, out, out === null ? bytes : 0).then(
      () => blockStatus.ok as number,
      (error: unknown) => {
        if (error instanceof RequestFailedError) return error.status;
        throw error;
      },
    );
    this.#watch(JSON.stringify(step), sent, (answer) => answer === status);
  }

  #open = 0;

  #watch<T>(what: string, sent: Promise<T>, right: (value: T) => boolean): void {
    this.#open++;
    sent
      .then(
        (value) => right(value) || this.#wrong.push(`${what} brought the wrong result`),
        (error: unknown) => this.#wrong.push(`${what} failed: ${error}`),
      )
      .finally(() => this.#open--);
  }

  /** @throws when a result was wrong, or, once all is quiet, when a request never ended. */
  check(quiet: boolean): void {
    if (this.#wrong.length > 0) throw new Error(this.#wrong.join('; '));
    if (quiet && this.#open > 0) throw new Error(`${this.#open} requests never ended`);
  }
}

/** Lets everything through until nothing is left to be done. */
async function settle(
  { machines }: Rig,
  tasks: HeldScheduler,
  choose: (count: number) => number,
): Promise<void> {
  for (;;) {
    for (const { posted } of machines) posted?.flushAll();
    tasks.releaseAll(choose);
    await microtasks();
    if (tasks.pending.length === 0 && machines.every(({ posted }) => (posted?.count ?? 0) === 0)) return;
  }
}

async function run(each: Case): Promise<void> {
  const tasks = new HeldScheduler();
  const model = new Model();
  const bytes = model.image.slice();
  const storage = each.lateStorage ? new LateStorage(bytes, tasks) : new MemoryStorage(bytes);
  const device = new BlockDevice({ storage, serial: SERIAL, queueSize: each.queueSize });
  const rig = buildRig(device, each, tasks);
  const open = () =>
    new BlockDriver(rig.transport(), rig.memory, {
      depth: each.depth,
      requestBytes: each.requestSectors * SECTOR_BYTES,
      ringFeatures: each.ringFeatures,
    });
  const choose = chooser(each.order);
  const driver = open();
  if (driver.capacity !== SECTORS) throw new Error(`the driver sees ${driver.capacity} sectors`);
  for (const step of each.steps) {
    if (step.do === 'release') tasks.release(step.pick);
    else if (step.do === 'arrive') for (const { posted } of rig.machines) posted?.flushAll();
    else if (step.do === 'wait') await settle(rig, tasks, choose);
    else if (step.do === 'refused') model.refuse(driver, step);
    else {
      if (model.collides(step.request)) await settle(rig, tasks, choose);
      model.issue(driver, step.request);
    }
    await microtasks();
    model.check(false);
  }
  await settle(rig, tasks, choose);
  model.check(true);
  if (Buffer.compare(bytes, model.image) !== 0) throw new Error('the storage differs from the array');
  await leave(each, driver, rig, tasks);
  // The device is as good as new for the next driver.
  const next = open();
  model.image.set(bytes);
  model.issue(next, { kind: 'read', sector: 0, sectors: SECTORS });
  await settle(rig, tasks, choose);
  model.check(true);
}

/** After a reset nothing of what was in flight is carried out any more (BF-RST-02): neither memory nor storage change. */
async function leave(each: Case, driver: BlockDriver, rig: Rig, tasks: HeldScheduler): Promise<void> {
  const choose = chooser(each.order);
  for (const request of each.abandoned) {
    const sent: Promise<unknown> =
      request.kind === 'read'
        ? driver.read(request.sector, request.sectors)
        : request.kind === 'write'
          ? driver.write(request.sector, blockData(request))
          : driver.flush();
    sent.catch(() => 'the driver was closed');
  }
  await microtasks();
  for (let i = 0; i < each.releases; i++) tasks.release(choose(tasks.pending.length));
  driver.close();
  const { storage } = rig.fn.device.behaviour as BlockDevice;
  const state = () => Buffer.concat([rig.memory.ram.ranges[0]!.bytes, (storage as MemoryStorage).bytes]);
  const before = state();
  await settle(rig, tasks, choose);
  if (Buffer.compare(before, state()) !== 0) throw new Error('a request was carried out after the reset');
}

describe('driver and device against an array of bytes', () => {
  it(
    'any sequence of block requests, over any transport, under any order of release',
    () => fc.assert(fc.asyncProperty(cases, run), { numRuns: runs(800) }),
    PATIENCE,
  );
});
