import {
  VsockDevice,
  VsockHost,
  type VsockHostOptions,
  type VsockOptions,
} from '../../../src/virtio/index.ts';
import { BUFFERS, type GuestOptions, ModernGuest } from './guests.ts';
import type { RawRing } from './ring.ts';
import { le } from './rtc.ts';

export const CID = 3;
export const HOST = 2;
/** Operations, as the specification numbers them. */
export const [REQUEST, RESPONSE, RST, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST] = [1, 2, 3, 4, 5, 6, 7];
export const [STREAM, SEQPACKET] = [1, 2];

/** The fields of a packet that a test cares about; ports as [the driver's, the host's]. */
export interface RawPacket {
  readonly op: number;
  readonly ports: readonly [driver: number, host: number];
  readonly from?: number;
  readonly to?: number;
  readonly type?: number;
  readonly flags?: number;
  readonly alloc?: number;
  readonly fwd?: number;
  readonly payload?: readonly number[];
  /** What the header says of the payload's length. */
  readonly length?: number;
}

/** A packet of the driver's, byte by byte (`virtio_vsock_hdr`). */
export function packetBytes(packet: RawPacket): number[] {
  const { op, ports, from = CID, to = HOST, type = STREAM, flags = 0, alloc = 1000, fwd = 0 } = packet;
  const { payload = [], length = payload.length } = packet;
  return [
    ...le(from, 8),
    ...le(to, 8),
    ...le(ports[0], 4),
    ...le(ports[1], 4),
    ...le(length, 4),
    ...le(type, 2),
    ...le(op, 2),
    ...le(flags, 4),
    ...le(alloc, 4),
    ...le(fwd, 4),
    ...payload,
  ];
}

const HEADER = 44;
const SLOTS = 64;
/** Where buffers for packets to the driver are, and how far apart. */
const IN = BUFFERS + 0x8000;
const SLOT = 0x400;
/** Of the guest's memory. */
const END = 0x100000;

/** What came to the driver, in the tests' words. */
export type Seen = Required<Pick<RawPacket, 'op' | 'ports' | 'type' | 'flags' | 'alloc' | 'fwd' | 'payload'>>;

/** Drives a socket device by bytes. */
export class RawVsock {
  readonly host: VsockHost;
  readonly device: VsockDevice;
  readonly guest: ModernGuest;
  readonly receive: RawRing;
  readonly transmit: RawRing;
  readonly event: RawRing;
  #next = 0;
  #given = 0;
  #seen = 0;

  constructor(
    options: VsockHostOptions = {},
    features: readonly number[] = [0, 1, 2],
    device: VsockOptions = {},
    guest: GuestOptions = {},
  ) {
    this.host = new VsockHost(options);
    this.device = new VsockDevice({ guestCid: CID, peer: this.host, ...device });
    this.guest = new ModernGuest(this.device, { kind: 'modern', ...guest });
    const [receive, transmit, event] = this.guest.start(features, [0, 1, 2]);
    this.receive = receive!;
    this.transmit = transmit!;
    this.event = event!;
    this.guest.clauses();
  }

  /** Puts bytes into the transmit queue. @returns whether they came back. */
  put(bytes: readonly number[], from = BUFFERS, writable = 0): boolean {
    const head = 2 * (this.#next++ % (SLOTS / 2));
    const at = from === BUFFERS ? BUFFERS + 0x200 * (head / 2) : from;
    if (at < END) this.guest.machine.ram.write(at, Uint8Array.from(bytes.slice(0, END - at)));
    const before = this.transmit.usedIndex;
    this.transmit.chain(head, [
      { address: at, length: bytes.length },
      ...(writable > 0 ? [{ address: at + 0x1000, length: writable, flags: 2 }] : []),
    ]);
    this.transmit.offer(head);
    this.guest.kick(1);
    return this.transmit.usedIndex !== before;
  }

  /** Sends a packet, and sees what comes back: there is a buffer for each. */
  send(packet: RawPacket): Seen[] {
    this.put(packetBytes(packet));
    return this.seen();
  }

  /** Gives the device a buffer for a packet. */
  give(length = SLOT, address?: number): void {
    const slot = this.#given++ % SLOTS;
    this.receive.describe(slot, { address: address ?? IN + SLOT * slot, length, flags: 2 });
    this.receive.offer(slot);
    this.guest.kick(0);
  }

  /** What came since the last look; the device gets a buffer for each packet that there is. */
  seen(): Seen[] {
    while (this.host.hasPacket) this.give();
    return this.collect();
  }

  /** The same without another buffer. */
  collect(): Seen[] {
    const count = (this.receive.usedIndex - this.#seen) & 0xffff;
    this.#seen = this.receive.usedIndex;
    return this.receive.used(count).flatMap(([slot, length]) => {
      if (length === 0) return [];
      const bytes = this.guest.machine.ram.read(IN + SLOT * slot, length);
      const view = new DataView(bytes.buffer);
      const [source, destination] = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
      if (source !== BigInt(HOST) || destination !== BigInt(this.device.guestCid))
        throw new Error(`a packet from ${source} to ${destination}`);
      if (view.getUint32(24, true) !== length - HEADER) throw new Error('another length than was used');
      return [
        {
          op: view.getUint16(30, true),
          ports: [view.getUint32(20, true), view.getUint32(16, true)] as const,
          type: view.getUint16(28, true),
          flags: view.getUint32(32, true),
          alloc: view.getUint32(36, true),
          fwd: view.getUint32(40, true),
          payload: [...bytes.subarray(HEADER)],
        },
      ];
    });
  }

  /** A stream from the driver's port to one of the host's, where somebody listens. */
  connect(ports: readonly [number, number], rest: Partial<RawPacket> = {}): void {
    const [answer] = this.send({ op: REQUEST!, ports, ...rest });
    if (answer?.op !== RESPONSE) throw new Error(`no response but ${answer?.op}`);
  }
}
