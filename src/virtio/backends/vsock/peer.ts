import type { Stateful } from '../../../core/index.ts';
import type { VsockPacket } from '../../layout/index.ts';

/** The payload of a packet that came from the driver. */
export interface VsockPayload {
  /** @returns false where it is out of the device's reach: the packet is to be given up. */
  copy(offset: number, target: Uint8Array, length: number): boolean;
}

/** Room for the payload of a packet to the driver. */
export interface VsockRoom {
  /** Bytes of it. */
  readonly length: number;
  /** Puts the payload there; once a packet. @returns false where it is out of the device's reach. */
  put(bytes: Uint8Array, offset: number, length: number): boolean;
}

/** What a peer has of its device. */
export interface VsockPort {
  /** The driver's address. */
  readonly guestCid: number;
  /** There may be packets for the driver, or room for its own again. */
  ready(): void;
  /** What a driver breaks where no clause is about that alone. */
  readonly shapeClause: string;
  /** Says that the packet in hand breaks a clause. */
  report(clause: string, message: string, what: string, value: number): void;
}

/** What a socket device talks to: it takes the driver's packets, and has packets for it. */
export interface VsockPeer extends Stateful {
  /** Called once, by the device that it is the peer of. */
  attach(port: VsockPort): void;
  /** So many packets wait for the driver that no more of its own can be taken (VSOCK-FLOW-02). */
  readonly full: boolean;
  /** There is a packet for the driver. */
  readonly hasPacket: boolean;
  /** A packet of the driver's, of a type that was agreed on. */
  receive(packet: VsockPacket, payload: VsockPayload): void;
  /** A packet of another type (VSOCK-RT-04): it is to be answered by a reset. */
  refuse(packet: VsockPacket): void;
  /** The next packet for the driver: fills its header in, and puts its payload into the room. Asked where there is one. */
  next(packet: VsockPacket, room: VsockRoom): void;
  /** A packet did not reach the driver, whose buffer could not be written. */
  lost(packet: VsockPacket): void;
  /** The driver, or the way to it, was reset: no connection is left. */
  reset(): void;
}
