import type {
  DmaDomain,
  Finding,
  FindingAbout,
  FindingPlace,
  Manifest,
  Scheduler,
  State,
  Stateful,
} from '../core/index.ts';
import type { ByteOrder, DeviceConfig, SavedConfig } from './config.ts';
import type { DevicePort } from './device-port.ts';
import type { DeviceType } from './layout/index.ts';
import type { Chain } from './queue/chain.ts';
import type { SavedChain } from './queue/state.ts';

/** Device configuration of whatever structure. */
export type AnyConfig = Pick<
  DeviceConfig,
  'length' | 'map' | 'little' | 'big' | 'readGeneration' | 'hold' | 'release' | 'save' | 'check' | 'load'
>;

/** The rest of a device's state, with which that of its behaviour has to agree. */
export interface SavedDevice extends SavedConfig {
  readonly queues: readonly { readonly inFlight: readonly SavedChain[] }[];
}

/** What a device type adds to the core: features, queues, configuration, and what it does with a chain. */
export interface DeviceBehaviour extends Stateful {
  /** The row that travels with the behaviour: ids, names, features, configuration. */
  readonly type: DeviceType;
  /** Feature bits of the type, offered through both interfaces where below 32. */
  readonly features: readonly number[];
  /** Bits that only one of the two interfaces offers beside them. */
  readonly legacyFeatures?: readonly number[];
  readonly modernFeatures?: readonly number[];
  /** Features that a legacy driver is left with when it acknowledges bit 30 (LEG-RF-06). */
  readonly brokenDriverFeatures?: readonly number[];
  readonly config: AnyConfig;
  /** Sizes offered, in descriptors, by queue number; 0 for an absent queue. */
  readonly queueSizes: readonly number[];
  attach(device: DevicePort): void;
  /**
   * Takes a chain of queue `chain.queue`; the behaviour calls {@link DevicePort.complete} once, now or later. One that only
   * waits for something to happen belongs into `WaitingChains`: a device that is to be suspended does not wait for it. A
   * behaviour whose back end goes on with a request after its chain has died sets `chain.held` here, and calls
   * {@link DevicePort.letGo} when that has ended: such requests count against the queue, which could otherwise be stopped
   * and filled again without end.
   */
  handle(chain: Chain): void;
  /**
   * Takes a chain back that was in flight when a state was saved. `request` is what {@link Chain.request} saved then; a
   * chain that had none is handled anew.
   */
  resumeChain?(chain: Chain, request: State): void;
  /** The table of what it makes of chains in flight, where it saves such. */
  readonly requestRecord?: { manifest(): Manifest };
  /**
   * Looks at a state before anything is loaded.
   * @param device the rest of the state of which it is a part.
   * @throws StateMismatchError for a state that this device cannot have.
   */
  check?(state: State, path?: string, device?: SavedDevice): void;
  /**
   * Looks at what {@link resumeChain} is to be given for a chain of that queue, before anything is loaded; null is a chain
   * that had nothing.
   * @throws StateMismatchError for what this device cannot have made of a chain.
   */
  checkRequest?(request: State, path: string, queue: number): void;
  /**
   * Why the features that a driver wants to be settled cannot be (BF-FEAT-02, BF-FEAT-11); null when they can. `accepts`
   * tells which those are. A legacy driver, which nothing can be refused, is not asked about.
   */
  objection?(accepts: (bit: number) => boolean): FeatureObjection | null;
  /** The features of a driver that is no legacy one stand: it set FEATURES_OK, and the device kept it. */
  negotiated?(): void;
  /** The driver set DRIVER_OK. */
  started?(): void;
  /** One queue was stopped by itself: its chains are dead, and nothing of it is to be kept. */
  queueReset?(index: number): void;
  reset(): void;
}

export interface FeatureObjection {
  readonly clause: string;
  readonly message: string;
  readonly about?: FindingAbout;
}

/** The transport's part: how an event reaches the driver. */
export interface InterruptPort {
  queue(index: number): void;
  config(): void;
  /** What is on its way for a queue is not to be told any more: its chains are dead. */
  queueStopped(index: number): void;
  /** One queue was reset by its register: nothing is mapped to it any more. */
  queueReset(index: number): void;
  /** The device is at rest: what waits to be told goes on waiting (SUSP-09). */
  hold(): void;
  release(): void;
  reset(): void;
}

/** Where a device stands behind no transport. */
export const noInterrupts: InterruptPort = {
  queue: () => {},
  config: () => {},
  queueStopped: () => {},
  queueReset: () => {},
  hold: () => {},
  release: () => {},
  reset: () => {},
};

/** What a device needs of the place it is plugged into. */
export interface DevicePlace extends FindingPlace {
  readonly dma: DmaDomain;
  readonly scheduler: Scheduler;
  report(finding: Finding): void;
}

export interface VirtioDeviceOptions {
  /** False where the function has no legacy window: what legacy drivers would be offered does not matter then. */
  readonly legacy: boolean;
  /** Byte order of a legacy guest; no register tells, so the device is told here. */
  readonly guestEndian?: ByteOrder;
  /** Ring and transport features that are offered; VERSION_1 always is, where there is a modern window. */
  readonly transportFeatures?: readonly number[];
  /** Reads of the device status that show what it was before a reset, until it is 0 (BF-RST-01). */
  readonly resetReads?: number;
}

/** A window with a state of its own, as a queue selector, hears of a reset of the device. */
export interface ResetListener {
  deviceReset(): void;
}
