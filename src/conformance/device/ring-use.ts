import { descriptorFlag, type SmallRequest } from '../../virtio/layout/index.ts';
import {
  type HandRing,
  PackedHandRing,
  type RawDescriptor,
  rawDescriptor,
  SplitHandRing,
  type UsedEntry,
} from '../rings/index.ts';
import type { Bench, Running, StartOptions } from './bench.ts';

/** A stretch of memory. */
export interface Stretch {
  readonly address: number;
  /** Bytes. */
  readonly length: number;
}

/** The small request in memory of its own. */
export interface Prepared {
  /** Its descriptors, readable ones first, without flags that link them. */
  readonly list: readonly RawDescriptor[];
  readonly readable: Stretch;
  readonly writable: Stretch;
}

export interface PrepareOptions {
  /** What the writable part is filled with. */
  readonly fill?: number;
  /** Cuts the parts into pieces: offsets at which a part of `length` bytes is cut. By default each is one piece. */
  readonly cuts?: (length: number, writable: boolean) => readonly number[];
}

/** A device at work on a ring that a check fills by hand, for the small request of its type. */
export class RingUse {
  readonly bench: Bench;
  readonly running: Running;
  readonly ring: HandRing;

  /** Resets the device and brings it up. */
  constructor(bench: Bench, options: StartOptions = {}) {
    this.bench = bench;
    this.running = bench.start(options);
    const { place, size } = this.running.driver.rings.get(this.request.queue)!;
    const { ram } = bench.memory;
    this.ring = this.packed
      ? new PackedHandRing(ram, place, size)
      : new SplitHandRing(ram, place, size, bench.transport.littleEndian);
  }

  get packed(): boolean {
    return this.bench.setting === 'packed';
  }

  get request(): SmallRequest {
    return this.running.request;
  }

  /** Interrupts of queues so far. */
  get interrupts(): number {
    return this.running.signals.queue;
  }

  /** Of two clauses the one on the ring that is used. */
  by(split: string, packed: string): string {
    return this.packed ? packed : split;
  }

  /** Puts the small request into memory. */
  prepare({ fill = 0, cuts = () => [] }: PrepareOptions = {}): Prepared {
    const { out, inBytes } = this.request;
    const { memory } = this.bench;
    const readable = { address: memory.allocate(Math.max(1, out.length)), length: out.length };
    const writable = { address: memory.allocate(Math.max(1, inBytes)), length: inBytes };
    memory.ram.write(readable.address, out);
    memory.ram.fill(writable.address, inBytes, fill);
    const pieces = ({ address, length }: Stretch, flags: number) => {
      if (length === 0) return [];
      const at = [0, ...cuts(length, flags !== 0), length];
      return at.slice(1).map((end, i) => rawDescriptor(address + at[i]!, end - at[i]!, flags));
    };
    return { list: [...pieces(readable, 0), ...pieces(writable, descriptorFlag.write)], readable, writable };
  }

  kick(): void {
    this.bench.transport.notify(this.request.queue, this.ring.position);
  }

  /** The next chain that is handed back. @throws Silence */
  async used(clause: string): Promise<UsedEntry> {
    let used: UsedEntry | null = null;
    await this.bench.until(clause, 'the chain is handed back', () => {
      used = this.ring.take();
      return used !== null;
    });
    return used!;
  }

  /** Exposes a chain, kicks, and waits until it is handed back: it, and as many bytes as the request allows. @throws Silence */
  async serve(clause: string, { list }: Pick<Prepared, 'list'> = this.prepare()): Promise<UsedEntry> {
    const name = this.ring.expose(list);
    this.kick();
    const used = await this.used(clause);
    this.bench.equal(clause, 'id of the chain that was handed back', used.id, name);
    return used;
  }

  /** The used length is one that the request allows. */
  lengthFits(clause: string, { length }: UsedEntry): void {
    const [least, most] = this.request.used;
    const expected = least === most ? `a used length of ${least}` : `a used length of ${least} to ${most}`;
    this.bench.check(clause, length >= least && length <= most, expected, String(length));
  }

  /** What the device wrote for a request. */
  written({ writable }: Prepared, { length }: UsedEntry): Uint8Array {
    return this.bench.memory.ram.read(writable.address, Math.min(length, writable.length));
  }

  /** The device asks for a reset. */
  get broken(): boolean {
    return this.running.driver.needsReset;
  }
}
