import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DmaDomain,
  functionAddress,
  GuestMemory,
  HeldScheduler,
  type LabEvent,
} from '../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  ModernTransport,
  runFirmware,
  VirtioDriver,
} from '../../src/driver/index.ts';
import { Machine } from '../../src/pci/index.ts';
import {
  type Chain,
  type DeviceBehaviour,
  DeviceConfig,
  entropyDeviceType,
  feature,
  type VirtioDevice,
  virtioFunction,
  WaitingChains,
} from '../../src/virtio/index.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Everything that only the modern window has, in any mixture: packed rings, order, kicks with data, queues that are reset
 * and set up anew, suspension, an IOMMU. The device answers a chain with the complement of what it reads. Driver and
 * device are both ours; what pins them down is the complement, computed here, the position in each kick, counted here by
 * the specification's rule, and that neither side finds fault with the other.
 */
const OPTIONAL = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.accessPlatform,
  feature.ringPacked,
  feature.inOrder,
  feature.orderPlatform,
  feature.notificationData,
  feature.notificationConfigData,
  feature.ringReset,
  feature.suspend,
];
const RAM_BYTES = 0x40000;
const DRIVER_START = 0x8000;
const BYTES = 24;
const QUEUES = 2;
const POISON = 0xee;
const address = functionAddress(0, 4);

/** Answers each chain when the scheduler says so; every fourth waits until another one is answered. */
class Complementer implements DeviceBehaviour {
  readonly type = entropyDeviceType;
  readonly features: readonly number[] = [];
  readonly config = new DeviceConfig({});
  readonly queueSizes: readonly number[];
  readonly #waiting = new WaitingChains();
  readonly #bytes = new Uint8Array(BYTES);
  #device!: VirtioDevice;
  #count = 0;
  /** Chains that are being processed. */
  busy = 0;
  /** Chains that came while the device was suspended, and its writes then (SUSP-09). */
  disturbances = 0;

  constructor(queueSize: number) {
    this.queueSizes = Array<number>(QUEUES).fill(queueSize);
  }

  attach(device: VirtioDevice): void {
    this.#device = device;
  }

  watch(domain: DmaDomain): void {
    domain.observer = () => void this.#undisturbed();
  }

  #undisturbed(): void {
    if (this.#device.suspended) this.disturbances++;
  }

  handle(chain: Chain): void {
    this.#undisturbed();
    if (this.#count++ % 4 === 3) this.#waiting.add(chain);
    else {
      this.busy++;
      this.#device.scheduler.submit({ label: 'answer', run: () => this.#later(chain) });
    }
  }

  #later(chain: Chain): void {
    this.#device.whenDma({
      label: 'answer',
      run: () => {
        this.busy--;
        this.#answer(chain);
        const waiting = this.#waiting.take();
        if (waiting !== undefined) this.#answer(waiting);
      },
    });
  }

  #answer(chain: Chain): void {
    if (!chain.live) return;
    const length = Math.min(chain.readableBytes, BYTES);
    if (!chain.read(0, this.#bytes, 0, length)) return;
    for (let i = 0; i < length; i++) this.#bytes[i] = 255 - this.#bytes[i]!;
    chain.write(0, this.#bytes, 0, length);
    this.#device.complete(chain, length);
  }

  /** Whatever waits for another chain is answered. */
  flush(): void {
    for (let chain = this.#waiting.take(); chain !== undefined; chain = this.#waiting.take())
      this.#answer(chain);
  }

  reset(): void {
    this.#waiting.clear();
  }

  save() {
    return null;
  }

  load(): void {}
}

type Step =
  | {
      readonly do: 'send';
      readonly queue: number;
      readonly bytes: readonly number[];
      readonly pieces: number;
    }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'take'; readonly queue: number }
  | { readonly do: 'reset'; readonly queue: number; readonly size: number }
  | { readonly do: 'suspend' }
  | { readonly do: 'resume' };

const queue = fc.nat(QUEUES - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      queue,
      bytes: fc.array(fc.nat(255), { minLength: 1, maxLength: BYTES }),
      pieces: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat(7) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const), queue }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('reset' as const), queue, size: fc.constantFrom(1, 2, 4, 8, 16) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'suspend' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'resume' as const }) },
);

const cases = fc.record({
  offered: fc.subarray(OPTIONAL),
  busOffset: fc.constantFrom(0, 0x100000, 0x7_0000_0000, -0x8000),
  size: fc.constantFrom(4, 8, 16),
  steps: fc.array(step, { maxLength: 60 }),
});

/** Where the next chain of a ring goes, by the specification's words on kicks (KICK-01). */
class Position {
  #chains = 0;
  #descriptors = 0;
  readonly #packed: boolean;
  readonly #size: number;

  constructor(packed: boolean, size: number) {
    this.#packed = packed;
    this.#size = size;
  }

  added(descriptors: number): void {
    this.#chains++;
    this.#descriptors += descriptors;
  }

  get value(): number {
    if (!this.#packed) return this.#chains % 0x10000;
    const laps = Math.floor(this.#descriptors / this.#size);
    return (this.#descriptors % this.#size) + (laps % 2 === 0 ? 0x8000 : 0);
  }
}

interface Sent {
  readonly expected: readonly number[];
  readonly out: number;
  readonly in: number;
}

class Run {
  readonly behaviour: Complementer;
  readonly scheduler = new HeldScheduler();
  readonly machine: Machine;
  readonly driver: VirtioDriver;
  readonly memory: DmaMemory;
  readonly events: LabEvent[] = [];
  readonly positions: Position[] = [];
  readonly sent: Map<number, Sent>[] = [];
  readonly offered: readonly number[];
  readonly poisoned: number[] = [];
  answered = 0;

  constructor({ offered, busOffset, size }: { offered: readonly number[]; busOffset: number; size: number }) {
    this.offered = offered;
    const ram = GuestMemory.allocate({ start: DRIVER_START, length: RAM_BYTES });
    this.behaviour = new Complementer(size);
    this.machine = new Machine({ ram, scheduler: this.scheduler });
    const fn = virtioFunction(this.behaviour, { kind: 'modern', transportFeatures: offered });
    const window = { start: DRIVER_START + busOffset, length: RAM_BYTES, write: true, target: DRIVER_START };
    const domain = new DmaDomain(ram, busOffset === 0 ? undefined : [window]);
    this.behaviour.watch(domain);
    this.machine.plug(fn.pci, address, domain);
    runFirmware(this.machine);
    this.memory =
      busOffset === 0
        ? new DmaMemory(ram, DRIVER_START)
        : DmaMemory.translated(ram, DRIVER_START, DRIVER_START + RAM_BYTES, busOffset);
    const found = findFunction(this.machine, address)!;
    this.driver = new VirtioDriver(new ModernTransport(this.machine, found), this.memory);
    this.driver.bringUp(
      { features: [], queues: [], ringFeatures: OPTIONAL, maxQueueSize: 16 },
      { queue: () => {}, config: () => {} },
    );
    this.machine.events = (event) => void this.events.push(event);
    for (let index = 0; index < QUEUES; index++) this.setUp(index, size);
  }

  setUp(index: number, size: number): void {
    this.driver.setUpQueue(index, size);
    const ring = this.driver.rings.get(index)!;
    this.positions[index] = new Position(this.driver.has(feature.ringPacked), ring.size);
    this.sent[index] = new Map();
  }

  send(index: number, bytes: readonly number[], pieces: number): void {
    const ring = this.driver.rings.get(index)!;
    const out = this.memory.allocate(BYTES, 1);
    const into = this.memory.allocate(BYTES, 1);
    this.memory.ram.write(out, Uint8Array.from(bytes));
    const cuts = Array.from({ length: pieces + 1 }, (_, i) => Math.floor((i * bytes.length) / pieces));
    const buffers = cuts
      .slice(1)
      .map((end, i) => ({ address: out + cuts[i]!, length: end - cuts[i]!, writable: false }))
      .filter(({ length }) => length > 0);
    buffers.push({ address: into, length: BYTES, writable: true });
    const indirect = this.driver.has(feature.ringIndirectDescriptors) && buffers.length > 1;
    const head = ring.add(buffers);
    if (head < 0) {
      this.memory.free(out, BYTES);
      this.memory.free(into, BYTES);
      return;
    }
    this.positions[index]!.added(indirect ? 1 : buffers.length);
    const expected = bytes.map((byte) => 255 - byte);
    this.sent[index]!.set(head, { expected, out, in: into });
    this.events.length = 0;
    this.driver.kick(index);
    this.checkKick(index);
  }

  /** PCI-KICK-01..06 */
  checkKick(index: number): void {
    const data = this.driver.has(feature.notificationData);
    const name = this.driver.has(feature.notificationConfigData) ? 0x4000 + index : index;
    for (const event of this.events) {
      if (event.kind !== 'access' || event.space !== 'memory' || !event.target.endsWith('notify')) continue;
      const value = data ? name + this.positions[index]!.value * 0x10000 : name;
      expect(event).toMatchObject({ operation: 'write', width: data ? 4 : 2, offset: 4 * index, value });
    }
  }

  take(index: number): void {
    const ring = this.driver.rings.get(index)!;
    for (let used = ring.take(); used !== null; used = ring.take()) {
      const sent = this.sent[index]!.get(used.head)!;
      this.sent[index]!.delete(used.head);
      expect(used.length).toBe(sent.expected.length);
      expect([...this.memory.ram.read(sent.in, used.length)]).toEqual(sent.expected);
      this.memory.free(sent.out, BYTES);
      this.memory.free(sent.in, BYTES);
      this.answered++;
    }
  }

  /** BF-VQR-01, BF-VQR-04: what the queue had is another's from now on, and is looked at in the end. */
  reset(index: number, size: number): void {
    this.driver.resetQueue(index);
    for (const sent of this.sent[index]!.values()) {
      this.memory.ram.fill(sent.in, BYTES, POISON);
      this.poisoned.push(sent.in);
    }
    this.setUp(index, size);
  }

  step(each: Step): void {
    const suspended = this.driver.has(feature.suspend) && (this.driver.transport.status & 16) !== 0;
    if (each.do === 'send') this.send(each.queue, each.bytes, each.pieces);
    else if (each.do === 'release') this.scheduler.release(each.pick);
    else if (each.do === 'take') this.take(each.queue);
    else if (each.do === 'reset') {
      // The end of a reset is work of the device too: it is let go at once here.
      if (!this.driver.has(feature.ringReset) || suspended) return;
      this.letResetsEnd();
      this.reset(each.queue, each.size);
    } else if (!this.driver.has(feature.suspend)) return;
    else if (each.do === 'suspend') {
      // SUSP-14; chains of a queue that was reset meanwhile do not count.
      if (this.driver.suspend() && this.poisoned.length === 0) expect(this.behaviour.busy).toBe(0);
    } else this.driver.resume();
  }

  /** Runs the end of a reset as soon as it is submitted; everything else stays held. */
  letResetsEnd(): void {
    const submit = HeldScheduler.prototype.submit;
    this.scheduler.submit = (task) => {
      if (task.label.includes('reset')) task.run();
      else submit.call(this.scheduler, task);
    };
  }

  /** Lets everything end: all that was sent and not lost to a reset is answered. */
  finish(): void {
    for (let tries = 0; !this.driver.resume(); tries++) {
      expect(tries).toBeLessThan(100);
      this.scheduler.releaseAll();
      this.driver.suspend();
    }
    for (let i = 0; i < QUEUES; i++) this.driver.kick(i);
    for (let round = 0; round < 3; round++) {
      this.scheduler.releaseAll();
      this.behaviour.flush();
    }
    for (let i = 0; i < QUEUES; i++) this.take(i);
    expect(this.sent.map(({ size }) => size)).toEqual(Array(QUEUES).fill(0));
    expect(this.behaviour.disturbances).toBe(0);
    for (const at of this.poisoned)
      expect([...this.memory.ram.read(at, BYTES)]).toEqual(Array(BYTES).fill(POISON));
  }
}

describe('the modern transport', () => {
  it(
    'answers every chain, whatever is negotiated, suspended and reset in between, and nobody finds fault',
    () => {
      let answered = 0;
      fc.assert(
        fc.property(cases, (each) => {
          const run = new Run(each);
          const findings: LabEvent[] = [];
          run.machine.events = (event) => {
            run.events.push(event);
            if (event.kind === 'finding') findings.push(event);
          };
          for (const bit of each.offered) expect(run.driver.has(bit)).toBe(true);
          for (const one of each.steps) run.step(one);
          run.finish();
          expect(findings).toEqual([]);
          answered += run.answered;
        }),
        { numRuns: runs(300) },
      );
      // A handful of runs may have none that sends anything.
      if (runs(300) >= 50) expect(answered).toBeGreaterThan(0);
    },
    PATIENCE,
  );
});
