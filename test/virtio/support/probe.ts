import {
  type Chain,
  type DeviceBehaviour,
  DeviceConfig,
  type DeviceType,
  deviceTypes,
  type FeatureDependency,
  type VirtioDevice,
} from '../../../src/virtio/index.ts';

export interface ProbeOptions {
  /** Its row, or the name of a type of this project. */
  readonly type?: DeviceType | string;
  readonly features?: readonly number[];
  readonly legacyFeatures?: readonly number[];
  readonly brokenDriverFeatures?: readonly number[];
  readonly dependencies?: readonly FeatureDependency[];
  readonly queueSizes?: readonly number[];
  readonly config?: DeviceBehaviour['config'];
  /** Completes every chain at once with that many bytes written; without it chains wait in `taken`. */
  readonly complete?: number;
}

/** A device of no real type: it keeps the chains that it is given and says what it was told. */
export class Probe implements DeviceBehaviour {
  readonly type: DeviceType;
  readonly features: readonly number[];
  readonly legacyFeatures: readonly number[];
  readonly brokenDriverFeatures: readonly number[];
  readonly queueSizes: readonly number[];
  readonly config: DeviceBehaviour['config'];
  /** Chains that were handed over and not completed. */
  readonly taken: Chain[] = [];
  /** `queue:head` of every chain that was handed over. */
  readonly handled: string[] = [];
  readonly told: string[] = [];
  /** Runs at each chain, before it is completed. */
  onChain: (chain: Chain) => void = () => {};
  device!: VirtioDevice;
  readonly #complete: number | undefined;

  constructor(options: ProbeOptions = {}) {
    const { type = 'entropy', dependencies } = options;
    const row = typeof type === 'string' ? deviceTypes.find(({ name }) => name === type)! : type;
    this.type = dependencies === undefined ? row : { ...row, dependencies };
    this.features = options.features ?? [];
    this.legacyFeatures = options.legacyFeatures ?? [];
    this.brokenDriverFeatures = options.brokenDriverFeatures ?? [];
    this.queueSizes = options.queueSizes ?? [8];
    this.config = options.config ?? new DeviceConfig({});
    this.#complete = options.complete;
  }

  attach(device: VirtioDevice): void {
    this.device = device;
  }

  handle(chain: Chain): void {
    this.handled.push(`${chain.queue}:${chain.head}`);
    this.onChain(chain);
    if (this.#complete === undefined) this.taken.push(chain);
    else this.device.complete(chain, this.#complete);
  }

  /** Completes the oldest chain in hand. */
  finish(length = 0): void {
    this.device.complete(this.taken.shift()!, length);
  }

  started(): void {
    this.told.push('started');
  }

  queueReset(index: number): void {
    this.told.push(`queue reset ${index}`);
  }

  reset(): void {
    this.told.push('reset');
  }

  save() {
    return { type: this.type.name };
  }

  load(): void {
    this.told.push('load');
  }
}
