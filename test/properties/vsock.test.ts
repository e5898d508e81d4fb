import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HeldScheduler, type LabEvent } from '../../src/core/index.ts';
import { type VsockConnection, VsockDriver } from '../../src/driver/index.ts';
import { chooser, picks } from '../../src/testing/index.ts';
import { feature, VsockDevice, VsockHost, type VsockSocket, vsockType } from '../../src/virtio/index.ts';
import { microtasks, settle } from './support/quiet.ts';
import { buildRig, type Rig } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours. What pins them down is a third thing: for each connection and direction a list of what
 * was sent. Whatever the ring features, the sizes of buffers, the room on either side, who connects to whom, and the order
 * in which work, interrupts and writes are let through: what is read is what was sent, all of it, once, in order, and in
 * the same messages where there are such; and in the end nothing is left of a connection.
 */
const HOST_PORTS = [80, 81] as const;
const GUEST_PORTS = [1024, 1025] as const;
const { stream, seqpacket } = vsockType;
/** By type, as the ports of either side are listened to. */
const TYPES = [stream, seqpacket] as const;

type Step =
  | { readonly do: 'connect'; readonly from: 'host' | 'driver'; readonly type: number }
  | {
      readonly do: 'send' | 'read';
      readonly by: 'host' | 'driver';
      readonly which: number;
      readonly bytes: number;
    }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'settle' };

const side = fc.constantFrom('host' as const, 'driver' as const);
const steps: fc.Arbitrary<Step> = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('connect'), from: side, type: fc.constantFrom(...TYPES) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('send', 'send', 'read'),
      by: side,
      which: fc.nat(3),
      bytes: fc.oneof(fc.nat(30), fc.nat(400)),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('release'), pick: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'settle' }) },
);

const { ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder } = feature;
const RING_FEATURES = [ringIndirectDescriptors, ringEventIndex, ringPacked, inOrder];
const room = fc.constantFrom(1, 30, 150, 1000);

const cases = fc.record({
  intx: fc.boolean(),
  lateInterrupts: fc.boolean(),
  lateWrites: fc.boolean(),
  ringFeatures: fc.subarray(RING_FEATURES),
  queueSize: fc.constantFrom(2, 4, 64),
  buffers: fc.constantFrom(1, 2, 16),
  bufferBytes: fc.constantFrom(45, 60, 200),
  hostRoom: room,
  hostSends: room,
  driverRoom: room,
  order: picks,
  steps: fc.array(steps, { maxLength: 40, size: 'max' }),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

/** One direction of a connection. */
class Direction {
  readonly type: number;
  readonly sent: Uint8Array[] = [];
  readonly got: Uint8Array[] = [];

  constructor(type: number) {
    this.type = type;
  }

  /** @throws when what came is not the beginning of what was sent, or not all of it. */
  check(what: string, whole: boolean): void {
    if (this.type === seqpacket) {
      const wrong = this.got.findIndex(
        (message, i) => Buffer.compare(message, this.sent[i] ?? Buffer.of(1)) !== 0,
      );
      if (wrong >= 0) throw new Error(`${what}: message ${wrong} is another`);
      if (whole && this.got.length !== this.sent.length)
        throw new Error(`${what}: ${this.got.length} of ${this.sent.length} messages came`);
      return;
    }
    const [sent, got] = [Buffer.concat(this.sent), Buffer.concat(this.got)];
    if (Buffer.compare(sent.subarray(0, got.length), got) !== 0) throw new Error(`${what}: other bytes came`);
    if (whole && got.length !== sent.length)
      throw new Error(`${what}: ${got.length} of ${sent.length} bytes came`);
  }
}

/** A connection, as somebody sees it who holds both ends. */
class Pair {
  readonly from: 'host' | 'driver';
  readonly type: number;
  readonly out: Direction;
  readonly in: Direction;
  socket: VsockSocket | null = null;
  connection: VsockConnection | null = null;
  /** What the host could not write yet. */
  readonly #waiting: Uint8Array[] = [];
  #reading = false;
  readonly #failed: (error: unknown) => void;

  constructor(from: Pair['from'], type: number, failed: (error: unknown) => void) {
    this.from = from;
    this.type = type;
    this.out = new Direction(type);
    this.in = new Direction(type);
    this.#failed = failed;
  }

  attach(socket: VsockSocket): void {
    this.socket = socket;
    socket.on = { drained: () => this.#write() };
  }

  #write(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const taken = this.socket!.write(next);
      if (taken === next.length) continue;
      this.#waiting.unshift(next.subarray(Math.max(0, taken)));
      return;
    }
  }

  send(by: 'host' | 'driver', bytes: Uint8Array): void {
    if (this.socket === null || this.connection === null) return;
    (by === 'host' ? this.in : this.out).sent.push(bytes);
    if (by === 'driver') this.connection.send(bytes).catch(this.#failed);
    else {
      this.#waiting.push(bytes);
      if (this.#waiting.length === 1) this.#write();
    }
  }

  /** The host reads. @returns whether there was something. */
  read(most?: number): boolean {
    const bytes = this.socket?.read(most) ?? null;
    if (bytes !== null) this.out.got.push(bytes);
    return bytes !== null;
  }

  /** The driver reads, once at a time: one that waits at the end gets nothing. */
  readDriver(): void {
    if (this.connection === null || this.#reading) return;
    this.#reading = true;
    const ended = (bytes: Uint8Array | null) => {
      this.#reading = false;
      if (bytes !== null) this.in.got.push(bytes);
    };
    this.connection.read().then(ended, () => ended(null));
  }

  check(whole: boolean): void {
    this.out.check('to the host', whole);
    this.in.check('to the driver', whole);
  }
}

class Bench {
  readonly #each: Case;
  readonly #tasks = new HeldScheduler();
  readonly #host: VsockHost;
  readonly #rig: Rig;
  readonly #driver: VsockDriver;
  readonly #choose: (count: number) => number;
  readonly #pairs: Pair[] = [];
  readonly #failures: unknown[] = [];
  readonly #events: LabEvent[] = [];
  #seed = 0;

  constructor(each: Case) {
    this.#each = each;
    this.#choose = chooser(each.order);
    this.#host = new VsockHost({ receiveBytes: each.hostRoom, sendBytes: each.hostSends });
    const device = new VsockDevice({ peer: this.#host, queueSize: each.queueSize });
    const rig = {
      ...each,
      way: { by: 'modern' as const },
      bigEndian: false,
      transportFeatures: RING_FEATURES,
    };
    this.#rig = buildRig(device, rig, this.#tasks);
    for (const machine of this.#rig.machines)
      machine.events = (event) => {
        if (event.kind === 'finding') this.#events.push(event);
      };
    this.#driver = new VsockDriver(this.#rig.transport(), this.#rig.memory, {
      ringFeatures: each.ringFeatures,
      receiveBytes: each.driverRoom,
      buffers: each.buffers,
      bufferBytes: each.bufferBytes,
    });
    for (const [i, type] of TYPES.entries()) {
      this.#host.listen(HOST_PORTS[i]!, (socket) => this.#accepted(socket), type);
      this.#driver.listen(GUEST_PORTS[i]!, (connection) => this.#taken(connection), type);
    }
  }

  readonly #fail = (error: unknown) => void this.#failures.push(error);

  /** Connections are taken in the order in which they were asked for, maybe before whoever asked has one in hand. */
  #asked(from: Pair['from'], type: number, end: 'socket' | 'connection'): Pair {
    return this.#pairs.find((pair) => pair.from === from && pair.type === type && pair[end] === null)!;
  }

  #accepted(socket: VsockSocket): void {
    this.#asked('driver', socket.type, 'socket').attach(socket);
  }

  #taken(connection: VsockConnection): void {
    this.#asked('host', connection.type, 'connection').connection = connection;
  }

  #connect(from: 'host' | 'driver', type: number): void {
    if (this.#pairs.length === 4) return;
    const pair = new Pair(from, type, this.#fail);
    const at = TYPES.indexOf(type as (typeof TYPES)[number]);
    this.#pairs.push(pair);
    if (from === 'host') pair.attach(this.#host.connect(GUEST_PORTS[at]!, {}, type));
    else
      this.#driver.connect(HOST_PORTS[at]!, type).then((connection) => {
        pair.connection = connection;
      }, this.#fail);
  }

  async step(step: Step): Promise<void> {
    if (step.do === 'connect') this.#connect(step.from, step.type);
    else if (step.do === 'release') this.#tasks.release(step.pick);
    else if (step.do === 'settle') await this.#settle();
    else {
      const pair = this.#pairs[step.which];
      if (pair === undefined) return;
      if (step.do === 'send') pair.send(step.by, this.#bytes(step, pair.type));
      else if (step.by === 'host') pair.read(Math.max(1, step.bytes));
      else pair.readDriver();
    }
    await microtasks();
    this.#check(false);
  }

  /** A message that is longer than the room on the other side never gets there. */
  #bytes({ by, bytes }: { by: 'host' | 'driver'; bytes: number }, type: number): Uint8Array {
    const { hostRoom, hostSends, driverRoom } = this.#each;
    const most = by === 'host' ? Math.min(hostSends, driverRoom) : hostRoom;
    const length = type === seqpacket ? Math.min(bytes, most) : bytes;
    return Uint8Array.from({ length }, () => (this.#seed = (Math.imul(this.#seed, 29) + 11) & 0xffff) >> 3);
  }

  async #settle(): Promise<void> {
    await settle(this.#rig, this.#tasks, this.#choose);
  }

  #check(whole: boolean): void {
    for (const pair of this.#pairs) pair.check(whole);
    if (this.#driver.driver.failure !== null) throw this.#driver.driver.failure;
    if (this.#failures.length > 0) throw new Error(`failed: ${this.#failures.join('; ')}`);
    if (this.#events.length > 0) throw new Error(`findings: ${JSON.stringify(this.#events)}`);
  }

  /** Everything that was sent is read; then each connection is closed, by one side or the other. */
  async end(): Promise<void> {
    await this.#settle();
    const came = () => JSON.stringify(this.#pairs.map((pair) => [pair.out.got.length, pair.in.got.length]));
    for (let before = ''; before !== came(); ) {
      before = came();
      for (const pair of this.#pairs) {
        while (pair.read());
        pair.readDriver();
      }
      await this.#settle();
    }
    this.#check(true);
    for (const [i, { socket, connection }] of this.#pairs.entries())
      if (i % 2 === 0) socket!.close();
      else connection!.close().catch(this.#fail);
    await this.#settle();
    if (this.#host.sockets.length > 0) throw new Error(`${this.#host.sockets.length} sockets are left`);
    if (this.#events.length > 0) throw new Error(`findings: ${JSON.stringify(this.#events)}`);
    this.#driver.close();
  }
}

async function run(each: Case): Promise<void> {
  const bench = new Bench(each);
  for (const step of each.steps) await bench.step(step);
  await bench.end();
}

describe('driver and device against lists of what was sent', () => {
  it(
    'any connections, streams and messages, under any order of release',
    () => fc.assert(fc.asyncProperty(cases, run), { numRuns: runs(300) }),
    PATIENCE,
  );
});
