import type { Target } from '../../core/index.ts';
import type { Draft } from '../../mmr/layout/index.ts';
import type { DeviceType } from '../../virtio/layout/index.ts';
import type { Setting } from './check.ts';

/**
 * What a tester can do to a device from its own side, past the bus. Each is there where it can be done; a check that needs
 * one is skipped where it is not.
 */
export interface Hands {
  /** Changes a field of the device's configuration that a driver is told of (a disk's size, a link, a balloon's target). */
  changeConfig?(): void | Promise<void>;
  /** Brings the device into the error state in which it asks for a reset. */
  breakDown?(): void | Promise<void>;
  /** Hands a frame to a network device from outside. */
  receiveFrame?(frame: Uint8Array): void | Promise<void>;
  /** Hands bytes to port 0 of a console from outside. */
  receiveText?(bytes: Uint8Array): void | Promise<void>;
}

/** A function before the suite, with firmware's work done: its BARs have addresses and are decoded. */
export interface Subject {
  readonly target: Target;
  readonly type: DeviceType;
  /** How it can be driven. */
  readonly settings: readonly Setting[];
  /** The draft by which an MMR function was made. */
  readonly draft?: Draft;
  /** RAM that the suite may use for rings and buffers, addresses in bytes; at least 1 MiB. */
  readonly memory: { readonly start: number; readonly end: number };
  readonly hands: Hands;
  /** Pauses after which it counts as silent; by default 2000, which is a few seconds. */
  readonly patience?: number;
}

/** Where subjects come from. Each opened one is closed by {@link Target.close}. */
export interface SubjectSource {
  /** As reports call it: `block:transitional`, `qemu:block:legacy`. */
  readonly name: string;
  /** A new one costs next to nothing, so that each check gets its own. */
  readonly cheap: boolean;
  /** @throws VirtiolabError where there is none. */
  open(): Subject | Promise<Subject>;
}
