import {
  DmaDomain,
  type Finding,
  flag,
  type GuestMemory,
  group,
  immediate,
  list,
  maskOf,
  oneOf,
  optional,
  record,
  type Scheduler,
  type State,
  type Stateful,
  u8,
  u16,
  u53,
  type Width,
} from '../../core/index.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import type { ByteOrder } from '../config.ts';
import { VirtioDevice } from '../device.ts';
import { virtioDeviceState } from '../device-state.ts';
import { deviceStatus, FEATURE_WORDS, feature, hasFeature } from '../layout/index.ts';
import { type VdpaCallback, VdpaCallbacks } from './callbacks.ts';
import {
  ConfigRangeError,
  FeaturesRefusedError,
  FeaturesSettledError,
  StatusLoweredError,
  StatusValueError,
  UnsupportedCallError,
  VdpaError,
} from './errors.ts';
import { Iotlb } from './iotlb.ts';
import { ParentRings } from './parent-rings.ts';
import { type DeviceOrders, linuxParentPolicy, type ParentPolicy, vdpaFormat } from './policy.ts';

const { featuresOk, driverOk } = deviceStatus;

export interface VdpaParentOptions {
  /** By default what Linux does. */
  readonly policy?: ParentPolicy;
  /** By default a legacy driver is served in little-endian only. */
  readonly orders?: DeviceOrders;
  /** The host's own byte order; by default little-endian. A parent may take a legacy driver's for the same. */
  readonly hostOrder?: ByteOrder;
  /** Ring and transport features that are offered, in place of the usual ones. */
  readonly transportFeatures?: readonly number[];
  readonly scheduler?: Scheduler;
  /** Hears what somebody breaks. */
  readonly report?: (finding: Finding) => void;
}

export const vdpaParentState = record('vdpa-parent', 1, {
  device: virtioDeviceState,
  maps: list(group({ start: u53, length: u53, target: u53, write: flag })),
  positions: list(optional(u16)),
  requests: oneOf('little', 'big'),
  rings: list(oneOf('little', 'big')),
  /** The format that was asked for, as a bit; 0 before. */
  format: u8,
  featuresSet: flag,
});

/** What configuration is read and written by: its own widths, one after the other. */
const widthAt = (offset: number, left: number): Width =>
  offset % 4 === 0 && left >= 4 ? 4 : offset % 2 === 0 && left >= 2 ? 2 : 1;

/**
 * A device behind the operations that Linux has for vDPA: features, status, configuration, rings, kicks and callbacks, suspension, and
 * the addresses that it reaches. Any device type's behaviour stands behind it. What is refused throws a `VdpaError` with the name of
 * the error number that Linux gives, and changes nothing.
 */
export class VdpaParent implements Stateful {
  readonly policy: ParentPolicy;
  readonly orders: DeviceOrders;
  /** The device itself. */
  readonly device: VirtioDevice;
  readonly rings: ParentRings;
  readonly iotlb: Iotlb;
  /** What became of features that were set by a configuration access; null where none were. */
  assumed: 'taken' | VdpaError | null = null;
  readonly #callbacks: VdpaCallbacks;
  readonly #dma: DmaDomain;
  readonly #hostOrder: ByteOrder;
  #requests: ByteOrder = 'little';
  readonly #ringOrders: ByteOrder[];
  #format = 0;
  #featuresSet = false;

  /**
   * @param memory in which whatever the device is given lies: it reaches nothing of it until that is mapped.
   * @throws as `VirtioDevice`; UnsupportedCallError for a policy that wants a byte order which the device has not.
   */
  constructor(behaviour: DeviceBehaviour, memory: GuestMemory, options: VdpaParentOptions = {}) {
    const { policy = linuxParentPolicy, orders = 'little only', scheduler = immediate } = options;
    const { transportFeatures } = options;
    if (policy.order === 'big, always' && orders === 'little only')
      throw new UnsupportedCallError('legacy order', 'big', 'the device is little-endian only');
    this.policy = policy;
    this.orders = orders;
    this.#hostOrder = options.hostOrder ?? 'little';
    this.device = new VirtioDevice(behaviour, {
      legacy: true,
      ...(transportFeatures === undefined ? {} : { transportFeatures }),
    });
    this.#callbacks = new VdpaCallbacks(this.device.queueCount);
    this.device.interrupts = this.#callbacks;
    this.rings = new ParentRings(this.device);
    this.#ringOrders = new Array(this.device.queueCount).fill('little');
    this.#dma = new DmaDomain(memory, []);
    this.iotlb = new Iotlb(this.#dma);
    const { report = () => {} } = options;
    const subject = behaviour.type.functionName;
    this.device.connect({ dma: this.#dma, scheduler, subject, address: null, report });
    this.device.setDmaEnabled(true);
    this.#orderReset();
  }

  /** Every bit that is offered, by words: what either interface of the device offers. */
  get features(): readonly number[] {
    const { offered, offeredLegacy } = this.device.features;
    return offered.map((word, i) => (i === 0 ? (word | offeredLegacy) >>> 0 : word));
  }

  /** What was set, as far as it was offered. */
  get driverFeatures(): readonly number[] {
    return [...this.device.features.accepted];
  }

  /** @throws FeaturesSettledError, FeaturesRefusedError */
  setFeatures(words: readonly number[]): void {
    if ((this.device.status & featuresOk) !== 0) throw new FeaturesSettledError(words);
    const zero = words.every((word) => word === 0);
    const wants = zero && this.policy.resetsToZero ? null : this.#wantsOf(words);
    if (wants !== null) throw new FeaturesRefusedError(words, wants);
    this.#featuresSet = true;
    if (hasFeature(words, feature.version1))
      for (let word = 0; word < FEATURE_WORDS; word++)
        this.device.bringUp.acceptFeatures(word, (words[word] ?? 0) >>> 0);
    else this.device.bringUp.acceptLegacyFeatures(words[0]! >>> 0);
  }

  /** What features would have to have that these have not, or null. */
  #wantsOf(words: readonly number[]): string | null {
    const { version1, accessPlatform, order } = this.policy;
    const { legacyLittle, legacyBig } = vdpaFormat;
    const modern = hasFeature(words, feature.version1);
    if (version1 === 'required' && !modern) return 'VERSION_1';
    if (accessPlatform === 'required' && !hasFeature(words, feature.accessPlatform)) return 'ACCESS_PLATFORM';
    const asLegacy = (this.#format & (legacyLittle | legacyBig)) !== 0;
    if (order === 'format bits' && modern === asLegacy)
      return 'the format to be told first, and VERSION_1 with none but the modern one';
    const { offered, offeredLegacy } = this.device.features;
    // A driver without VERSION_1 has one word, and ACCESS_PLATFORM from whoever stands between.
    const mine = modern ? offered : [offeredLegacy, 2 ** (feature.accessPlatform % 32)];
    return words.some((word, i) => (word & ~(mine[i] ?? 0)) !== 0) ? 'features that are offered' : null;
  }

  get status(): number {
    return this.device.statusRegister.read();
  }

  /** 0 resets the device. @throws StatusLoweredError, StatusValueError */
  setStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    if (!Number.isInteger(value) || value < 0 || value > maskOf(1)) throw new StatusValueError(value);
    const { status } = this.device;
    if ((status & ~value) !== 0) throw new StatusLoweredError(value, status);
    const { device } = this;
    // Who sets no features has none, and is no driver of virtio 1.x.
    if ((value & ~status & featuresOk) !== 0 && !this.#featuresSet && this.policy.version1 === 'optional')
      device.speak('legacy');
    device.statusRegister.write(value);
  }

  /** What is mapped, and whom it tells, stays. */
  reset(): void {
    this.device.resetFunction();
    this.rings.reset();
    this.#featuresSet = false;
    this.assumed = null;
    this.#format = 0;
    this.#orderReset();
  }

  #orderReset(): void {
    const { order } = this.policy;
    const hosts = order === "the host's" && this.orders === 'both' ? this.#hostOrder : 'little';
    this.#tell(order === 'big, always' ? 'big' : hosts);
  }

  #tell(order: ByteOrder): void {
    this.#requests = order;
    this.#ringOrders.fill(order);
    this.#retell();
  }

  #retell(): void {
    this.device.told = { requests: this.#requests, rings: this.#ringOrders };
    this.device.bringUp.updateMode();
  }

  #checkOrder(operation: string, wanted: ParentPolicy['order'], order: ByteOrder): void {
    if (this.policy.order !== wanted)
      throw new UnsupportedCallError(operation, order, 'there is no such call');
    if (order === 'big' && this.orders === 'little only')
      throw new UnsupportedCallError(operation, order, 'the device is little-endian only');
  }

  /** Byte order of a legacy driver, of all that is the device's. @throws UnsupportedCallError */
  setOrder(order: ByteOrder): void {
    this.#checkOrder('set_endian', 'a call', order);
    this.#tell(order);
  }

  /**
   * Byte order of one ring. Requests are in that of the rings where all agree, and little-endian where they do not: no call says it.
   * @throws NoSuchQueueError, UnsupportedCallError
   */
  setRingOrder(index: number, order: ByteOrder): void {
    this.rings.check('set_vring_endian', index);
    this.#checkOrder('set_vring_endian', 'a call for each ring', order);
    this.#ringOrders[index] = order;
    this.#requests = this.#ringOrders.every((each) => each === 'big') ? 'big' : 'little';
    this.#retell();
  }

  /** Formats that the device has, as a set of {@link vdpaFormat}; 0 where the policy has no such bits. */
  get formats(): number {
    if (this.policy.order !== 'format bits') return 0;
    const { legacyLittle, legacyBig, modern } = vdpaFormat;
    const legacy = this.orders === 'both' ? legacyLittle | legacyBig : legacyLittle;
    return this.policy.version1 === 'required' ? modern : legacy | modern;
  }

  /** Asks for one of {@link formats}, before features. @throws FeaturesSettledError, UnsupportedCallError */
  setFormat(format: number): void {
    if ((this.device.status & featuresOk) !== 0) throw new FeaturesSettledError([format]);
    if ((format & this.formats) !== format || (format & (format - 1)) !== 0 || format === 0)
      throw new UnsupportedCallError('set_format', format, `wants one bit of ${this.formats}`);
    this.#format = format;
    this.#tell(format === vdpaFormat.legacyBig ? 'big' : 'little');
  }

  get configLength(): number {
    return this.device.config.length;
  }

  /** Bytes of configuration, in the order that the policy has. @throws ConfigRangeError */
  readConfig(offset: number, length: number): Uint8Array {
    this.#checkConfig('get_config', offset, length);
    this.#early(this.policy.earlyRead);
    const bytes = new Uint8Array(length);
    const target = this.device.config[this.configOrder];
    for (let at = 0; at < length; ) {
      const width = widthAt(offset + at, length - at);
      const value = target.read(offset + at, width);
      for (let i = 0; i < width; i++) bytes[at + i] = value >>> (8 * i);
      at += width;
    }
    return bytes;
  }

  /** @throws ConfigRangeError */
  writeConfig(offset: number, bytes: Uint8Array): void {
    this.#checkConfig('set_config', offset, bytes.length);
    this.#early(this.policy.earlyWrite);
    const target = this.device.config[this.configOrder];
    for (let at = 0; at < bytes.length; ) {
      const width = widthAt(offset + at, bytes.length - at);
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
      target.write(offset + at, width, value);
      at += width;
    }
  }

  get configGeneration(): number {
    return this.device.config.readGeneration();
  }

  /** Byte order in which configuration is read and written now. */
  get configOrder(): ByteOrder {
    return this.policy.config === 'driver' && this.device.legacyDriver ? this.#requests : 'little';
  }

  #checkConfig(operation: string, offset: number, length: number): void {
    const whole = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length > 0;
    if (!whole || offset + length > this.configLength)
      throw new ConfigRangeError(operation, offset, length, this.configLength);
  }

  #early(policy: ParentPolicy['earlyRead']): void {
    if (this.#featuresSet || policy === 'nobody in particular') return;
    this.#featuresSet = true;
    try {
      this.setFeatures([0, 0, 0, 0]);
      this.assumed = 'taken';
    } catch (error) {
      if (!(error instanceof VdpaError)) throw error;
      this.assumed = error;
    }
  }

  /** @throws NoSuchQueueError */
  kick(index: number): void {
    this.rings.check('kick_vq', index);
    this.device.notify(index);
  }

  /** @throws NoSuchQueueError */
  onQueue(index: number, callback: VdpaCallback | null): void {
    this.rings.check('set_vq_cb', index);
    this.#callbacks.set(index, callback);
  }

  onConfig(callback: VdpaCallback | null): void {
    this.#callbacks.onConfig = callback;
  }

  /**
   * No more chains are taken, and those that were are finished; then rings are where their positions say. Before DRIVER_OK there is
   * nothing to stop. @param then is called once the device is at rest. @returns whether it is.
   */
  suspend(then: () => void = () => {}): boolean {
    if ((this.device.status & driverOk) === 0) {
      then();
      return true;
    }
    this.device.mode.stop(then);
    return this.device.mode.stopped;
  }

  resume(): void {
    this.device.mode.goOn();
  }

  /** The device reaches [start, start + length) of `target` on. @throws MapRangeError, MappedAlreadyError */
  map(start: number, length: number, target = start, write = true): void {
    this.iotlb.map({ start, length, target, write });
    this.device.features.placed(this.#dma);
  }

  /** @throws MapRangeError */
  unmap(start: number, length: number): void {
    this.iotlb.unmap(start, length);
    this.device.features.placed(this.#dma);
  }

  /** Memory that the device reaches, for whoever watches or counts what it does there. */
  get dma(): DmaDomain {
    return this.#dma;
  }

  check(state: State, path = 'vDPA parent') {
    const saved = vdpaParentState.parse(state, path);
    this.device.check(saved.device, `${path}.device`);
    return saved;
  }

  save() {
    return vdpaParentState.save({
      device: this.device.save(),
      maps: this.iotlb.maps.map((map) => ({ ...map })),
      positions: this.rings.save(),
      requests: this.#requests,
      rings: [...this.#ringOrders],
      format: this.#format,
      featuresSet: this.#featuresSet,
    });
  }

  /** {@link resumeLoaded} follows, when all is in place. */
  load(state: State): void {
    const saved = this.check(state);
    this.iotlb.load(saved.maps);
    this.device.features.placed(this.#dma);
    this.#requests = saved.requests;
    for (const [index, order] of saved.rings.entries()) this.#ringOrders[index] = order;
    this.#format = saved.format;
    this.#featuresSet = saved.featuresSet;
    this.rings.load(saved.positions);
    this.#retell();
    this.device.restore(saved.device);
  }

  /** Goes on with what was in flight when the state was saved. */
  resumeLoaded(): void {
    this.device.resume();
  }
}
