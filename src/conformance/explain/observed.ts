import type { DeviceType } from '../../virtio/layout/index.ts';

/** The interface through which the driver works: what decides how rings and registers are read. */
export type SeenInterface = 'legacy' | 'native-mmr' | 'modern';

/** A queue as registers tell it. Null where nobody told. */
export interface SeenQueue {
  readonly index: number;
  /** Descriptors; what is in force. */
  readonly size: number | null;
  /** Of a legacy queue: it has an address. */
  readonly enabled: boolean | null;
  readonly resetting: boolean | null;
  /** Addresses of the three areas in bytes; 0 for none. Those of a legacy queue follow from its page. */
  readonly descriptors: number | null;
  readonly driver: number | null;
  readonly device: number | null;
  /** Its MSI-X vector, or NO_VECTOR. */
  readonly vector: number | null;
  /** How often it was kicked since the last reset. Whoever looks at registers alone cannot know. */
  readonly kicks: number | null;
}

/** An entry of the MSI-X table. */
export interface SeenVector {
  readonly masked: boolean;
  /** Where its message is written; 0 while nobody has aimed it. */
  readonly address: number;
  /** A message waits for the mask to go. */
  readonly pending: boolean;
}

export interface SeenMsix {
  readonly enabled: boolean;
  readonly functionMask: boolean;
  /** Null where the table could not be read. */
  readonly vectors: readonly SeenVector[] | null;
}

/** What can be seen of a function without touching anything. Null where nobody told. */
export interface Seen {
  /** Its place, `00:04.0`. */
  readonly function: string;
  readonly type: DeviceType | null;
  readonly interface: SeenInterface | null;
  /** Why its registers could not be read, by the id of a reason; null where they could. */
  readonly unreachable:
    | 'no-function'
    | 'not-virtio'
    | 'powered-down'
    | 'decode-off'
    | 'no-address'
    | 'no-interface'
    | null;
  /** The command register, and whether the status register says that the interrupt line is asserted. */
  readonly command: number | null;
  readonly lineAsserted: boolean | null;
  /** The device status. */
  readonly status: number | null;
  /** Feature sets as words of 32 bits. */
  readonly offered: Uint32Array | null;
  readonly accepted: Uint32Array | null;
  readonly configVector: number | null;
  /** Those that exist. */
  readonly queues: readonly SeenQueue[];
  /** Administration queues, where ADMIN_VQ was accepted. */
  readonly adminQueues: { readonly first: number; readonly count: number } | null;
  /** Null for a function without MSI-X. */
  readonly msix: SeenMsix | null;
  /** What looking at it did, beside reading. */
  readonly effects: readonly string[];
  /** What could not be seen, and why. */
  readonly unseen: readonly string[];
}
