import type { NetworkHeaderFields } from '../layout/network-header.ts';

/**
 * What the sender of a frame leaves to be done. Objects are reused: whoever is handed one copies what it wants to keep.
 */
export type Offload = NetworkHeaderFields;

/** A network device as its link sees it. */
export interface NetworkPort {
  /** 6 bytes. */
  readonly macAddress: Uint8Array;
  /**
   * A frame for the driver: `length` bytes of `bytes` from `offset`, which may be changed as soon as this returns.
   * Offloads that the driver has not agreed to are done by the device, in software.
   * @returns false when it was dropped: link down, no buffers, filtered.
   */
  receive(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): boolean;
}

/** What a network device is plugged into: a hub, a responder, a TAP device. */
export interface NetworkLink {
  /**
   * Takes frames whose checksums or segments are not done yet. Where it does not, the device does not offer such offloads
   * to its driver, and does not hand such frames out.
   */
  readonly offloads: boolean;
  /** Called once by the device, before anything else. */
  attach(port: NetworkPort): void;
  /** A frame of the driver's: valid until this returns. `offload` is null where there is nothing left to be done. */
  transmit(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void;
}

/** A link that leads nowhere. */
export const unplugged: NetworkLink = {
  offloads: false,
  attach: () => {},
  transmit: () => {},
};
