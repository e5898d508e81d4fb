import type { Width } from '../../core/index.ts';
import type { RingPlace } from '../ring.ts';
import type { WaitOptions, Waits } from '../waits.ts';

/** What a driver does when its device interrupts. */
export interface InterruptHandlers {
  queue(): void;
  config(): void;
}

/** How a ring is to be laid out: in one piece with 4096-byte pages, or in three parts anywhere. */
export type RingLayout = 'legacy' | 'separate';

/**
 * What devices in the field do although the specification says otherwise, and a driver can live with if it is told:
 * - `packed-used-without-write`: used descriptors of a packed ring have a length and never WRITE (PKD-LAY-02);
 * - `used-length-counts-readable`: a used length counts bytes that the device read as well, so that it says nothing.
 */
export type DeviceDeviation = 'packed-used-without-write' | 'used-length-counts-readable';

/** Byte order of the integers that driver and device share in memory. */
export interface TransportOptions extends WaitOptions {
  /** Legacy guests only: a big-endian guest's rings and configuration are big-endian (LEG-CFG-01, LEG-VEND-01). */
  readonly bigEndian?: boolean;
  /** INTx even where the function has MSI-X. */
  readonly intx?: boolean;
  /** What the device is known to do; by default nothing is put up with. */
  readonly tolerate?: readonly DeviceDeviation[];
}

/** A driver's way to a virtio device: legacy ports, the MMR block, or the modern structures. */
export interface Transport {
  readonly name: 'legacy' | 'native-mmr' | 'modern';
  readonly ringLayout: RingLayout;
  readonly littleEndian: boolean;
  /** Feature handshake with FEATURES_OK, and VERSION_1 (INIT-05, RF-01). */
  readonly modern: boolean;
  readonly tolerated: ReadonlySet<DeviceDeviation>;
  /** How to wait for the device. */
  readonly waits: Waits;
  /** @throws FunctionGoneError where it reads all ones. */
  readonly status: number;
  setStatus(value: number): void;
  /** Returns when the device shows status 0 (BF-RST-03). @throws NoAnswerError when it never does, FunctionGoneError */
  reset(): void;
  readFeatures(): Uint32Array;
  writeFeatures(words: Uint32Array): void;
  /** Size that the device offers, 0 for no such queue. */
  queueSize(index: number): number;
  /** Numbers of the administration queues, once ADMIN_VQ was accepted; none where the interface has no such thing (PCI-COM-16). */
  adminQueues(): readonly number[];
  /** Tells the device where a ring is and what interrupts for it. */
  setUpQueue(index: number, size: number, place: RingPlace): void;
  /**
   * Takes one queue down, and returns when the device shows that it is (PCI-COM-24). Wants RING_RESET to be accepted.
   * @throws NoAnswerError when that never comes; DeviceFailedError when the interface has no such thing; FunctionGoneError
   */
  resetQueue(index: number): void;
  /** Kicks. @param position where the next entry goes, 16 bits, for a device that wants to know (NOTIFICATION_DATA). */
  notify(index: number, position: number): void;
  /** Device configuration, in the device's byte order, at the field's own width. */
  readConfig(offset: number, width: Width): number;
  writeConfig(offset: number, width: Width, value: number): void;
  /** Changes whenever configuration did; null where the interface has no such counter. */
  configGeneration(): number | null;
  /** Connects interrupts; to be called before queues are set up. */
  connect(handlers: InterruptHandlers): void;
  disconnect(): void;
}
