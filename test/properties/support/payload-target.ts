import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import {
  DmaDomain,
  type DmaWindow,
  functionAddress,
  GuestMemory,
  HeldScheduler,
  immediate,
} from '../../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  runFirmware,
  VirtioDriver,
} from '../../../src/driver/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { virtioFunction } from '../../../src/virtio/index.ts';
import { kitOf } from '../kits/index.ts';
import type { KitDevice } from '../kits/kit.ts';
import { consistent } from './consistent.ts';
import { withinAccesses } from './count.ts';

/** A function at the mercy of a driver whose rings are in order and whose requests are not. */
export interface PayloadSetup {
  readonly type: string;
  readonly way: 'legacy' | 'modern';
  readonly bigEndian: boolean;
  /** Features of the type that are accepted. */
  readonly features: readonly number[];
  readonly ringFeatures: readonly number[];
  /** Features of the transport that are offered. */
  readonly offered: readonly number[];
  readonly queueSize: number;
  readonly held: boolean;
}

/** One buffer of a request: where it lies, how long it claims to be, and what is put there first. */
export interface PayloadBuffer {
  readonly place: number;
  readonly length: number;
  readonly content: readonly number[];
  readonly writable: boolean;
}

export type PayloadStep =
  | {
      readonly do: 'request';
      readonly queue: number;
      readonly buffers: readonly PayloadBuffer[];
      readonly kick: boolean;
    }
  | { readonly do: 'stimulus'; readonly stimulus: unknown }
  | { readonly do: 'configure'; readonly offset: number; readonly width: 1 | 2 | 4; readonly value: number }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'restart' }
  | { readonly do: 'master'; readonly on: boolean };

const HIGH = 2 ** 32;
const RANGES = [
  { start: 0, length: 0x90000 },
  { start: HIGH, length: 0x4000 },
] as const;
/** Rings and all that the driver needs. */
const DRIVER = { start: 0x1000, length: 0x5f000, write: true } as const;
const WINDOWS: readonly DmaWindow[] = [
  DRIVER,
  { start: 0x62000, length: 0x8ffb, write: true },
  { start: 0x6c000, length: 0x2000, write: false },
  { start: HIGH, length: 0x3000, write: true },
];

/** Where buffers may begin: in reach, at and across edges, where nothing may be written, out of reach, out of memory. */
export const PLACES = [
  ...Array.from({ length: 14 }, (_, i) => 0x62000 + 0xa00 * i),
  0x62000 + 0x8ffb - 64,
  0x62000 + 0x8ffb - 1,
  0x6c000,
  0x6dff0,
  0x70000,
  HIGH + 0x100,
  HIGH + 0x2ff0,
  2 ** 40,
] as const;
/** The first so many of them are good ones. */
export const GOOD_PLACES = 14;

const address = functionAddress(0, 4);

/** What a request may cost: its bytes are bounded by memory, its accesses to rings by their length. */
const MOST_ACCESSES = 200_000;
const MOST_BYTES = 1 << 24;

export class PayloadTarget {
  readonly setup: PayloadSetup;
  readonly machine: Machine;
  readonly tasks: HeldScheduler | null;
  readonly device: KitDevice;
  readonly log: string[] = [];
  readonly #memory: DmaMemory;
  #driver: VirtioDriver;
  #bytes = 0;

  /** @param secret fills what the function may not reach. */
  constructor(setup: PayloadSetup, secret: number) {
    this.setup = setup;
    const ram = new GuestMemory(
      RANGES.map(({ start, length }) => ({ start, bytes: new Uint8Array(length).fill(secret) })),
    );
    for (const { start, length } of WINDOWS) ram.fill(start, length, 0);
    this.tasks = setup.held ? new HeldScheduler() : null;
    this.machine = new Machine({ ram, scheduler: this.tasks ?? immediate, interruptScheduler: immediate });
    const domain = new DmaDomain(ram, WINDOWS);
    domain.observer = (_at, length) => {
      if ((this.#bytes += length) > MOST_BYTES) throw new Error(`${this.#bytes} bytes written in one step`);
    };
    this.device = kitOf(setup.type).make(setup.queueSize);
    const fn = virtioFunction(this.device.behaviour, {
      kind: setup.way === 'legacy' ? 'transitional' : 'modern',
      guestEndian: setup.bigEndian ? 'big' : 'little',
      transportFeatures: setup.offered,
    });
    this.machine.plug(fn.pci, address, domain);
    runFirmware(this.machine);
    this.machine.events = (event) => {
      if (event.kind === 'finding' || event.kind === 'interrupt') this.log.push(JSON.stringify(event));
    };
    this.#memory = new DmaMemory(ram, DRIVER.start, DRIVER.start + DRIVER.length);
    this.#driver = this.#start();
  }

  #start(): VirtioDriver {
    const { way, bigEndian, features, ringFeatures, queueSize, type } = this.setup;
    const { machine } = this;
    const found = findFunction(machine, address)!;
    const options = { bigEndian, intx: true };
    const transport =
      way === 'legacy'
        ? new LegacyTransport(machine, found, legacyAccess(machine, found), options)
        : new ModernTransport(machine, found, options);
    const driver = new VirtioDriver(transport, this.#memory);
    const usable = consistent(features, this.device.behaviour.type.dependencies);
    driver.bringUp(
      { features: usable, queues: kitOf(type).queues, ringFeatures, maxQueueSize: queueSize },
      { queue: () => {}, config: () => {} },
    );
    return driver;
  }

  /** A reset, and a driver that starts anew. */
  restart(): void {
    this.machine.configWrite(address, 4, 2, 7);
    this.#driver.close();
    this.#driver = this.#start();
  }

  #act(step: PayloadStep): void {
    if (step.do === 'request') this.#request(step);
    else if (step.do === 'stimulus') this.device.stimulate(step.stimulus);
    else if (step.do === 'configure') this.#driver.transport.writeConfig(step.offset, step.width, step.value);
    else if (step.do === 'release') this.tasks?.release(step.pick);
    else if (step.do === 'restart') this.restart();
    else this.machine.configWrite(address, 4, 2, step.on ? 7 : 3);
  }

  #request({ queue, buffers, kick }: PayloadStep & { do: 'request' }): void {
    const ring = this.#driver.rings.get(queue)!;
    this.#take(queue);
    const { ram } = this.machine;
    const chain = buffers.map(({ place, length, content, writable }) => {
      const at = PLACES[place]!;
      for (const [i, byte] of content.entries())
        if (ram.find(at + i, 1) !== undefined && inReach(at + i)) ram.write(at + i, Uint8Array.of(byte));
      return { address: at, length, writable };
    });
    ring.add(chain);
    const wanted = ring.publish();
    if (kick || wanted) this.#driver.transport.notify(queue, ring.position);
    this.#take(queue);
  }

  #take(queue: number): void {
    const ring = this.#driver.rings.get(queue)!;
    for (let used = ring.take(); used !== null; used = ring.take())
      this.log.push(`queue ${queue}: ${used.head} with ${used.length} bytes`);
  }

  /** Carries a step out and checks that nothing changed that the function may not write. */
  step(step: PayloadStep): void {
    this.#bytes = 0;
    const before = this.#forbidden();
    withinAccesses(MOST_ACCESSES, () => this.#act(step));
    if (Buffer.compare(before, this.#forbidden()) !== 0)
      throw new Error(`${JSON.stringify(step)} changed a byte that the function may not write`);
    // A device that broke sits out whatever comes, so it is mended as a driver would.
    if (this.#driver.needsReset) this.restart();
  }

  /** All memory that is out of reach, or in reach for reading only. Requests put their bytes in before. */
  #forbidden(): Buffer {
    const { ram } = this.machine;
    const writable = WINDOWS.filter(({ write }) => write);
    return Buffer.concat(
      RANGES.flatMap(({ start, length }) => {
        const pieces: Uint8Array[] = [];
        let at = start;
        for (const window of writable) {
          if (window.start < start || window.start >= start + length) continue;
          pieces.push(ram.read(at, window.start - at));
          at = window.start + window.length;
        }
        pieces.push(ram.read(at, start + length - at));
        return pieces;
      }),
    );
  }

  settle(): void {
    this.machine.configWrite(address, 4, 2, 7);
    this.tasks?.releaseAll();
    for (const queue of this.#driver.rings.keys()) this.#take(queue);
  }

  /** What may depend on nothing but what the function may reach. */
  outcome(): unknown {
    const { ram } = this.machine;
    return [WINDOWS.map(({ start, length }) => ram.read(start, length)), this.log, this.device.outside()];
  }
}

const inReach = (at: number) =>
  WINDOWS.some(({ start, length, write }) => write && at >= start && at < start + length);

/** @throws unless two targets came out the same. */
export function sameOutcome(why: string, one: PayloadTarget, other: PayloadTarget): void {
  if (!isDeepStrictEqual(one.outcome(), other.outcome())) throw new Error(why);
}
