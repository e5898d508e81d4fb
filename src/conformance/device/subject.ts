import type { Target } from '../../core/index.ts';
import type { Draft } from '../../mmr/layout/index.ts';
import type { DeviceType } from '../../virtio/layout/index.ts';
import type { Setting } from './check.ts';
import type { Hands } from './hands.ts';

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
