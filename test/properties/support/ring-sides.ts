import { DmaDomain, type GuestMemory, immediate } from '../../../src/core/index.ts';
import { DriverPackedRing, type DriverRing, DriverSplitRing } from '../../../src/driver/index.ts';
import { Batch, type Chain, PLAIN_MODE, QueueService } from '../../../src/virtio/index.ts';
import { PackedModelDevice, PackedModelDriver } from './model-packed.ts';
import type {
  DeviceSide,
  DriverSide,
  ModelBuffer,
  ModelChain,
  ModelPlace,
  ModelUsed,
  RingShape,
  Wish,
} from './model-ring.ts';
import { SplitModelDevice, SplitModelDriver } from './model-split.ts';

const ROUND = 0x10000;
const TABLE_ENTRIES = 16;

/** Our driver's ring, as a side of the properties. */
export class OurDriver implements DriverSide {
  wish: Wish;
  readonly #ring: DriverRing;
  readonly #shape: RingShape;
  readonly #places = new Map<number, number>();
  #seen = 0;
  #inUse = 0;
  readonly #descriptors = new Map<number, number>();

  constructor(memory: GuestMemory, place: ModelPlace, shape: RingShape) {
    const Ring = shape.packed ? DriverPackedRing : DriverSplitRing;
    let table = place.tables;
    this.#ring = new Ring(memory, shape.size, place, shape, (length) => (table += length) - length);
    this.#shape = shape;
    this.wish = shape.eventIndex ? { at: 0 } : 'always';
  }

  add(buffers: readonly ModelBuffer[]) {
    const table = this.#shape.indirect && buffers.length > 1 && buffers.length <= TABLE_ENTRIES;
    const needed = table ? 1 : buffers.length;
    const fits = this.#inUse + needed <= this.#shape.size;
    const name = this.#ring.add(buffers);
    if (name >= 0 !== fits) throw new Error(`${needed} descriptors beside ${this.#inUse}: ${name}`);
    if (name < 0) return null;
    this.#inUse += needed;
    const places = this.#shape.packed ? needed : 1;
    this.#places.set(name, places);
    this.#descriptors.set(name, needed);
    return { name, places };
  }

  publish(): boolean {
    return this.#ring.publish();
  }

  take(): ModelUsed | null {
    const used = this.#ring.take();
    if (used === null) {
      if (this.#shape.eventIndex) this.wish = { at: this.#seen };
      return null;
    }
    this.#seen += this.#places.get(used.head)!;
    this.#inUse -= this.#descriptors.get(used.head)!;
    if (this.#ring.free !== this.#shape.size - this.#inUse) throw new Error(`${this.#ring.free} are free`);
    return { name: used.head, length: used.length };
  }

  ask(when: 'always' | 'never' | number): void {
    if (typeof when === 'number') return;
    this.#ring.setInterrupts(when === 'always');
    const { eventIndex, packed } = this.#shape;
    if (!eventIndex) this.wish = when;
    else if (when === 'always') this.wish = { at: this.#seen };
    else this.wish = packed ? 'never' : { at: this.#seen + ROUND - 1 };
  }
}

/** Our device's queue, as a side of the properties. It asks for kicks as it sees fit. */
export class OurDevice implements DeviceSide {
  wish: Wish;
  readonly #memory: GuestMemory;
  readonly #place: ModelPlace;
  readonly #shape: RingShape;
  readonly #batch = new Batch();
  #service: QueueService;
  #handled: Chain[] = [];
  #chains = new Map<number, Chain>();
  #interrupted = false;
  #taken = 0;

  constructor(memory: GuestMemory, place: ModelPlace, shape: RingShape) {
    this.#memory = memory;
    this.#place = place;
    this.#shape = shape;
    this.#service = this.#fresh();
    this.wish = this.#start();
  }

  /** @returns what the zeroes in its area say. */
  #start(): Wish {
    const { ring } = this.#service;
    ring.size = this.#shape.size;
    for (const area of ['descriptor', 'driver', 'device'] as const)
      ring.addresses.set(area, this.#place[area]);
    ring.relocate();
    ring.ready = true;
    this.#taken = 0;
    return this.#shape.eventIndex && !this.#shape.packed ? { at: 0 } : 'always';
  }

  #fresh(): QueueService {
    const owner = {
      mayRun: true,
      dmaEnabled: true,
      legacyDriver: false,
      handle: (chain: Chain) => void this.#handled.push(chain),
      interrupt: () => {
        this.#interrupted = true;
      },
      fail: (clause: string, message: string) => {
        throw new Error(`${clause}: ${message}`);
      },
      report: (_: string, clause: string, message: string) => {
        throw new Error(`${clause}: ${message}`);
      },
    };
    const service = new QueueService(64, 0, owner, this.#batch);
    service.setMode({ ...PLAIN_MODE, ...this.#shape });
    service.connect('model', immediate, new DmaDomain(this.#memory));
    return service;
  }

  #collect(): ModelChain[] {
    const chains = this.#handled.map((chain) => {
      this.#chains.set(chain.head, chain);
      return {
        name: chain.head,
        buffers: Array.from({ length: chain.count }, (_, i) => chain.segment(i)),
      };
    });
    this.#handled = [];
    return chains;
  }

  serve(): ModelChain[] {
    this.#service.kick();
    for (const chain of this.#handled) this.#taken += this.#shape.packed ? chain.span : 1;
    this.wish = this.#shape.eventIndex ? { at: this.#taken } : 'always';
    return this.#collect();
  }

  complete(ended: readonly ModelUsed[]): boolean {
    this.#interrupted = false;
    this.#batch.run(() => {
      for (const { name, length } of ended) {
        this.#service.complete(this.#chains.get(name)!, length);
        this.#chains.delete(name);
      }
    });
    return this.#interrupted;
  }

  ask(): void {}

  move(): ModelChain[] {
    const state = structuredClone(this.#service.save());
    this.#service.reset();
    this.#service = this.#fresh();
    this.#service.load(state);
    this.#chains = new Map();
    this.#service.resume();
    return this.#collect();
  }

  /** BF-VQR-01: after a reset of the queue, ending its chains does nothing. Then it is set up again. */
  reset(): void {
    this.#service.reset();
    this.#interrupted = false;
    for (const chain of this.#chains.values()) this.#service.complete(chain, 1);
    if (this.#interrupted) throw new Error('a queue interrupts after its reset');
    this.#chains = new Map();
    this.wish = this.#start();
  }
}

export type Who = 'ours' | 'model';

/** @param device who is on the other side: ours is to put up with what a driver should not do. */
export function driverSide(
  who: Who,
  device: Who,
  memory: GuestMemory,
  place: ModelPlace,
  shape: RingShape,
): DriverSide {
  if (who === 'ours') return new OurDriver(memory, place, shape);
  const { bytes } = memory.ranges[0]!;
  return shape.packed
    ? new PackedModelDriver(bytes, place, shape, device === 'ours')
    : new SplitModelDriver(bytes, place, shape);
}

export function deviceSide(who: Who, memory: GuestMemory, place: ModelPlace, shape: RingShape): DeviceSide {
  if (who === 'ours') return new OurDevice(memory, place, shape);
  const Model = shape.packed ? PackedModelDevice : SplitModelDevice;
  return new Model(memory.ranges[0]!.bytes, place, shape);
}
