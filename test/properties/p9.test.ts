import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HeldScheduler, type LabEvent } from '../../src/core/index.ts';
import { P9Driver } from '../../src/driver/index.ts';
import { chooser, picks } from '../../src/testing/index.ts';
import { feature, P9Device } from '../../src/virtio/index.ts';
import { HeldServer } from './support/held-server.ts';
import { microtasks, settle } from './support/quiet.ts';
import { anyWay, buildRig, builtIn, type Rig, type RigOptions } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours. What pins them down is the server behind them, which is the test's: what it was sent,
 * what it answered, and when it died. Messages are made and taken apart here, byte by byte. Every message ends exactly
 * once: with its own reply where the server gave one, with the error that belongs to it where it could not, or with
 * nothing where it was flushed or has no room.
 */
const IO_ERROR = 5;
const TOO_LONG = 90;
const HEADER = 7;
const ERROR_BYTES = 11;

type Step =
  | {
      readonly do: 'send';
      readonly body: number;
      /** Bytes of the reply beside its header. */
      readonly replyBody: number;
      /** Bytes of room beyond what the reply takes. */
      readonly spare: number;
    }
  | { readonly do: 'flush'; readonly pick: number }
  | { readonly do: 'answer'; readonly pick: number; readonly cut: number }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'die'; readonly how: 'closed' | 'garbage' | 'huge' }
  | { readonly do: 'mount' | 'arrive' | 'wait' };

interface Case extends RigOptions {
  readonly queueSize: number;
  readonly ringFeatures: readonly number[];
  readonly depth: number;
  readonly order: readonly number[];
  readonly steps: readonly Step[];
}

const step: fc.Arbitrary<Step> = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('send'),
      body: fc.integer({ min: 8, max: 300 }),
      replyBody: fc.oneof(fc.nat(20), fc.nat(400)),
      spare: fc.constantFrom(0, 0, 0, 1, 100, -1, -5, -400),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('answer'), pick: fc.nat(9), cut: fc.nat(20) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('release'), pick: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush'), pick: fc.nat(7) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('die'), how: fc.constantFrom('closed', 'garbage', 'huge') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('mount', 'arrive', 'wait') }) },
);

const RINGS = [feature.ringIndirectDescriptors, feature.ringEventIndex, feature.ringPacked];
const cases: fc.Arbitrary<Case> = fc
  .record({
    way: anyWay,
    bigEndian: fc.boolean(),
    intx: fc.boolean(),
    lateInterrupts: fc.boolean(),
    lateWrites: fc.boolean(),
    queueSize: fc.constantFrom(8, 2, 4, 128),
    ringFeatures: fc.subarray(RINGS),
    depth: fc.constantFrom(4, 1, 8),
    order: picks,
    steps: fc.array(step, { maxLength: 40, size: 'max' }),
  })
  .map((each) => ({ ...each, transportFeatures: RINGS }));

const T = { version: 100, flush: 108, write: 118 } as const;
const MSIZE = 0x400;

function message(type: number, tag: number, body: readonly number[]): Uint8Array {
  const size = HEADER + body.length;
  return Uint8Array.of(size & 0xff, size >> 8, 0, 0, type, tag & 0xff, tag >> 8, ...body);
}

const error = (tag: number, code: number) => message(7, tag, [code, 0, 0, 0]);

/** What the server answers: for a version the same again, for a flush nothing, else bytes that the message asked for. */
function answerTo(sent: Uint8Array): Uint8Array {
  const [type, tag] = [sent[4]!, sent[5]! | (sent[6]! << 8)];
  if (type === T.version) return message(type + 1, tag, [...sent.subarray(HEADER)]);
  if (type === T.flush) return message(type + 1, tag, []);
  const length = sent[HEADER]! | (sent[HEADER + 1]! << 8);
  return message(
    type + 1,
    tag,
    Array.from({ length }, (_, i) => sent[HEADER + 2 + (i % 6)]! ^ i),
  );
}

interface Sent {
  readonly tag: number;
  readonly bytes: Uint8Array;
  readonly room: number;
  reply: Uint8Array | null;
}

const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
class Play {
  readonly tasks = new HeldScheduler();
  readonly server = new HeldServer(answerTo);
  readonly #rig: Rig;
  readonly #driver: P9Driver;
  readonly #choose: (count: number) => number;
  readonly #all: Sent[] = [];
  /** Messages that the server answered, and those that it will not because they were flushed. */
  readonly #answered = new Set<string>();
  readonly #flushed = new Set<string>();
  readonly #findings: string[] = [];
  #deaths = 0;
  #lost = 0;
  #tags = 0;
  #tooShort = 0;

  constructor(each: Case) {
    this.#choose = chooser(each.order);
    const device = new P9Device({
      server: this.server,
      mountTag: 'a mount tag',
      maxMessageBytes: MSIZE,
      queueSize: each.queueSize,
      onServerLost: () => this.#lost++,
    });
    this.#rig = buildRig(device, each, this.tasks);
    for (const machine of this.#rig.machines)
      machine.events = (event: LabEvent) => {
        if (event.kind === 'finding' && event.clause !== builtIn(each.way))
          this.#findings.push(event.message);
      };
    const { depth, ringFeatures } = each;
    this.#driver = new P9Driver(this.#rig.transport(), this.#rig.memory, {
      depth,
      ringFeatures,
      messageBytes: MSIZE,
    });
    if (this.#driver.mountTag !== 'a mount tag') throw new Error(`mount tag ${this.#driver.mountTag}`);
  }

  async settle(): Promise<void> {
    await settle(this.#rig, this.tasks, this.#choose);
  }

  /** Settles with every message answered. */
  async finish(): Promise<void> {
    for (;;) {
      await this.settle();
      if (this.server.pending.length === 0) return;
      this.answer(0, 3);
    }
  }

  #send(bytes: Uint8Array, room: number): void {
    const sent: Sent = { tag: bytes[5]! | (bytes[6]! << 8), bytes, room, reply: null };
    this.#all.push(sent);
    this.#driver.rpc(bytes, room).then(
      (reply) => {
        if (sent.reply !== null) throw new Error('answered twice');
        sent.reply = reply;
      },
      (problem: unknown) => this.#findings.push(`rpc failed: ${problem}`),
    );
  }

  #tag(): number {
    return this.#tags++ % 0xff00;
  }

  send({ body, replyBody, spare }: Step & { do: 'send' }): void {
    const id = this.#all.length;
    const bytes = Array.from({ length: body }, (_, i) => (id * 31 + i * 7) & 0xff);
    bytes[0] = replyBody & 0xff;
    bytes[1] = replyBody >> 8;
    this.#send(message(T.write, this.#tag(), bytes), Math.max(1, HEADER + replyBody + spare));
  }

  mount(): void {
    const version = [...new TextEncoder().encode('9P2000.L')];
    // No two messages are the same: each asks for another size.
    const size = [this.#all.length & 0xff, (MSIZE >> 8) - 1, 0, 0];
    this.#send(message(T.version, 0xffff, [...size, version.length, 0, ...version]), 64);
  }

  flush(pick: number): void {
    const open = this.#all.filter(({ bytes, reply }) => bytes[4] === T.write && reply === null);
    if (open.length === 0) return;
    const { tag } = open[pick % open.length]!;
    this.#send(message(T.flush, this.#tag(), [tag & 0xff, tag >> 8]), 64);
  }

  answer(pick: number, cut: number): void {
    const { pending } = this.server;
    if (pending.length === 0) return;
    const index = pick % pending.length;
    const sent = pending[index]!;
    this.#answered.add(sent.join());
    if (sent[4] === T.version) this.#forget(() => true, sent);
    if (sent[4] === T.flush) {
      const tag = sent[HEADER]! | (sent[HEADER + 1]! << 8);
      this.#forget((other) => (other[5]! | (other[6]! << 8)) === tag, sent);
    }
    this.server.release(pending.indexOf(sent), cut);
  }

  /** What a server does at a flush, or a version: it drops messages, and will not answer them. */
  #forget(which: (other: Uint8Array) => boolean, but: Uint8Array): void {
    const { pending } = this.server;
    for (const other of [...pending])
      if (other !== but && which(other)) {
        this.#flushed.add(other.join());
        pending.splice(pending.indexOf(other), 1);
      }
  }

  die(how: 'closed' | 'garbage' | 'huge'): void {
    if (!this.server.connected) return;
    this.#deaths++;
    if (how === 'closed') this.server.die();
    else if (how === 'garbage') this.server.say(message(119, 0xfff0, []));
    else this.server.say(Uint8Array.of(0, 0, 0, 0x80, 119, 0, 0));
    if (this.server.connected) throw new Error(`the connection has outlived ${how}`);
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'send':
        return this.send(step);
      case 'flush':
        return this.flush(step.pick);
      case 'answer':
        return this.answer(step.pick, step.cut);
      case 'release':
        this.tasks.release(step.pick);
        return;
      case 'die':
        return this.die(step.how);
      case 'mount':
        // One version message at a time: they have one tag.
        await this.finish();
        return this.mount();
      case 'arrive':
        for (const { posted } of this.#rig.machines) posted?.flushAll();
        return;
      case 'wait':
        return this.settle();
    }
  }

  #wanted({ bytes, tag, room }: Sent): Uint8Array {
    const key = bytes.join();
    if (this.#flushed.has(key)) return new Uint8Array();
    let reply = this.#answered.has(key) ? answerTo(bytes) : error(tag, IO_ERROR);
    if (reply.length <= room) return reply;
    this.#tooShort++;
    reply = error(tag, TOO_LONG);
    return ERROR_BYTES <= room ? reply : new Uint8Array();
  }

  check(): void {
    for (const sent of this.#all) {
      const what = `message ${sent.bytes.slice(0, 9).join()} with room for ${sent.room}`;
      if (sent.reply === null) throw new Error(`${what} never ended`);
      const wanted = this.#wanted(sent);
      if (!equal(sent.reply, wanted))
        throw new Error(`${what}: ${sent.reply.join()}, and not ${wanted.join()}`);
    }
    if (this.#lost !== this.#deaths) throw new Error(`${this.#lost} losses of ${this.#deaths}`);
    if (this.#findings.length !== this.#tooShort) throw new Error(this.#findings.join('; '));
  }

  close(): void {
    this.#driver.close();
    if (this.server.connected) throw new Error('the session has outlived a reset');
  }
}

async function run(each: Case): Promise<void> {
  const play = new Play(each);
  play.mount();
  for (const step of each.steps) {
    await play.step(step);
    await microtasks();
  }
  await play.finish();
  play.check();
  play.close();
}

describe('9P driver and device against a server of the test', () => {
  it(
    'any messages, replies and deaths, over any transport, under any order of release',
    () => fc.assert(fc.asyncProperty(cases, run), { numRuns: runs(400) }),
    PATIENCE,
  );
});
