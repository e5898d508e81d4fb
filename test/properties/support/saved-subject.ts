import fc from 'fast-check';
import { functionAddress, GuestMemory, HeldScheduler, type State } from '../../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  ModernTransport,
  runFirmware,
  VirtioDriver,
} from '../../../src/driver/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { defaultTransportFeatures, feature, virtioFunction } from '../../../src/virtio/index.ts';
import { kitOf } from '../kits/index.ts';
import type { KitChain, KitDevice } from '../kits/kit.ts';
import { consistent } from './consistent.ts';
import { type Case, cases, type Operation } from './operations.ts';
import { perform, survey } from './perform.ts';
import { World, type WorldKind } from './worlds.ts';

/** Machines that are saved and loaded, one or a guest and its host, and the world behind their devices. */
export interface Subject {
  readonly machines: readonly Machine[];
  readonly devices: readonly KitDevice[];
  /** A driver, and time, go on in some way: nothing that they do may throw. */
  goOn(): void;
}

/** How to come by subjects that are all alike: each is fresh. */
export interface Making {
  make(): Subject;
  /** One that has a life behind it, with requests in flight. */
  used(): Subject;
}

/** A fresh subject whose outside world is that of another. */
export function freshLike(making: Making, outside: readonly State[]): Subject {
  const subject = making.make();
  for (const [i, device] of subject.devices.entries()) device.loadOutside(outside[i]!);
  return subject;
}

class WorldSubject implements Subject {
  readonly world: World;
  readonly #operations: readonly Operation[];

  constructor(kind: WorldKind, { setup, start, operations }: Case) {
    this.world = new World(kind, setup);
    // Nobody answers interrupts while machines are loaded one after the other.
    this.world.paused = true;
    this.#operations = [...start, ...operations];
  }

  get machines(): readonly Machine[] {
    const { guest, host } = this.world;
    return host === null ? [guest] : [guest, host];
  }

  get devices(): readonly KitDevice[] {
    return this.world.devices;
  }

  play(): void {
    const { world } = this;
    world.paused = false;
    for (const operation of this.#operations) {
      if (operation.do === 'work') this.#work(operation.pick);
      else if (operation.do === 'arrive') world.arrive(operation.fn, operation.all);
      else perform(world, operation);
      world.cpu.releaseAll();
      world.letGo();
    }
  }

  #work(pick: number): void {
    const { due } = this.world;
    if (due.length > 0) this.world.run(due[pick % due.length]!.label, 0);
  }

  goOn(): void {
    const { world } = this;
    world.paused = false;
    survey(world);
    for (const fn of world.addresses.keys()) {
      for (const queue of world.queues(fn)) perform(world, { do: 'kick', fn, queue });
      world.arrive(fn, true);
    }
    for (let i = 0; i < 100 && world.due.length > 0; i++) this.#work(i);
    world.cpu.releaseAll();
    this.play();
  }
}

/** A legacy driver, at a function of its own or behind the translator. */
export function worldMaking(kind: WorldKind, each: Case): Making {
  const make = () => new WorldSubject(kind, each);
  const used = () => {
    const subject = make();
    subject.play();
    return subject;
  };
  return { make, used };
}

/** The case of some with the most in flight. */
export function busyCase(kind: WorldKind, type: string, seed: number): Case {
  const some = fc.sample(
    cases({ held: true, structures: kind === 'transitional', types: [[type]], queueSizes: [8] }),
    { numRuns: 12, seed },
  );
  const busy = (each: Case) => JSON.stringify(worldMaking(kind, each).used().machines.map(inFlight)).length;
  return some.reduce((best, each) => (busy(each) > busy(best) ? each : best));
}

const inFlight = (machine: Machine): unknown =>
  [...machine.functions.values()].map(({ parts }) => {
    const saved = parts.get('device')?.save() as { queues?: readonly { inFlight: State }[] } | undefined;
    return saved?.queues?.map((queue) => queue.inFlight);
  });

export interface ModernChoice {
  readonly type: string;
  readonly packed: boolean;
  readonly inOrder: boolean;
}

const address = functionAddress(0, 4);
const RAM_BYTES = 0x80000;
const DRIVER = { start: 0x1000, end: 0x40000 } as const;
const BUFFERS = 0x40000;
const QUEUE_SIZE = 8;

/** A modern driver at a function that has all that functions can have. */
class ModernSubject implements Subject {
  readonly machine: Machine;
  readonly machines: readonly Machine[];
  readonly devices: readonly KitDevice[];
  readonly #tasks = new HeldScheduler();
  readonly #choice: ModernChoice;
  #driver: VirtioDriver | null = null;
  #next = BUFFERS;

  constructor(choice: ModernChoice) {
    this.#choice = choice;
    const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
    const scheduler = this.#tasks;
    this.machine = new Machine({ ram, scheduler, interruptScheduler: scheduler, holdPostedWrites: true });
    this.machines = [this.machine];
    const device = kitOf(choice.type).make(QUEUE_SIZE);
    this.devices = [device];
    const { pci } = virtioFunction(device.behaviour, {
      kind: 'modern',
      express: true,
      sharedMemory: [{ id: 1, bytes: new Uint8Array(64) }],
      transportFeatures: [
        ...defaultTransportFeatures,
        feature.ringPacked,
        feature.inOrder,
        feature.suspend,
        feature.notificationData,
      ],
    });
    this.machine.plug(pci, address);
    runFirmware(this.machine);
  }

  #start(): VirtioDriver {
    const { type, packed, inOrder } = this.#choice;
    const kit = kitOf(type);
    const { machine } = this;
    const transport = new ModernTransport(machine, findFunction(machine, address)!);
    const driver = new VirtioDriver(transport, new DmaMemory(machine.ram, DRIVER.start, DRIVER.end));
    driver.bringUp(
      {
        features: consistent(kit.features, kit.type.dependencies),
        queues: kit.queues,
        ringFeatures: [...(packed ? [feature.ringPacked] : []), ...(inOrder ? [feature.inOrder] : [])],
        maxQueueSize: QUEUE_SIZE,
      },
      { queue: () => {}, config: () => {} },
    );
    return driver;
  }

  #offer({ queue, readable, writable }: KitChain): void {
    const ring = this.#driver!.rings.get(queue);
    const buffers = readable.length + writable.length;
    if (ring === undefined || buffers === 0 || buffers > ring.free) return;
    const place = (length: number) => {
      if (this.#next + length > RAM_BYTES) this.#next = BUFFERS;
      this.#next += length;
      return this.#next - length;
    };
    const chain = [
      ...readable.map((bytes) => {
        const at = place(bytes.length);
        this.machine.ram.write(at, Uint8Array.from(bytes));
        return { address: at, length: bytes.length, writable: false };
      }),
      ...writable.map((length) => ({ address: place(length), length, writable: true })),
    ];
    if (chain.some(({ length }) => length === 0)) return;
    ring.add(chain);
    ring.publish();
    this.#driver!.transport.notify(queue, ring.position);
  }

  play(): void {
    const kit = kitOf(this.#choice.type);
    this.#driver = this.#start();
    const [device] = this.devices;
    const chains = fc.sample(kit.chains(true), { numRuns: 24, seed: 5 });
    const stimuli = kit.stimuli === null ? [] : fc.sample(kit.stimuli, { numRuns: 6, seed: 5 });
    for (const [i, chain] of chains.entries()) {
      this.#offer(chain);
      if (i % 3 === 0) this.#tasks.release(i);
      if (i % 4 === 0 && stimuli.length > 0) device!.stimulate(stimuli[i / 4]);
      if (i === 12) this.machine.posted!.flushAll();
      // Another one is served only if the device says that it wants to be told.
      if (i === 18) this.machine.configWrite(address, 4, 2, 2);
      if (i === 20) this.machine.configWrite(address, 4, 2, 6);
    }
  }

  goOn(): void {
    const { machine } = this;
    for (let offset = 0; offset < 0x200; offset += 4) machine.configRead(address, offset, 4);
    machine.posted!.flushAll();
    for (const bar of [1, 2, 4]) {
      const base = (machine.configRead(address, 0x10 + 4 * bar, 4) & ~15) >>> 0;
      for (let at = 0; at < 0x2100; at += 4) machine.memoryRead(base + at, 4);
      if (bar === 4) for (const queue of [0, 1, 2]) machine.memoryWrite(base + 0x3000 + 4 * queue, 4, queue);
    }
    machine.posted!.flushAll();
    this.#tasks.releaseAll(undefined, 500);
    machine.configWrite(address, 4, 2, 6);
    this.#tasks.releaseAll(undefined, 500);
    this.#driver?.close();
    this.play();
    this.#tasks.releaseAll(undefined, 500);
  }
}

export function modernMaking(choice: ModernChoice): Making {
  const make = () => new ModernSubject(choice);
  const used = () => {
    const subject = make();
    subject.play();
    return subject;
  };
  return { make, used };
}
