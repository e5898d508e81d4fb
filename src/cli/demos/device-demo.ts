import type { DmaMemory, Transport } from '../../driver/index.ts';
import type { DeviceBehaviour, DeviceType } from '../../virtio/index.ts';

/** One thing that a demonstration did, and what came of it. */
export interface DemoFact {
  readonly what: string;
  readonly result: string | number;
  /** False when it was not what it should be. */
  readonly good: boolean;
  /** Lines under it. */
  readonly details?: readonly string[];
  /** The same for programs, where there is more to it than `result`. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What the caller, who records register accesses, is told on the way. */
export interface DemoMarks {
  /** The device is up: what was recorded until now is the bring-up. */
  markBroughtUp(): void;
  /** The first request, or exchange, has ended: nothing more is recorded. */
  markFirst(): void;
}

/** A device with whatever stands behind it, and a driver's visit to it. */
export interface DeviceVisit {
  readonly behaviour: DeviceBehaviour;
  /** What the visit is about, for the first line: "image disk.img, 1 MiB". */
  readonly subject?: string;
  /** Rules of a watch that its driver breaks on purpose, to show what the device makes of it. */
  readonly breaks?: readonly string[];
  /** Brings the device up, works with it, closes the driver. */
  drive(transport: Transport, memory: DmaMemory, marks: DemoMarks): Promise<readonly DemoFact[]>;
  /** Gives back what is not memory: files, sockets. */
  close(): Promise<void>;
}

export interface VisitOptions {
  /** `--image` of the command line; only for types that take one. */
  readonly image?: string;
}

/** A device type's part of `virtiolab demo`. */
export interface DeviceDemo {
  readonly type: DeviceType;
  /** A line for the help text. */
  readonly summary: string;
  /** What the first exchange is, for the heading above its accesses: "The first read". */
  readonly first?: string;
  readonly takesImage?: boolean;
  /** A device with as much behind it as it needs to exist, for `virtiolab lspci` to show. */
  sample(): DeviceBehaviour;
  visit(options: VisitOptions): Promise<DeviceVisit>;
}
