import type { DmaMemory, Transport } from '../../driver/index.ts';
import type { DeviceBehaviour, DeviceTypeName } from '../../virtio/index.ts';

/** One thing that a demonstration did, and what came of it. */
export interface DemoFact {
  readonly what: string;
  readonly result: string | number;
  /** False when it was not what it should be. */
  readonly good: boolean;
}

/** A device with whatever stands behind it, and a driver's visit to it. */
export interface DeviceVisit {
  readonly behaviour: DeviceBehaviour;
  /**
   * Brings the device up, works with it, closes it. The caller records register accesses: `markBroughtUp` is to be called
   * after bring-up, `markFirst` once the first request, or exchange, has ended.
   */
  drive(
    transport: Transport,
    memory: DmaMemory,
    marks: { markBroughtUp(): void; markFirst(): void },
  ): Promise<readonly DemoFact[]>;
  /** Gives back what is not memory: files, sockets. */
  close(): Promise<void>;
}

/** A device type's part of `virtiolab demo`. */
export interface DeviceDemo {
  readonly type: DeviceTypeName;
  /** A line for the help text. */
  readonly summary: string;
  visit(): Promise<DeviceVisit>;
}
