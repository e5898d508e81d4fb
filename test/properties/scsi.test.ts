import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import {
  ScsiCommandError,
  ScsiDisk,
  ScsiDriver,
  type ScsiEvent,
  type ScsiReply,
} from '../../src/driver/index.ts';
import { chooser, picks } from '../../src/testing/index.ts';
import { DiskUnit, feature, MemoryStorage, ScsiDevice, type Storage } from '../../src/virtio/index.ts';
import { LateStorage } from './support/late-storage.ts';
import { microtasks, settle } from './support/quiet.ts';
import { anyWay, buildRig, type Rig, type RigOptions } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';
import { BLOCK_BYTES, BLOCKS, DiskModel, type Flight, pattern } from './support/scsi-model.ts';

/*
 * Driver and device are both ours. What pins them down is a third thing: an array of bytes for each disk, which knows
 * nothing of rings, CDBs or sense data, and a list of what was plugged. Whatever the transport, the ring, the sizes and
 * the order in which work is let through, reads bring what the array holds and the storage ends up like it; whoever ended
 * a command early leaves the blocks that it would have written open, and no others; any bytes at all as a CDB get an
 * answer; and each plugging is heard of, or that something was missed.
 */
const PLACES = [
  { target: 0, lun: 0 },
  { target: 3, lun: 300 },
] as const;
const PLUG = { target: 3, lun: 1 } as const;

type Step =
  | {
      readonly do: 'read' | 'write' | 'stable';
      readonly disk: number;
      readonly lba: number;
      readonly blocks: number;
      readonly seed: number;
    }
  | { readonly do: 'unmap'; readonly disk: number; readonly lba: number; readonly blocks: number }
  | { readonly do: 'sync'; readonly disk: number }
  | { readonly do: 'beyond'; readonly disk: number; readonly blocks: number }
  | {
      readonly do: 'raw';
      readonly lun: readonly number[];
      readonly cdb: readonly number[];
      readonly inBytes: number;
    }
  | {
      readonly do: 'abort';
      readonly disk: number;
      readonly how: 'abortTaskSet' | 'clearTaskSet' | 'logicalUnitReset' | 'nexusReset';
    }
  | { readonly do: 'plug' }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'wait' };

interface Case extends RigOptions {
  readonly queueSize: number;
  readonly requestQueues: number;
  readonly driverQueues: number;
  readonly ringFeatures: readonly number[];
  readonly depth: number;
  readonly requestBlocks: number;
  readonly eventBuffers: number;
  readonly sizes: { readonly senseSize?: number; readonly cdbSize?: number };
  readonly lateStorage: boolean;
  readonly order: readonly number[];
  readonly steps: readonly Step[];
}

const disk = fc.nat(PLACES.length - 1);
const place = { disk, lba: fc.nat(BLOCKS - 6), blocks: fc.nat(6) };
/** Opcodes that change a disk without data out: START STOP UNIT, WRITE SAME 16. They have tests of their own. */
const CHANGING = [0x1b, 0x93];
const cdb = fc
  .array(fc.oneof(fc.nat(255), fc.constantFrom(0, 0x28, 0x12, 0xa0, 0x9e, 0xa3, 0x42, 0x5a, 0xff)), {
    maxLength: 32,
    size: 'max',
  })
  .filter(([opcode]) => !CHANGING.includes(opcode ?? 0));
const steps = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constantFrom('read', 'write', 'stable'), ...place, seed: fc.nat(255) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unmap'), ...place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sync'), disk }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('beyond'), disk, blocks: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('raw'),
      lun: fc.oneof(
        fc.constantFrom([1, 0], [1, 3, 0x41, 0x2c], [1, 3, 0, 1], [1, 9], [0xc1, 1]),
        fc.array(fc.nat(255), { maxLength: 8 }),
      ),
      cdb,
      inBytes: fc.constantFrom(0, 8, 252, 512),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('abort'),
      disk,
      how: fc.constantFrom('abortTaskSet', 'clearTaskSet', 'logicalUnitReset', 'nexusReset'),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'plug' }) },
  { weight: 8, arbitrary: fc.nat(7).map((pick) => ({ do: 'release', pick })) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' }) },
);

const { ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder } = feature;

const cases: fc.Arbitrary<Case> = fc
  .record({
    way: anyWay,
    bigEndian: fc.boolean(),
    intx: fc.boolean(),
    lateInterrupts: fc.boolean(),
    lateWrites: fc.boolean(),
    transportFeatures: fc.constant([ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder]),
    queueSize: fc.constantFrom(8, 4, 16, 128),
    requestQueues: fc.constantFrom(1, 2, 3),
    driverQueues: fc.constantFrom(1, 3),
    ringFeatures: fc.subarray([ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder]),
    depth: fc.constantFrom(4, 1, 8),
    requestBlocks: fc.constantFrom(2, 1, 6),
    eventBuffers: fc.constantFrom(12, 1),
    sizes: fc.constantFrom({}, {}, { senseSize: 252, cdbSize: 16 }, { senseSize: 18 }),
    lateStorage: fc.boolean(),
    order: picks,
    steps: fc.array(steps, { maxLength: 24, size: 'max' }),
  })
  .map((each) => ({
    ...each,
    // IN_ORDER holds back what ended early behind what did not: an aborted command is then reported late by design.
    ringFeatures: each.ringFeatures.filter(
      (bit) => bit !== inOrder || !each.steps.some((step) => step.do === 'abort'),
    ),
  }));

class Bench {
  readonly #case: Case;
  readonly #rig: Rig;
  readonly #tasks = new HeldScheduler();
  readonly #models = PLACES.map(() => new DiskModel());
  readonly #storages: readonly (Storage & { readonly bytes: Uint8Array })[];
  readonly #device: ScsiDevice;
  readonly #driver: ScsiDriver;
  readonly #disks: readonly ScsiDisk[];
  readonly #flights = new Set<Flight>();
  readonly #wrong: string[] = [];
  readonly #heard: ScsiEvent[] = [];
  readonly #happened: string[] = [];
  /** Functions under way that end commands, by disk. */
  readonly #aborts = PLACES.map(() => 0);
  #plugged = false;
  #open = 0;

  constructor(each: Case) {
    this.#case = each;
    this.#storages = this.#models.map(({ bytes }) =>
      each.lateStorage ? new LateStorage(bytes.slice(), this.#tasks) : new MemoryStorage(bytes.slice()),
    );
    this.#device = new ScsiDevice({
      queueSize: each.queueSize,
      requestQueues: each.requestQueues,
      units: PLACES.map((place, i) => ({ ...place, unit: new DiskUnit({ storage: this.#storages[i]! }) })),
    });
    this.#rig = buildRig(this.#device, each, this.#tasks);
    this.#driver = new ScsiDriver(this.#rig.transport(), this.#rig.memory, {
      ringFeatures: each.ringFeatures,
      depth: each.depth,
      requestQueues: each.driverQueues,
      requestBytes: each.requestBlocks * BLOCK_BYTES,
      eventBuffers: each.eventBuffers,
      onEvent: (event) => this.#heard.push(event),
      ...each.sizes,
    });
    this.#disks = PLACES.map((place) => new ScsiDisk(this.#driver, place));
  }

  async run(): Promise<void> {
    const capacities = Promise.all(this.#disks.map((each) => each.capacity()));
    await this.#settle();
    for (const { blocks } of await capacities) if (blocks !== BLOCKS) throw new Error(`${blocks} blocks`);
    for (const step of this.#case.steps) {
      await this.#step(step);
      await microtasks();
      this.#check(false);
    }
    await this.#settle();
    this.#check(true);
    this.#checkStorages();
    this.#checkEvents();
  }

  async #step(step: Step): Promise<void> {
    if (step.do === 'release') this.#tasks.release(step.pick);
    else if (step.do === 'wait') await this.#settle();
    else if (step.do === 'plug') this.#plug();
    else if (step.do === 'raw') this.#raw(step);
    else if (step.do === 'abort') this.#abort(step);
    else if (step.do === 'sync')
      this.#watch(step, this.#disks[step.disk]!.sync(), step.disk, 0, 0, false, () => true);
    else if (step.do === 'beyond') this.#beyond(step.disk, step.blocks);
    else await this.#transfer(step);
  }

  async #transfer(step: Step & { readonly lba: number; readonly disk: number }): Promise<void> {
    const [index, { lba }] = [step.disk, step];
    const blocks = 'blocks' in step ? step.blocks : 0;
    const writes = step.do !== 'read';
    const clash = ({ disk, from, to, writes: other }: Flight) =>
      disk === index && from < lba + blocks && lba < to && (writes || other);
    if ([...this.#flights].some(clash)) await this.#settle();
    const [driver, model] = [this.#disks[index]!, this.#models[index]!];
    const end = lba + blocks;
    if (step.do === 'read')
      this.#watch(step, driver.read(lba, blocks), index, lba, end, false, (data) => model.agrees(lba, data));
    else {
      const data = step.do === 'unmap' ? new Uint8Array(blocks * BLOCK_BYTES) : pattern(seedOf(step), blocks);
      const sent =
        step.do === 'unmap' ? driver.unmap([{ lba, blocks }]) : driver.write(lba, data, step.do === 'stable');
      this.#watch(step, sent, index, lba, end, true, () => {
        model.put(lba, data);
        return true;
      });
    }
  }

  /** A command that leaves the disk: refused, and nothing changes. */
  #beyond(index: number, most: number): void {
    const blocks = Math.min(most, this.#case.requestBlocks);
    const sent = this.#disks[index]!.write(BLOCKS + 1 - blocks, new Uint8Array(BLOCK_BYTES * blocks)).then(
      () => 'written',
      (error: unknown) => (error instanceof ScsiCommandError ? error.message : String(error)),
    );
    this.#watch('beyond', sent, index, 0, 0, false, (text, doomed) =>
      doomed ? text !== 'written' : text.includes('lbaOutOfRange'),
    );
  }

  #raw({ lun, cdb, inBytes }: Step & { do: 'raw' }): void {
    const address = new Uint8Array(8);
    address.set(lun);
    const room = Math.min(inBytes, this.#driver.requestBytes);
    const sent = this.#driver.command(address, Uint8Array.from(cdb), undefined, room);
    this.#watch(cdb, sent, -1, 0, 0, false, (reply: ScsiReply) => {
      if (reply.response > 4) return false;
      if (reply.response !== 0) return reply.residual === room;
      return (reply.status === 0 || reply.status === 2) && reply.residual <= room && reply.sense.length <= 18;
    });
  }

  #abort({ disk: index, how }: Step & { do: 'abort' }): void {
    // What comes while the function is under way may be hit as well.
    for (const flight of this.#flights) if (flight.disk === index) flight.doomed = true;
    this.#aborts[index]!++;
    const sent = this.#driver.manage(how, PLACES[index]!).finally(() => this.#aborts[index]!--);
    this.#watch(how, sent, -1, 0, 0, false, (response) => response === 0);
  }

  #plug(): void {
    if (this.#plugged) this.#device.detachLun(PLUG.target, PLUG.lun);
    else
      this.#device.attachLun(
        PLUG.target,
        PLUG.lun,
        new DiskUnit({ storage: new MemoryStorage(pattern(1, 1)) }),
      );
    this.#plugged = !this.#plugged;
    this.#happened.push(this.#plugged ? 'came' : 'went');
  }

  #watch<T>(
    what: unknown,
    sent: Promise<T>,
    index: number,
    from: number,
    to: number,
    writes: boolean,
    right: (value: T, doomed: boolean) => boolean,
  ): void {
    const flight: Flight = { disk: index, from, to, writes, doomed: (this.#aborts[index] ?? 0) > 0 };
    this.#flights.add(flight);
    this.#open++;
    const wrong = (text: string) => this.#wrong.push(`${JSON.stringify(what)} ${text}`);
    sent
      .then(
        (value) => right(value, flight.doomed) || wrong('brought the wrong result'),
        (error: unknown) => {
          const response = error instanceof ScsiCommandError ? error.reply.response : -1;
          if (!flight.doomed || (response !== 2 && response !== 4)) wrong(`failed: ${error}`);
          if (writes) for (let lba = from; lba < to; lba++) this.#models[index]!.open.add(lba);
        },
      )
      .finally(() => {
        this.#flights.delete(flight);
        this.#open--;
      });
  }

  /** Lets everything through until nothing is left to be done. */
  async #settle(): Promise<void> {
    await settle(this.#rig, this.#tasks, chooser(this.#case.order));
  }

  #check(quiet: boolean): void {
    if (this.#wrong.length > 0) throw new Error(this.#wrong.join('; '));
    if (quiet && this.#open > 0) throw new Error(`${this.#open} commands never ended`);
  }

  #checkStorages(): void {
    for (const [i, { bytes }] of this.#storages.entries())
      if (!this.#models[i]!.agrees(0, bytes)) throw new Error(`disk ${i} differs from its array`);
  }

  /** What was heard is what happened, without what was missed. */
  #checkEvents(): void {
    const names = ['reset', 'came', 'went'];
    const heard = this.#heard.filter(({ kind }) => kind !== 'none');
    for (const { kind, target, lun } of heard)
      if (kind !== 'transportReset' || target !== PLUG.target || lun !== PLUG.lun)
        throw new Error(`an event of kind ${kind} for ${target}:${lun}`);
    const missed = this.#heard.some((event) => event.missed);
    let at = 0;
    for (const { reason } of heard) {
      const found = this.#happened.indexOf(names[reason]!, at);
      if (found < 0) throw new Error(`heard that one ${names[reason]}, which did not happen`);
      at = found + 1;
    }
    if (!missed && heard.length !== this.#happened.length)
      throw new Error(`heard ${heard.length} events of ${this.#happened.length}, and of none missed`);
  }
}

const seedOf = (step: Step): number => ('seed' in step ? step.seed : 0);

describe('a SCSI driver and host against arrays of bytes', () => {
  it(
    'any sequence of commands, task management and pluggings, over any transport, under any order of release',
    () =>
      fc.assert(
        fc.asyncProperty(cases, (each) => new Bench(each).run()),
        { numRuns: runs(300) },
      ),
    PATIENCE,
  );
});
