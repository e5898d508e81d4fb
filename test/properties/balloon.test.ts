import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HeldScheduler, type LabEvent } from '../../src/core/index.ts';
import { BalloonDriver, type DmaMemory } from '../../src/driver/index.ts';
import { chooser, picks } from '../../src/testing/index.ts';
import {
  BalloonDevice,
  balloonCommand,
  balloonFeature,
  feature,
  type PageSet,
} from '../../src/virtio/index.ts';
import { microtasks, settle } from './support/quiet.ts';
import { anyWay, buildRig, builtIn, type Rig, type RigOptions } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours. What pins them down is memory: the test stamps every page that leaves the driver's
 * hands, and the device, which discards, is caught wherever it empties a page that it was not given or keeps one full
 * that it was. The sizes are those of a model that knows a target and a number of pages, and nothing of queues.
 */
const PAGE = 4096;
const STAMP = 0xa5;
const POISON = 0x6b6b6b6b;

type Step =
  | { readonly do: 'target'; readonly pages: number }
  | { readonly do: 'statistics' | 'start' | 'stop' | 'done' | 'arrive' | 'wait' }
  | { readonly do: 'report'; readonly pages: number }
  | { readonly do: 'release'; readonly pick: number };

interface Case extends RigOptions {
  /** Feature bits that the device offers. */
  readonly offered: readonly number[];
  readonly numbering: 'specification' | 'contiguous';
  readonly poison: boolean;
  /** Pages that the driver can spare. */
  readonly spare: number;
  readonly queueSize: number;
  readonly ringFeatures: readonly number[];
  readonly order: readonly number[];
  readonly steps: readonly Step[];
}

const steps: fc.Arbitrary<Step> = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('target'), pages: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('statistics', 'start', 'stop', 'done') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('report'), pages: fc.nat(6) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('release'), pick: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('arrive', 'wait') }) },
);

const RINGS = [feature.ringIndirectDescriptors, feature.ringEventIndex];
const cases: fc.Arbitrary<Case> = fc
  .record({
    way: anyWay,
    bigEndian: fc.boolean(),
    intx: fc.boolean(),
    lateInterrupts: fc.boolean(),
    lateWrites: fc.boolean(),
    offered: fc.oneof(fc.constant(Object.values(balloonFeature)), fc.subarray(Object.values(balloonFeature))),
    numbering: fc.constantFrom('specification', 'contiguous'),
    poison: fc.boolean(),
    spare: fc.constantFrom(12, 1, 5),
    queueSize: fc.constantFrom(8, 1, 2, 16),
    ringFeatures: fc.subarray([...RINGS, feature.ringPacked]),
    order: picks,
    steps: fc.array(steps, { maxLength: 30, size: 'max' }),
  })
  .map((each) => ({ ...each, transportFeatures: [...RINGS, feature.ringPacked] }));

const numbersOf = (set: PageSet) =>
  set.ranges().flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
const same = (what: string, found: readonly number[], wanted: readonly number[]) => {
  const sorted = [...wanted].sort((a, b) => a - b);
  if (found.join() !== sorted.join()) throw new Error(`${what}: ${found.join()} and not ${sorted.join()}`);
};

function make({ offered, numbering, queueSize }: Case): BalloonDevice {
  const has = (bit: number) => offered.includes(bit);
  return new BalloonDevice({
    statistics: has(balloonFeature.statisticsQueue),
    pagePoison: has(balloonFeature.pagePoison),
    deflateOnOutOfMemory: has(balloonFeature.deflateOnOutOfMemory),
    freePageHints: has(balloonFeature.freePageHint),
    freePageReports: has(balloonFeature.pageReporting),
    ...(has(balloonFeature.mustTellHost) ? { mustTellHost: 'required' as const } : {}),
    numbering,
    discard: true,
    queueSize,
  });
}

/** Everything of one case: the rig, its driver, and what has to hold. */
class Play {
  readonly tasks = new HeldScheduler();
  readonly device: BalloonDevice;
  readonly rig: Rig;
  readonly driver: BalloonDriver;
  readonly #each: Case;
  readonly #choose: (count: number) => number;
  readonly #findings: string[] = [];
  /** Pages that the driver has at hand, stamped. */
  readonly #stamped = new Set<number>();
  #calls = 0n;
  #asked = false;

  constructor(each: Case) {
    this.#each = each;
    this.#choose = chooser(each.order);
    this.device = make(each);
    this.rig = buildRig(this.device, each, this.tasks);
    const note = (event: LabEvent) => {
      if (event.kind === 'finding' && event.clause !== builtIn(each.way))
        this.#findings.push(`${event.clause} ${event.message}`);
    };
    for (const machine of this.rig.machines) machine.events = note;
    const { spare, numbering, ringFeatures } = each;
    this.driver = new BalloonDriver(this.rig.transport(), this.rig.memory, {
      pages: spare,
      numbering,
      ringFeatures,
      statistics: () => ({ majorFaults: ++this.#calls, totalMemory: 2n ** 63n + this.#calls }),
      ...(each.poison ? { poison: POISON } : {}),
    });
  }

  get #memory(): DmaMemory {
    return this.rig.memory;
  }

  async settle(): Promise<void> {
    await settle(this.rig, this.tasks, this.#choose);
    await this.driver.settled();
    this.#check();
  }

  /** What holds whenever nothing is under way. */
  #check(): void {
    const { device, driver } = this;
    if (this.#findings.length > 0) throw new Error(this.#findings.join('; '));
    const [wanted, size] = [device.target, driver.balloon.length];
    const empty = size + driver.hinted.length === this.#each.spare;
    if (size !== wanted && !(size < wanted && empty)) throw new Error(`${size} pages in place of ${wanted}`);
    same('in the balloon', numbersOf(device.inflated), driver.balloon);
    if (device.actual !== size) throw new Error(`actual ${device.actual}, and ${size} pages`);
    if (device.hints.commandId >= balloonCommand.firstRound)
      for (const page of numbersOf(device.hints.pages))
        if (!driver.hinted.includes(page)) throw new Error(`page ${page} was never hinted`);
    for (const page of driver.balloon) this.#expect(page, 0);
    for (const page of driver.balloon) this.#stamped.delete(page);
    for (const page of this.#stamped) this.#expect(page, STAMP);
    this.#checkStatistics();
  }

  #expect(page: number, value: number): void {
    const bytes = this.#memory.ram.read(page * PAGE, PAGE);
    const wrong = bytes.findIndex((byte) => byte !== value);
    if (wrong >= 0) throw new Error(`page ${page} holds ${bytes[wrong]} at ${wrong}, and not ${value}`);
  }

  /** Hinted pages are the driver's to write to, and no device touches them here. */
  stamp(): void {
    for (const page of this.driver.hinted) {
      this.#memory.ram.fill(page * PAGE, PAGE, STAMP);
      this.#stamped.add(page);
    }
  }

  #checkStatistics(): void {
    const { majorFaults, totalMemory } = this.device.statistics;
    if (!this.#asked) return;
    if (majorFaults !== this.#calls || totalMemory !== 2n ** 63n + this.#calls)
      throw new Error(`statistics ${majorFaults} ${totalMemory} of call ${this.#calls}`);
  }

  async report(pages: number): Promise<void> {
    if (!this.driver.driver.has(balloonFeature.pageReporting)) return;
    const named = await Promise.all([this.driver.report(pages), this.settle()]).then(([each]) => each);
    const value = this.device.poison === null ? 0 : POISON & 0xff;
    for (const page of named) {
      if (!this.device.reported.has(page)) throw new Error(`page ${page} was reported`);
      // One that went into the balloon since is empty, and was looked at.
      if (!this.driver.balloon.includes(page)) this.#expect(page, value);
    }
  }

  async step(step: Step): Promise<void> {
    const { device } = this;
    const hints = this.driver.driver.has(balloonFeature.freePageHint);
    switch (step.do) {
      case 'target':
        return device.setTarget(step.pages);
      case 'statistics':
        if (device.requestStatistics()) this.#asked = true;
        return;
      case 'start':
      case 'stop':
      case 'done':
        if (hints) device.hints[step.do]();
        if (step.do === 'done') this.#stamped.clear();
        return;
      case 'report':
        return this.report(step.pages);
      case 'release':
        this.tasks.release(step.pick);
        return;
      case 'arrive':
        for (const { posted } of this.rig.machines) posted?.flushAll();
        return;
      case 'wait':
        await this.settle();
        this.stamp();
    }
  }

  /** A round without interruptions names everything that the driver has left. */
  async lastRound(): Promise<void> {
    if (!this.driver.driver.has(balloonFeature.freePageHint)) return;
    const { hints } = this.device;
    hints.done();
    this.#stamped.clear();
    await this.settle();
    hints.start();
    await this.settle();
    if (!hints.complete) throw new Error('the round does not end');
    same('hinted', numbersOf(hints.pages), this.driver.hinted);
    const all = this.driver.hinted.length + this.driver.balloon.length;
    if (all !== this.#each.spare) throw new Error(`${all} pages of ${this.#each.spare} are accounted for`);
  }
}

async function run(each: Case): Promise<void> {
  const play = new Play(each);
  for (const step of each.steps) {
    await play.step(step);
    await microtasks();
  }
  await play.settle();
  await play.lastRound();
  const had = play.device.statistics.majorFaults !== undefined;
  if (play.device.requestStatistics() !== play.driver.driver.has(balloonFeature.statisticsQueue))
    throw new Error(`statistics can${had ? '' : 'not'} be asked for`);
  await play.settle();
  play.driver.close();
  await microtasks();
  if (play.device.inflated.size + play.device.actual !== 0) throw new Error('pages are left after a reset');
}

describe('balloon driver and device against memory and a target', () => {
  it(
    'any sequence of wishes, over any transport, under any order of release',
    () => fc.assert(fc.asyncProperty(cases, run), { numRuns: runs(300) }),
    PATIENCE,
  );
});
