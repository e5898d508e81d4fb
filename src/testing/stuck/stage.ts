import {
  Bench,
  type Running,
  type Setting,
  type StartOptions,
  type Subject,
} from '../../conformance/device/index.ts';
import { type ExplainOptions, type Explanation, explain } from '../../conformance/explain/index.ts';
import type { Bus, Register } from '../../core/index.ts';
import type { ChainBuffer } from '../../driver/index.ts';
import { capabilityId, MSIX_ENTRY_BYTES, msixCapability } from '../../pci/layout/index.ts';
import { placesOf } from '../../trace/index.ts';
import {
  AVAILABLE_ELEMENT_BYTES,
  availableRing,
  DESCRIPTOR_BYTES,
  descriptor,
  usedRing,
} from '../../virtio/layout/index.ts';
import type { BusLies, DeviceMutant } from '../mutants/mutant.ts';
import { MutantBus } from '../mutants/mutant-bus.ts';
import { openSubject, type SubjectKind } from '../subjects.ts';

/** A descriptor to be written as it is. */
export interface PlainDescriptor {
  readonly address?: number;
  readonly length?: number;
  readonly flags?: number;
  readonly next?: number;
}

/** A driver that is led into trouble by hand, and what `explain` is to be told besides. */
export class Stage {
  bench: Bench;
  readonly #subject: Subject;
  readonly #setting: Setting;
  readonly bus: Bus;
  readonly fn: number;
  options: ExplainOptions = {};
  #bus: Bus;

  constructor(type: string, kind: SubjectKind, setting: Setting, device?: DeviceMutant['device']) {
    const mutant = { name: 'stuck', breaks: [], says: '', ...(device === undefined ? {} : { device }) };
    const subject = openSubject(type, kind, mutant);
    this.fn = subject.target.fn;
    this.bus = subject.target.bus;
    this.#bus = this.bus;
    this.#subject = subject;
    this.#setting = setting;
    this.bench = this.find();
    this.options = {
      ...(subject.draft === undefined ? {} : { draft: subject.draft }),
      types: [subject.type],
    };
  }

  /** Looks for the function anew, as a driver does that has just come. */
  find(): Bench {
    this.bench = new Bench(this.#subject, this.#setting);
    this.bench.transport.reset();
    return this.bench;
  }

  /** Brings the device up with plain rings: no event index, no indirect descriptors. */
  start(options: StartOptions = {}): Running {
    return this.bench.start({ ringFeatures: [], ...options });
  }

  /** What every later read of registers gives instead. */
  lie(lies: BusLies): void {
    this.#bus = new MutantBus(this.bus, this.fn, () => lies);
  }

  /** Exposes the small request, and kicks or does not. */
  expose({ driver, request }: Running, kick: boolean, queue = request.queue): void {
    driver.add(queue, this.bench.buffers(request.out, request.inBytes));
    if (kick) driver.kick(queue);
    else driver.rings.get(queue)!.publish();
  }

  /** Exposes buffers as they are given, without a kick. */
  exposeBuffers({ driver, request }: Running, buffers: readonly ChainBuffer[]): void {
    driver.add(request.queue, buffers);
    driver.rings.get(request.queue)!.publish();
  }

  #put(address: number, value: number, width: 2 | 4): void {
    const bytes = Uint8Array.from({ length: width }, (_, i) => (value >>> (8 * i)) & 0xff);
    this.bus.ram.write(address, bytes);
  }

  /** Writes a descriptor of a split ring. */
  descriptor({ driver, request }: Running, index: number, raw: PlainDescriptor): void {
    const at = driver.rings.get(request.queue)!.place.descriptor + DESCRIPTOR_BYTES * index;
    this.#put(at + descriptor.addressLow.offset, raw.address ?? this.bench.memory.start, 4);
    this.#put(at + descriptor.addressHigh.offset, 0, 4);
    this.#put(at + descriptor.length.offset, raw.length ?? 16, 4);
    this.#put(at + descriptor.flags.offset, raw.flags ?? 0, 2);
    this.#put(at + descriptor.next.offset, raw.next ?? 0, 2);
  }

  /** Exposes heads in a split ring: their descriptors are as they are. */
  available({ driver, request }: Running, heads: readonly number[], index = heads.length): void {
    const { driver: at } = driver.rings.get(request.queue)!.place;
    for (const [i, head] of heads.entries())
      this.#put(at + availableRing.ring.offset + AVAILABLE_ELEMENT_BYTES * i, head, 2);
    this.#put(at + availableRing.index.offset, index, 2);
  }

  /** Flags of a split ring: the driver's, or the device's as a device writes them. */
  flags({ driver, request }: Running, whose: 'driver' | 'device', value: number): void {
    const { place } = driver.rings.get(request.queue)!;
    const at =
      whose === 'driver' ? place.driver + availableRing.flags.offset : place.device + usedRing.flags.offset;
    this.#put(at, value, 2);
  }

  /** Kicks, whatever is in the ring. */
  kick({ driver, request: { queue } }: Running): void {
    driver.transport.notify(queue, driver.rings.get(queue)!.position);
  }

  /** MSI-X message control. */
  msixControl(set: number): void {
    const { capabilities, address } = this.bench.found;
    const at =
      capabilities.find(({ id }) => id === capabilityId.msix)!.offset + msixCapability.messageControl.offset;
    this.bus.configWrite(address, at, 2, this.bus.configRead(address, at, 2) | set);
  }

  /** A register of every entry of the MSI-X table. */
  vectors({ offset }: Register, value: number): void {
    const { start, length } = placesOf(this.bus, [this.fn]).find(({ target }) =>
      target.endsWith(' msix-table'),
    )!;
    for (let at = start; at < start + length; at += MSIX_ENTRY_BYTES)
      this.bus.memoryWrite(at + offset, 4, value);
  }

  explain(): Explanation {
    return explain(this.#bus, this.fn, this.options);
  }
}
