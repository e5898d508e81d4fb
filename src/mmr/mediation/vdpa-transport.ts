import type { Bus, Width } from '../../core/index.ts';
import {
  type DeviceDeviation,
  DeviceFailedError,
  type InterruptHandlers,
  NoDeviceError,
  type RingPlace,
  type Transport,
  type TransportOptions,
  Waits,
} from '../../driver/index.ts';
import { feature, VdpaError, type VdpaParent } from '../../virtio/index.ts';

/** What a driver sees of an operation that is refused: that the device failed, and why. */
function told<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (error instanceof VdpaError) throw new DeviceFailedError(error.message);
    throw error;
  }
}

/**
 * A driver of the host on a vDPA parent, with nothing in between: what Linux calls virtio-vdpa. It speaks virtio 1.x; the memory that
 * it uses has to be mapped for the parent.
 */
export class VdpaTransport implements Transport {
  readonly name = 'modern';
  readonly ringLayout = 'separate';
  readonly littleEndian = true;
  readonly modern = true;
  readonly tolerated: ReadonlySet<DeviceDeviation>;
  readonly waits: Waits;
  readonly #parent: VdpaParent;
  #handlers: InterruptHandlers | null = null;

  /** @param bus on which time passes while the driver waits. */
  constructor(bus: Bus, parent: VdpaParent, options: TransportOptions = {}) {
    this.#parent = parent;
    this.tolerated = new Set(options.tolerate);
    this.waits = new Waits(bus, options);
  }

  get status(): number {
    return this.#parent.status;
  }

  setStatus(value: number): void {
    told(() => this.#parent.setStatus(value));
  }

  reset(): void {
    this.#parent.reset();
  }

  readFeatures(): Uint32Array {
    return Uint32Array.from(this.#parent.features);
  }

  /** Single rings are taken down by an operation, not by a feature of theirs. */
  writeFeatures(words: Uint32Array): void {
    const bits = [...words];
    // Bits that mean something to legacy drivers alone.
    for (const bit of [feature.notifyOnEmpty, feature.anyLayout]) bits[0] = (bits[0]! & ~(2 ** bit)) >>> 0;
    told(() => this.#parent.setFeatures(bits));
  }

  queueSize(index: number): number {
    return index < this.#parent.rings.count ? this.#parent.rings.maxSize(index) : 0;
  }

  adminQueues(): readonly number[] {
    return [];
  }

  setUpQueue(index: number, size: number, place: RingPlace): void {
    const { rings } = this.#parent;
    if (index >= rings.count) throw new NoDeviceError(`the parent has no queue ${index}`);
    told(() => {
      rings.setSize(index, size);
      rings.setAddress(index, place);
      this.#parent.onQueue(index, () => this.#handlers?.queue());
      rings.setReady(index, true);
    });
  }

  resetQueue(index: number): void {
    told(() => this.#parent.rings.setReady(index, false));
  }

  notify(index: number): void {
    told(() => this.#parent.kick(index));
  }

  readConfig(offset: number, width: Width): number {
    return told(() => this.#parent.readConfig(offset, width)).reduceRight(
      (value, byte) => value * 256 + byte,
      0,
    );
  }

  writeConfig(offset: number, width: Width, value: number): void {
    told(() =>
      this.#parent.writeConfig(
        offset,
        Uint8Array.from({ length: width }, (_, i) => value >>> (8 * i)),
      ),
    );
  }

  configGeneration(): number {
    return this.#parent.configGeneration;
  }

  connect(handlers: InterruptHandlers): void {
    this.#handlers = handlers;
    this.#parent.onConfig(() => handlers.config());
  }

  disconnect(): void {
    this.#handlers = null;
    this.#parent.onConfig(null);
  }
}
