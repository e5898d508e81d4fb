import type { VsockPayload, VsockPeer } from '../../backends/vsock/peer.ts';
import { reachClause, shapeClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { VSOCK_HEADER_BYTES, VsockPacket, vsockFeature, vsockType } from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';

/** Packets of the driver's: one after the other, and those that the peer has no room to answer wait (VSOCK-FLOW-02). */
export class TransmitQueue implements VsockPayload {
  readonly #device: DevicePort;
  readonly #peer: VsockPeer;
  readonly #guestCid: () => number;
  readonly #packets = new WaitingChains();
  readonly #packet = new VsockPacket();
  #busy = false;
  /** The packet in hand. */
  #chain: Chain | null = null;

  constructor(device: DevicePort, peer: VsockPeer, guestCid: () => number) {
    this.#device = device;
    this.#peer = peer;
    this.#guestCid = guestCid;
  }

  add(chain: Chain): void {
    this.#packets.add(chain);
  }

  pump(): void {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#packets.length > 0 && this.#device.dmaEnabled && !this.#peer.full)
        this.#take(this.#packets.take()!);
    } finally {
      this.#busy = false;
    }
  }

  #take(chain: Chain): void {
    this.#chain = chain;
    if (this.#read(chain)) {
      if (this.#accepts(this.#packet.type)) this.#peer.receive(this.#packet, this);
      else this.#peer.refuse(this.#packet);
    }
    this.#chain = null;
    this.#device.complete(chain, 0);
  }

  /** @returns false for what is no packet of the driver's: it goes to nobody. */
  #read(chain: Chain): boolean {
    const device = this.#device;
    const packet = this.#packet;
    const { readableBytes } = chain;
    if (chain.writableBytes > 0) this.report(shapeClause(device), 'writable bytes in a packet');
    if (readableBytes < VSOCK_HEADER_BYTES) {
      this.report(shapeClause(device), 'less than the header of a packet', 'length in bytes', readableBytes);
      return false;
    }
    const view = chain.header(VSOCK_HEADER_BYTES);
    if (view === null) {
      this.report(reachClause(device), 'a packet out of reach');
      return false;
    }
    packet.read(view, chain.headerAt);
    if (packet.upperSource !== 0 || packet.sourceCid !== this.#guestCid()) {
      this.report('VSOCK-RT-01', "a packet from another address than the driver's", 'CID', packet.sourceCid);
      return false;
    }
    if (packet.upperDestination !== 0) {
      const { upperDestination } = packet;
      this.report(shapeClause(device), 'an address of more than 32 bits', 'upper half', upperDestination);
      return false;
    }
    if (packet.length <= readableBytes - VSOCK_HEADER_BYTES) return true;
    this.report(shapeClause(device), 'a payload longer than its buffers', 'length in bytes', packet.length);
    return false;
  }

  /** VSOCK-FEAT-05: without NO_IMPLIED_STREAM streams are accepted in any case. */
  #accepts(type: number): boolean {
    const device = this.#device;
    const { stream, seqpacket, noImpliedStream } = vsockFeature;
    if (type !== vsockType.stream && type !== vsockType.seqpacket) return false;
    const accepted =
      type === vsockType.seqpacket
        ? device.has(seqpacket)
        : device.has(stream) || !device.has(noImpliedStream);
    if (!accepted) this.report('BF-FEAT-03', 'a type of sockets that was not accepted', 'type', type);
    return accepted;
  }

  /** Says what is wrong with the packet in hand; one that lies in the past has nobody who did it. */
  report(clause: string, message: string, what?: string, value?: number): void {
    const chain = this.#chain;
    if (chain !== null) this.#device.report('driver', clause, message, aboutChain(chain, what, value));
  }

  copy(offset: number, target: Uint8Array, length: number): boolean {
    const chain = this.#chain!;
    const copied = chain.read(VSOCK_HEADER_BYTES + offset, target, 0, length);
    if (!copied && chain.live) this.report(reachClause(this.#device), 'a payload out of reach');
    return copied;
  }

  clear(): void {
    this.#packets.clear();
  }
}
