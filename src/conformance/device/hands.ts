import type { NetworkHeaderFields } from '../../virtio/layout/network-header.ts';

type Now<T> = T | Promise<T>;

/** A frame that left a network device, and what was left to be done with it; null where nothing was. */
export interface SentFrame {
  readonly bytes: Uint8Array;
  readonly offload: NetworkHeaderFields | null;
}

export interface NetworkHands {
  /** Hands a frame to the device from outside. */
  receiveFrame?(frame: Uint8Array): Now<void>;
  /** Hands it a frame with something left to be done, as a host does for another device of the same host. */
  receiveUnfinished?(frame: Uint8Array, offload: NetworkHeaderFields): Now<void>;
  /** Frames that left the device since it was last asked. */
  sentFrames?(): Now<readonly SentFrame[]>;
  setLink?(up: boolean): Now<void>;
  /** Asks the driver to tell the network where it is (GUEST_ANNOUNCE). */
  announce?(): Now<void>;
}

export interface ConsoleHands {
  /** Hands bytes to port 0 from outside. */
  receiveText?(bytes: Uint8Array): Now<void>;
  /** What came out of port 0 since it was last asked, emergency writes included. */
  sentText?(): Now<Uint8Array>;
  /** Gives the terminal of port 0 another size. */
  resizeTerminal?(columns: number, rows: number): Now<void>;
  /** Plugs one more port in. @returns its number. */
  plugPort?(): Now<number>;
  unplugPort?(port: number): Now<void>;
}

export interface BalloonHands {
  /** Asks for a balloon of so many pages. */
  setTarget?(pages: number): Now<void>;
  /** Pages in the balloon, as the driver last said. */
  actualPages?(): Now<number>;
  /** Asks the driver for statistics. */
  askStatistics?(): Now<void>;
  /** What the driver last said, by tag. */
  statistics?(): Now<ReadonlyMap<number, number>>;
  /** Free page hinting: begins a round, has no use for hints for now, needs them no more. */
  hinting?(step: 'start' | 'stop' | 'done'): Now<void>;
  /** Numbers of the pages that were hinted and count. */
  hintedPages?(): Now<readonly number[]>;
}

export interface StorageHands {
  /** Requests that reach the medium from now on do not end until what is returned is called. */
  holdWork?(): Now<() => void>;
  /** Sectors of 512 bytes of the medium of a block device, or of unit 0 of target 0: makes it so large. */
  resizeDisk?(sectors: number): Now<void>;
}

export interface ScsiHands {
  /** Plugs a disk in at target 0. @returns its LUN. */
  plugUnit?(): Now<number>;
  unplugUnit?(lun: number): Now<void>;
}

/**
 * What a tester can do to a device from its own side, past the bus. Each is there where it can be done; a check that needs
 * one is skipped where it is not.
 */
export interface Hands extends NetworkHands, ConsoleHands, BalloonHands, StorageHands, ScsiHands {
  /** Puts back what would last beyond a reset and change what later checks see: a link that is down. */
  putBack?(): Now<void>;
  /** Changes a field of the device's configuration that a driver is told of (a disk's size, a link, a balloon's target). */
  changeConfig?(): Now<void>;
  /** Brings the device into the error state in which it asks for a reset. */
  breakDown?(): Now<void>;
}
