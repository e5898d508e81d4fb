import type {
  BusTarget,
  DmaDomain,
  Finding,
  FindingAbout,
  FindingPlace,
  Party,
  Scheduler,
} from '../core/index.ts';
import type { ByteOrder, DeviceConfig } from './config.ts';
import type { DevicePort } from './device-port.ts';
import type { DeviceType } from './layout/index.ts';
import type { QueueUser } from './queue-user.ts';

/** Device configuration of whatever structure. */
export type AnyConfig = Pick<
  DeviceConfig,
  | 'length'
  | 'map'
  | 'little'
  | 'big'
  | 'readGeneration'
  | 'hold'
  | 'release'
  | 'save'
  | 'check'
  | 'load'
  | 'restore'
>;

/** What a device type adds to the core: features, queues, configuration, and what it does with a chain. */
export interface DeviceBehaviour extends QueueUser {
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
  /**
   * Nothing but a driver's access sets it going, and its state is all that there is of it: of a virtual function that does
   * nothing at the moment, its state alone may be kept. What a program calls on the object itself needs one that is kept.
   */
  readonly sleeps?: boolean;
  attach(device: DevicePort): void;
  /**
   * Why the features that a driver wants to be settled cannot be (BF-FEAT-02, BF-FEAT-11); null when they can. `accepts`
   * tells which those are. A legacy driver, which nothing can be refused, is not asked about.
   */
  objection?(accepts: (bit: number) => boolean): FeatureObjection | null;
  /** The features of a driver that is no legacy one stand: it set FEATURES_OK, and the device kept it. */
  negotiated?(): void;
  /** The driver set DRIVER_OK. */
  started?(): void;
  /** A state was loaded, and all that it belongs to is in place: what was in flight is taken up after that. */
  goOn?(): void;
  /** A queue was kicked whose ring somebody else serves perhaps. @returns true where no chain is to be taken from it. */
  kicked?(index: number): boolean;
}

/** What the owner of a group adds to its device: queues for commands about the group's members (chapter Device groups). */
export interface DeviceAdministration extends QueueUser {
  attach(device: DevicePort): void;
  /** Where legacy drivers kick members in a BAR of the owner, if they can. */
  readonly doorbells?: MemberDoorbells;
}

/** Addresses in a BAR of a group's owner at which its members are kicked (ADL-13). */
export interface MemberDoorbells extends BusTarget {
  readonly bytes: number;
  /** Where they stand, once that is laid out. */
  place(at: { readonly bar: number; readonly offset: number }): void;
}

export interface FeatureObjection {
  /** Who breaks the clause; by default the driver. */
  readonly party?: Party;
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
  /** The device owns groups: it offers ADMIN_VQ. */
  readonly administration?: DeviceAdministration | null;
}

/** A window with a state of its own, as a queue selector, hears of a reset of the device. */
export interface ResetListener {
  deviceReset(): void;
}
