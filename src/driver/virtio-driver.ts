import type { RegisterMap, Width } from '../core/index.ts';
import {
  availableRingBytes,
  descriptorTableBytes,
  deviceStatus,
  feature,
  featureWords,
  hasFeature,
  LEGACY_ALIGNMENT,
  legacyRingLayout,
  splitAlignment,
  usedRingBytes,
} from '../virtio/layout/index.ts';
import { DeviceFailedError, NoDeviceError } from './errors.ts';
import type { DmaMemory } from './memory.ts';
import type { DriverRing, RingPlace } from './ring.ts';
import { DriverSplitRing } from './split-ring.ts';
import type { Transport } from './transport/transport.ts';

export interface BringUpOptions {
  /** Features of the device type that the driver can use. */
  readonly features: readonly number[];
  /** Queues to set up, by number. */
  readonly queues: readonly number[];
  /** Ring features that the driver uses where offered. */
  readonly ringFeatures?: readonly number[];
  /** Largest queue wanted, a power of two; a legacy queue has the device's size whatever is wanted (LEG-VQ-03). */
  readonly maxQueueSize?: number;
}

/** Readings of a configuration field before the device is given up. */
const MAX_FIELD_READS = 1000;

const DEFAULT_RING_FEATURES = [feature.ringIndirectDescriptors, feature.ringEventIndex];

function place(transport: Transport, memory: DmaMemory, size: number): RingPlace {
  if (transport.ringLayout === 'legacy') {
    const layout = legacyRingLayout(size);
    const base = memory.allocate(layout.total, LEGACY_ALIGNMENT);
    return { descriptor: base, driver: base + layout.available, device: base + layout.used };
  }
  return {
    descriptor: memory.allocate(descriptorTableBytes(size), splitAlignment.descriptors),
    driver: memory.allocate(availableRingBytes(size), splitAlignment.available),
    device: memory.allocate(usedRingBytes(size), splitAlignment.used),
  };
}

/** What every virtio driver does: bring the device up (INIT-01, LEG-INIT-01), keep its rings, take it down. */
export class VirtioDriver {
  readonly transport: Transport;
  readonly memory: DmaMemory;
  readonly rings = new Map<number, DriverRing>();
  #accepted = featureWords([]);

  constructor(transport: Transport, memory: DmaMemory) {
    this.transport = transport;
    this.memory = memory;
  }

  /**
   * @throws NoDeviceError when a queue is missing, DeviceFailedError when the device refuses. FAILED is set then
   * (INIT-06).
   */
  bringUp(options: BringUpOptions, handlers: { queue(): void; config(): void }): void {
    const { transport } = this;
    transport.reset();
    transport.setStatus(deviceStatus.acknowledge);
    transport.setStatus(deviceStatus.acknowledge | deviceStatus.driver);
    try {
      this.#negotiate(options);
      transport.connect(handlers);
      for (const index of options.queues) this.#setUpQueue(index, options.maxQueueSize ?? 256);
    } catch (error) {
      transport.setStatus(transport.status | deviceStatus.failed);
      throw error;
    }
    transport.setStatus(transport.status | deviceStatus.driverOk);
  }

  #negotiate(options: BringUpOptions): void {
    const { transport } = this;
    const wanted = [...options.features, ...(options.ringFeatures ?? DEFAULT_RING_FEATURES)];
    // LEG-RF-04, RF-01: these are accepted wherever they are offered.
    const offered = transport.readFeatures();
    const mask = featureWords([...wanted, transport.modern ? feature.version1 : feature.anyLayout]);
    this.#accepted = offered.map((word, i) => word & mask[i]!);
    transport.writeFeatures(this.#accepted);
    if (!transport.modern) return;
    if (!this.has(feature.version1)) throw new DeviceFailedError('the device does not offer VERSION_1');
    const status = deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.featuresOk;
    transport.setStatus(status);
    if ((transport.status & deviceStatus.featuresOk) === 0)
      throw new DeviceFailedError('the device refused the features');
  }

  #setUpQueue(index: number, maxQueueSize: number): void {
    const { transport, memory } = this;
    const offered = transport.queueSize(index);
    if (offered === 0) throw new NoDeviceError(`the device has no queue ${index}`);
    const size = transport.ringLayout === 'legacy' ? offered : Math.min(offered, maxQueueSize);
    const where = place(transport, memory, size);
    const mode = {
      littleEndian: transport.littleEndian,
      eventIndex: this.has(feature.ringEventIndex),
      indirect: this.has(feature.ringIndirectDescriptors),
    };
    const ring = new DriverSplitRing(memory.ram, size, where, mode, (length) => memory.allocate(length));
    this.rings.set(index, ring);
    transport.setUpQueue(index, size, where);
  }

  /** True when the feature was offered and accepted. */
  has(bit: number): boolean {
    return hasFeature(this.#accepted, bit);
  }

  /** True when the device asks to be reset (BF-STAT-06). */
  get needsReset(): boolean {
    return (this.transport.status & deviceStatus.needsReset) !== 0;
  }

  /** Publishes what was added to a ring, and kicks if the device wants it. */
  kick(index: number): void {
    if (this.rings.get(index)!.publish()) this.transport.notify(index);
  }

  /**
   * A field of at most 64 bits. It is read again until two readings, or two generations, agree (BF-CFG-02, LEG-CFG-02).
   * @throws DeviceFailedError when they never do.
   */
  readField<M extends RegisterMap>(map: M, name: keyof M): number {
    const { offset, width } = map[name]!;
    const { transport } = this;
    const once = () =>
      width === 8 ? this.#readHalves(offset) : transport.readConfig(offset, width as Width);
    for (let tries = 0; tries < MAX_FIELD_READS; tries++) {
      const before = transport.configGeneration();
      const value = once();
      if (before === null ? width !== 8 || once() === value : transport.configGeneration() === before)
        return value;
    }
    throw new DeviceFailedError(`configuration field ${String(name)} does not hold still`);
  }

  #readHalves(offset: number): number {
    const [first, second] = [this.transport.readConfig(offset, 4), this.transport.readConfig(offset + 4, 4)];
    return this.transport.littleEndian ? second * 2 ** 32 + first : first * 2 ** 32 + second;
  }

  /** Resets the device and gives its interrupts and memory back (OPER-03). */
  close(): void {
    this.transport.reset();
    this.transport.disconnect();
    this.rings.clear();
    this.memory.clear();
  }
}
