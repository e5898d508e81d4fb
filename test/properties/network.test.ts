import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import { type FrameHeader, NetworkDriver } from '../../src/driver/index.ts';
import { chooser, picks } from '../../src/testing/index.ts';
import {
  feature,
  NetworkDevice,
  type NetworkLink,
  type NetworkPort,
  networkDependencies,
  networkFeature,
  type networkReceiveMode,
  type Offload,
} from '../../src/virtio/index.ts';
import { consistent } from './support/consistent.ts';
import { NetworkModel, stations, type Told, tell } from './support/network-model.ts';
import { microtasks, settle } from './support/quiet.ts';
import { anyWay, buildRig, type Rig, type RigOptions } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours and could share a mistake. What pins this down: a link that keeps what it is given, and
 * a model of sets (addresses, VLANs, modes) that says which frames have to come through, and with which bytes. Whatever
 * the transport, the rings, the framing, the length of buffers and the order in which work is done, each frame that is
 * sent reaches the link once, whole and in the order of its queue, and each that arrives reaches the driver in the same
 * way, if and only if the model says so.
 */
const bit = networkFeature;
const MTU = 260;

type Step =
  | { readonly do: 'send'; readonly length: number; readonly pair: number; readonly checksum: boolean }
  | {
      readonly do: 'arrive';
      readonly to: number;
      readonly length: number;
      readonly vlan: number | null;
      readonly checksum: boolean;
    }
  | { readonly do: 'tell'; readonly told: Told }
  | { readonly do: 'link'; readonly up: boolean }
  | { readonly do: 'announce' }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'flush' }
  | { readonly do: 'wait' };

interface Case extends RigOptions {
  readonly features: readonly number[];
  readonly ringFeatures: readonly number[];
  readonly queueSize: number;
  readonly queuePairs: number;
  readonly buffers: number;
  readonly bufferBytes: number;
  readonly framing: readonly number[];
  readonly depth: number;
  readonly order: readonly number[];
  readonly steps: readonly Step[];
  readonly releases: number;
}

const lengths = fc.oneof(fc.integer({ min: 20, max: 120 }), fc.integer({ min: 200, max: 14 + MTU + 6 }));
const told = fc.oneof<fc.Arbitrary<Told>[]>(
  fc
    .record({
      mode: fc.constantFrom<(keyof typeof networkReceiveMode)[]>(
        'promiscuous',
        'allMulticast',
        'allUnicast',
        'noMulticast',
        'noUnicast',
        'noBroadcast',
      ),
      on: fc.boolean(),
    })
    .map((each): Told => ({ what: 'mode', ...each })),
  fc
    .record({ unicast: fc.subarray([1, 2]), multicast: fc.subarray([3, 4]) })
    .map((each): Told => ({ what: 'table', ...each })),
  fc.constantFrom(0, 1, 2).map((station): Told => ({ what: 'mac', station })),
  fc
    .record({ id: fc.constantFrom(0, 5, 4095), on: fc.boolean() })
    .map((each): Told => ({ what: 'vlan', ...each })),
  fc.constantFrom(1, 2, 3).map((pairs): Told => ({ what: 'pairs', pairs })),
);

const steps = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 6,
    arbitrary: fc
      .record({ length: lengths, pair: fc.nat(1), checksum: fc.boolean() })
      .map((each): Step => ({ do: 'send', ...each })),
  },
  {
    weight: 8,
    arbitrary: fc
      .record({
        to: fc.nat(stations.length - 1),
        length: lengths,
        vlan: fc.option(fc.constantFrom(0, 5, 4095), { freq: 4 }),
        checksum: fc.boolean(),
      })
      .map((each): Step => ({ do: 'arrive', ...each })),
  },
  { weight: 3, arbitrary: told.map((each): Step => ({ do: 'tell', told: each })) },
  { weight: 1, arbitrary: fc.boolean().map((up): Step => ({ do: 'link', up })) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'announce' }) },
  { weight: 6, arbitrary: fc.nat(7).map((pick): Step => ({ do: 'release', pick })) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'flush' }) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'wait' }) },
);

const OFTEN = [bit.mergeableBuffers, bit.controlQueue, bit.controlReceive, bit.status, bit.mac];
const SOMETIMES = [
  bit.checksum,
  bit.guestChecksum,
  bit.mtu,
  bit.controlReceiveExtra,
  bit.controlVlan,
  bit.guestAnnounce,
  bit.multiQueue,
  bit.controlMacAddress,
];

const cases: fc.Arbitrary<Case> = fc
  .record({
    way: anyWay,
    bigEndian: fc.boolean(),
    intx: fc.boolean(),
    lateInterrupts: fc.boolean(),
    lateWrites: fc.boolean(),
    features: fc
      .tuple(fc.subarray(OFTEN, { minLength: 3 }), fc.subarray(SOMETIMES))
      .map((both) => consistent(both.flat(), networkDependencies)),
    ringFeatures: fc.subarray([
      feature.ringIndirectDescriptors,
      feature.ringEventIndex,
      feature.notifyOnEmpty,
      feature.ringPacked,
      feature.inOrder,
    ]),
    queueSize: fc.constantFrom(8, 4, 16, 64),
    queuePairs: fc.constantFrom(1, 2),
    buffers: fc.constantFrom(8, 1, 3, 20),
    bufferBytes: fc.constantFrom(300, 12, 64, 17, 100),
    framing: fc.constantFrom([], [10], [12], [3, 9], [1, 20]),
    depth: fc.constantFrom(4, 1, 9),
    order: picks,
    steps: fc.array(steps, { maxLength: 40, size: 'max' }),
    releases: fc.nat(6),
  })
  .map((each) => ({
    ...each,
    transportFeatures: [
      feature.ringIndirectDescriptors,
      feature.ringEventIndex,
      feature.ringPacked,
      feature.inOrder,
      feature.ringReset,
    ],
    ringFeatures: each.ringFeatures.filter(
      (bit) => bit !== feature.notifyOnEmpty || !each.way.by.startsWith('modern'),
    ),
    // Buffers that are not merged have to hold a header at least, and are of no use when they hold no more.
    bufferBytes: each.features.includes(bit.mergeableBuffers)
      ? each.bufferBytes
      : Math.max(64, each.bufferBytes),
  }));

/** The link: keeps what is sent, and brings what arrives. */
class Wire implements NetworkLink {
  readonly offloads = true;
  port!: NetworkPort;
  readonly sent: { readonly frame: Uint8Array; readonly offload: Offload | null }[] = [];

  attach(port: NetworkPort): void {
    this.port = port;
  }

  transmit(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    this.sent.push({
      frame: bytes.slice(offset, offset + length),
      offload: offload === null ? null : { ...offload },
    });
  }
}

/** Everything between one driver, one device and the model. */
class Run {
  readonly #each: Case;
  readonly #tasks = new HeldScheduler();
  readonly #wire = new Wire();
  readonly #device: NetworkDevice;
  readonly #rig: Rig;
  readonly #choose: (count: number) => number;
  readonly #errors: string[] = [];
  #model!: NetworkModel;
  #announced = 0;
  #linkHeard: boolean | null = null;
  #serial = 0;

  constructor(each: Case) {
    this.#each = each;
    const { queueSize, queuePairs } = each;
    this.#device = new NetworkDevice({
      link: this.#wire,
      macAddress: Uint8Array.from(stations[0]!),
      queueSize,
      controlQueueSize: 8,
      queuePairs,
      mtu: MTU,
    });
    this.#rig = buildRig(this.#device, each, this.#tasks);
    this.#choose = chooser(each.order);
  }

  #open(): NetworkDriver {
    const { buffers, bufferBytes, framing, depth, features, ringFeatures, queuePairs } = this.#each;
    const model = new NetworkModel(bufferBytes);
    const driver = new NetworkDriver(this.#rig.transport(), this.#rig.memory, {
      buffers,
      bufferBytes,
      framing,
      depth,
      features,
      ringFeatures,
      queuePairs,
      onFrame: (frame, header, pair) => model.received(frame, header, pair),
      onLink: (up) => {
        this.#linkHeard = up;
      },
      onAnnounce: () => this.#announced++,
    });
    const has = (each: number) => driver.driver.has(each);
    model.begin(has, driver.queuePairs, this.#buffersOf(driver));
    this.#model = model;
    return driver;
  }

  /** Receive buffers that a queue has room for. */
  #buffersOf({ driver }: NetworkDriver): number {
    const { buffers, bufferBytes, framing } = this.#each;
    let left = bufferBytes;
    let pieces = 0;
    for (const length of [...framing, left]) {
      if (left > 0) pieces++;
      left -= Math.min(left, length);
    }
    const descriptors = driver.has(feature.ringIndirectDescriptors) ? 1 : pieces;
    return Math.min(buffers, Math.floor(driver.rings.get(0)!.size / descriptors));
  }

  async #settle(): Promise<void> {
    await settle(this.#rig, this.#tasks, this.#choose);
    this.#model.settled();
  }

  #check(): void {
    const errors = [...this.#errors.splice(0), ...this.#model.errors()];
    if (errors.length > 0) throw new Error(errors.join('; '));
  }

  #send(driver: NetworkDriver, step: Step & { do: 'send' }): void {
    const pair = Math.min(step.pair, this.#model.pairs - 1);
    const { frame, header } = this.#model.outgoing(
      step.length,
      pair,
      this.#serial++,
      step.checksum,
      this.#device.linkUp,
    );
    this.#model.pendingSends++;
    driver.send(frame, header as FrameHeader | null, pair).then(
      () => this.#model.pendingSends--,
      (error: unknown) => this.#errors.push(`a frame was not sent: ${error}`),
    );
  }

  #arrive(step: Step & { do: 'arrive' }): void {
    const { frame, offload } = this.#model.incoming(
      step.to,
      step.length,
      step.vlan,
      this.#serial++,
      step.checksum,
    );
    const taken = this.#wire.port.receive(frame, 0, frame.length, offload);
    frame.fill(0xdd);
    this.#model.judge(taken, this.#device.linkUp);
  }

  async #step(driver: NetworkDriver, step: Step): Promise<void> {
    if (step.do === 'release') this.#tasks.release(step.pick);
    else if (step.do === 'flush') for (const { posted } of this.#rig.machines) posted?.flushAll();
    else if (step.do === 'wait') await this.#settle();
    else if (step.do === 'send') this.#send(driver, step);
    else if (step.do === 'arrive') this.#arrive(step);
    else if (step.do === 'announce') await this.#announce(driver);
    else if (step.do === 'link') await this.#setLink(driver, step.up);
    else await this.#tell(driver, step.told);
  }

  /** A command stands when its answer is there: until then frames could be judged either way. */
  async #tell(driver: NetworkDriver, told: Told): Promise<void> {
    await this.#settle();
    const answer = tell(driver, told);
    if (answer === null) return;
    let ended: string | null = null;
    answer.then(
      () => (ended = 'ok'),
      (error: unknown) => (ended = String(error)),
    );
    await this.#settle();
    const expected = this.#model.tell(told);
    if ((ended === 'ok') !== expected) this.#errors.push(`${JSON.stringify(told)} ended with ${ended}`);
  }

  async #setLink(driver: NetworkDriver, up: boolean): Promise<void> {
    await this.#settle();
    const was = this.#device.linkUp;
    this.#linkHeard = null;
    this.#device.setLink(up);
    await this.#settle();
    const hears = driver.driver.has(bit.status);
    const expected = hears && was !== up ? up : null;
    if (this.#linkHeard !== expected) this.#errors.push(`the driver heard of the link: ${this.#linkHeard}`);
    if (driver.linkUp !== (hears ? up : true))
      this.#errors.push(`the driver takes the link for ${driver.linkUp}`);
  }

  async #announce(driver: NetworkDriver): Promise<void> {
    const before = this.#announced;
    const asked = this.#device.announce();
    await this.#settle();
    const expected = driver.driver.has(bit.guestAnnounce);
    if (asked !== expected) this.#errors.push('an announcement was asked for');
    // Where the driver can read the field, it does as it is told, and the device forgets it.
    const seen = expected && driver.driver.has(bit.status);
    if (this.#announced - before !== (seen ? 1 : 0)) this.#errors.push('an announcement was lost or doubled');
    if (seen && (this.#device.config.get('status') & 2) !== 0) this.#errors.push('an announcement stays');
  }

  async run(): Promise<void> {
    let driver = this.#open();
    await this.#settle();
    for (const step of this.#each.steps) {
      await this.#step(driver, step);
      await microtasks();
      this.#check();
    }
    await this.#settle();
    this.#device.setLink(true);
    await this.#settle();
    this.#model.checkSent(this.#wire.sent.splice(0));
    this.#check();
    await this.#leave(driver);
    // The device is as good as new for the next driver.
    driver = this.#open();
    await this.#settle();
    this.#send(driver, { do: 'send', length: 100, pair: 0, checksum: false });
    this.#arrive({ do: 'arrive', to: 0, length: 40, vlan: null, checksum: false });
    await this.#settle();
    this.#model.checkSent(this.#wire.sent.splice(0));
    this.#check();
  }

  /** After a reset nothing of what was in flight is carried out any more (BF-RST-02). */
  async #leave(driver: NetworkDriver): Promise<void> {
    for (let i = 0; i < 3; i++) driver.send(new Uint8Array(60)).catch(() => 'the driver was closed');
    for (let i = 0; i < this.#each.releases; i++)
      this.#tasks.release(this.#choose(this.#tasks.pending.length));
    driver.close();
    this.#wire.sent.length = 0;
    const before = Buffer.from(this.#rig.memory.ram.ranges[0]!.bytes);
    if (this.#wire.port.receive(new Uint8Array(60), 0, 60, null)) throw new Error('taken after a reset');
    await this.#settle();
    if (Buffer.compare(before, this.#rig.memory.ram.ranges[0]!.bytes) !== 0)
      throw new Error('memory changed after the reset');
    if (this.#wire.sent.length > 0) throw new Error('a frame was sent after the reset');
  }
}

describe('network driver and device against a model of sets', () => {
  it(
    'any sequence of frames and commands, over any transport, under any order of release',
    () =>
      fc.assert(
        fc.asyncProperty(cases, (each) => new Run(each).run()),
        { numRuns: runs(300) },
      ),
    PATIENCE,
  );
});
