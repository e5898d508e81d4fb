import {
  flag,
  group,
  type Handlers,
  maskOf,
  oneOf,
  RegisterBlock,
  u8,
  u32,
  type ValueOf,
  type Width,
} from '../../core/index.ts';
import type { FunctionReference } from '../../driver/index.ts';
import { MAX_IO_BYTES } from '../../pci/layout/index.ts';
import {
  commonConfig,
  type DeviceType,
  deviceStatus,
  feature,
  featureWords,
  hasFeature,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyHeaderWithVectors,
  NOTIFY_READS,
  networkConfig,
  networkDeviceType,
  networkFeature,
  unmetDependency,
} from '../../virtio/layout/index.ts';
import { ALL_ONES, type HeldFunction, type Holder, type WindowPlace } from './held-function.ts';
import type { HostBlock } from './host-block.ts';
import { ModernQueues, modernQueuesState } from './modern-queues.ts';
import { ModernStructures } from './modern-structures.ts';
import { NaturalWidths } from './natural-widths.ts';

const { driverOk, featuresOk, needsReset } = deviceStatus;
const bit = (feature: number) => 2 ** feature;

/** What a legacy function offers and a modern one does not, and needs nothing of the function: any framing is right there. */
const OWN_FEATURES = bit(feature.anyLayout) + bit(feature.unused);
/** What means nothing in a modern function's first word, or something else. */
const LEGACY_ONLY = OWN_FEATURES + bit(feature.notifyOnEmpty);
/** Accepted for the guest where they are offered; the first has to be. */
const HIGH_FEATURES = featureWords([
  feature.version1,
  feature.accessPlatform,
  feature.orderPlatform,
  feature.ringReset,
])[1]!;

/** What the guest has said, and how much of it the function knows. */
export const modernBlockState = group({
  features: u32,
  status: u8,
  /** The function has FEATURES_OK, its queues and DRIVER_OK; or it did not take the features. */
  phase: oneOf('before', 'started', 'refused'),
  /** RING_RESET was accepted: single queues can be taken down. */
  resetsQueues: flag,
  queues: modernQueuesState,
});
type Saved = ValueOf<typeof modernBlockState>;

/** One register of the common configuration under the same name. */
const same = (name: 'configMsixVector' | 'queueMsixVector' | 'queueSelect') => ({
  read: ({ structures }: ModernBlock) => structures.get(commonConfig[name]),
  write: ({ structures }: ModernBlock, value: number) => structures.set(commonConfig[name], value),
});

const handlers: Handlers<typeof legacyHeaderWithVectors, ModernBlock> = {
  deviceFeatures: { read: (block) => block.shown() },
  driverFeatures: { read: ({ features }) => features, write: (block, value) => block.setFeatures(value) },
  queueAddress: { read: ({ queues }) => queues.page(), write: (block, value) => block.setPage(value) },
  queueSize: { read: ({ queues }) => queues.size() },
  queueSelect: same('queueSelect'),
  queueNotify: { read: () => NOTIFY_READS, write: (block, value) => block.kick(2, value) },
  deviceStatus: { read: (block) => block.status(), write: (block, value) => block.setStatus(value) },
  isrStatus: { read: ({ structures }) => structures.readIsr() },
  configMsixVector: same('configMsixVector'),
  queueMsixVector: same('queueMsixVector'),
};

const header = new RegisterBlock(legacyHeaderWithVectors, handlers, LEGACY_CONFIG_OFFSET_MSIX, 'ones');

/**
 * A legacy block over the structures of a modern function, made up as well as that can be done. Status and queues are kept here
 * until the guest sets DRIVER_OK, or kicks, which a legacy driver may do before (LEG-INIT-03): then the function gets it all in
 * the order that it wants, features, FEATURES_OK, queues, DRIVER_OK. What it cannot be got to do is said, where that is known.
 */
export class ModernBlock implements HostBlock {
  readonly place: WindowPlace;
  readonly configBytes: number;
  readonly shape: { readonly type: string };
  readonly readsBack = true;
  readonly posted = true;
  readonly structures: ModernStructures;
  readonly queues: ModernQueues;
  /** What the guest accepted. */
  features = 0;
  readonly #type: DeviceType;
  readonly #holder: Holder;
  readonly #config: NaturalWidths;
  /** As the guest wrote it. */
  #status = 0;
  #phase: Saved['phase'] = 'before';
  #resetsQueues = false;

  /** @throws TranslatorError when the function has no structures that can be used. */
  constructor(held: HeldFunction, holder: Holder, fn: FunctionReference, type: DeviceType) {
    this.structures = new ModernStructures(held, fn);
    this.queues = new ModernQueues(this.structures, holder);
    this.#type = type;
    this.#holder = holder;
    this.place = this.structures.place;
    this.configBytes = Math.min(this.structures.configBytes, MAX_IO_BYTES - LEGACY_CONFIG_OFFSET_MSIX);
    this.shape = { type: type.name };
    this.#config = new NaturalWidths(this.structures.config, type.config, this.configBytes);
  }

  found(): void {
    this.structures.find();
  }

  read(offset: number, width: Width): number {
    return offset < LEGACY_CONFIG_OFFSET_MSIX
      ? header.read(this, offset, width)
      : this.#config.read(offset - LEGACY_CONFIG_OFFSET_MSIX, width);
  }

  write(offset: number, width: Width, value: number): void {
    if (offset < LEGACY_CONFIG_OFFSET_MSIX) header.write(this, offset, width, value);
    else this.#writeConfig(offset - LEGACY_CONFIG_OFFSET_MSIX, width, value);
  }

  #writeConfig(offset: number, width: Width, value: number): void {
    if (this.#type.name === networkDeviceType.name && offset < networkConfig.mac.count)
      this.#holder.report('LEG-NET-03', 'the function takes no address by its configuration', {
        what: 'configuration offset',
        value: offset,
      });
    this.#config.write(offset, width, value);
  }

  /** A word of what the function offers. */
  offered(word: number): number {
    this.structures.set(commonConfig.deviceFeatureSelect, word);
    return this.structures.get(commonConfig.deviceFeature);
  }

  /** What the guest is offered. */
  shown(): number {
    return ((this.offered(0) & ~LEGACY_ONLY) | OWN_FEATURES) >>> 0;
  }

  /**
   * The function is told at once, since its configuration may depend on them. A driver that accepts the unused bit is taken
   * for a broken one, whose features mean nothing (LEG-RF-06).
   */
  setFeatures(value: number): void {
    this.features = hasFeature([value], feature.unused) ? 0 : (value & this.shown()) >>> 0;
    if (this.#phase === 'before') this.#accept(this.features);
    else
      this.#holder.report('LEG-FEAT-04', 'the function takes no features once it works', {
        what: 'feature bits',
        value,
      });
  }

  #accept(value: number): void {
    const { structures } = this;
    const words = [(value & ~LEGACY_ONLY & this.offered(0)) >>> 0, (HIGH_FEATURES & this.offered(1)) >>> 0];
    for (const [word, bits] of words.entries()) {
      structures.set(commonConfig.driverFeatureSelect, word);
      structures.set(commonConfig.driverFeature, bits);
    }
    this.#resetsQueues = hasFeature(words, feature.ringReset);
  }

  /** Features that need others which the guest has not accepted are left out: the function would refuse them all. */
  #consistent(): number {
    const words = [this.features & this.offered(0)];
    for (;;) {
      const unmet = unmetDependency(words, this.#type.dependencies);
      if (unmet === null) return words[0]!;
      words[0]! &= ~(1 << unmet[0]);
      this.#holder.report('LEG-FEAT-04', 'a feature was left out that the function would not take so', {
        what: 'feature bit',
        value: unmet[0],
      });
    }
  }

  #start(): void {
    const { structures } = this;
    this.#accept(this.#consistent());
    // A guest that kicks early may have skipped a step.
    this.#status |= deviceStatus.acknowledge | deviceStatus.driver;
    this.#tellStatus();
    structures.set(commonConfig.deviceStatus, (this.#status & ~driverOk) | featuresOk);
    if ((structures.get(commonConfig.deviceStatus) & featuresOk) === 0) {
      this.#phase = 'refused';
      this.#holder.report('LEG-FEAT-04', 'the function refuses the features, and does not work', {
        what: 'feature bits',
        value: this.features,
      });
      return;
    }
    this.#admitHeader();
    this.queues.enableAll();
    this.#phase = 'started';
  }

  /** Frames without MRG_RXBUF have a header of 10 bytes, and with VERSION_1 of 12 (NET-HDR). */
  #admitHeader(): void {
    const merges = hasFeature([this.features], networkFeature.mergeableBuffers);
    if (this.#type.name !== networkDeviceType.name || merges) return;
    this.#holder.report('LEG-NET-05', 'the function has two bytes more in the header of a frame', {
      what: 'feature bits',
      value: this.features,
    });
  }

  /** What the guest wrote, and what the function says of itself. */
  status(): number {
    const status = this.structures.get(commonConfig.deviceStatus);
    if (status === ALL_ONES || this.#status === 0) return status;
    return (this.#status & ~needsReset) | (status & needsReset);
  }

  setStatus(value: number): void {
    if (value === 0) {
      this.#reset();
      this.structures.set(commonConfig.deviceStatus, 0);
      return;
    }
    this.#status = value;
    if ((value & driverOk) !== 0 && this.#phase === 'before') this.#start();
    this.#tellStatus();
  }

  /** FEATURES_OK and DRIVER_OK are the shim's to give. */
  #tellStatus(): void {
    const own = featuresOk | driverOk;
    const status = this.#status & ~own;
    this.structures.set(commonConfig.deviceStatus, this.#phase === 'started' ? status | own : status);
  }

  #reset(): void {
    this.#status = this.features = 0;
    this.#phase = 'before';
    this.#resetsQueues = false;
    this.queues.clear();
  }

  setPage(page: number): void {
    this.queues.setPage(page, this.#phase === 'started', this.#resetsQueues);
  }

  /** LEG-INIT-03: a queue that is set up may be used before DRIVER_OK, which the function has to be told then. */
  kick(_width: Width, queue: number): void {
    const index = queue & maskOf(legacyHeader.queueNotify.width);
    if (this.#phase === 'before' && this.queues.has(index)) {
      this.#start();
      this.#tellStatus();
    }
    this.queues.kick(index);
  }

  save(): Saved {
    return {
      features: this.features,
      status: this.#status,
      phase: this.#phase,
      resetsQueues: this.#resetsQueues,
      queues: this.queues.save(),
    };
  }

  load(saved: Saved): void {
    this.features = saved.features;
    this.#status = saved.status;
    this.#phase = saved.phase;
    this.#resetsQueues = saved.resetsQueues;
    this.queues.load(saved.queues);
  }
}
