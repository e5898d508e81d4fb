import type { Chain } from '../../virtio/index.ts';
import { blockRequests } from './block-requests.ts';
import { networkRequests } from './network-requests.ts';

/** How one side of the mediator has requests. */
export interface RequestForm {
  readonly little: boolean;
  /** It is a driver, or serves one, that knows VERSION_1. */
  readonly modern: boolean;
  /** It accepted MRG_RXBUF, or is served so: headers of frames are as long as in virtio 1.x. */
  readonly mergesBuffers: boolean;
}

/** What of a chain goes through the mediator's own memory: so many bytes of the guest's become so many of the device's, at the front. */
export interface Crossing {
  outGuest: number;
  outDevice: number;
  inGuest: number;
  inDevice: number;
  /** What the device writes is turned where it lies, in the guest's own buffer. */
  inPlace: boolean;
}

/** The mediator's memory for one chain. */
export interface Bounce {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** A guest's requests beside those of the device, for one device type. */
export interface RequestTable {
  /** Bytes of the mediator's memory that a chain of the queue takes, at most. */
  bounceBytes(queue: number, control: number): number;
  /**
   * Looks at a chain of the guest's, says what of it crosses, and puts the device's form of what it reads into `bounce`.
   * @param control number of the queue for commands.
   */
  outward(chain: Chain, control: number, sides: RequestSides, bounce: Bounce, crossing: Crossing): void;
  /** What the device wrote, `length` bytes in `bounce` or turned in place, becomes the guest's. */
  inward(sides: RequestSides, bounce: Bounce): void;
  /** In place: chains that follow and are the rest of what this one begins. */
  followers?(sides: RequestSides, bounce: Bounce): number;
}

/** The guest's form beside the device's. */
export interface RequestSides {
  readonly guest: RequestForm;
  readonly device: RequestForm;
}

/** Nothing of a request has a byte order, or it is the same for everybody. */
const asItIs: RequestTable = { bounceBytes: () => 0, outward: () => {}, inward: () => {} };

/** By name of the device type. Those that are missing are carried as long as both sides have the same form. */
export const requestTables: Readonly<Record<string, RequestTable>> = {
  network: networkRequests,
  block: blockRequests,
  entropy: asItIs,
  p9: asItIs,
};
