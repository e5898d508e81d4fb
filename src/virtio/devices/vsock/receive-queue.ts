import { Room } from '../../../core/index.ts';
import type { VsockPeer, VsockRoom } from '../../backends/vsock/peer.ts';
import { reachClause, shapeClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { VSOCK_HEADER_BYTES, VsockPacket } from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';

/** Buffers of the driver's, until there is a packet for one. */
export class ReceiveQueue implements VsockRoom {
  readonly #device: DevicePort;
  readonly #peer: VsockPeer;
  readonly #buffers = new WaitingChains();
  readonly #packet = new VsockPacket();
  readonly #header = new Room(VSOCK_HEADER_BYTES);
  #busy = false;
  /** The buffer in hand, and whether all that was put into it is there. */
  #chain: Chain | null = null;
  #written = false;

  constructor(device: DevicePort, peer: VsockPeer) {
    this.#device = device;
    this.#peer = peer;
  }

  add(chain: Chain): void {
    const { writableBytes, readableBytes } = chain;
    const device = this.#device;
    if (readableBytes > 0) {
      const about = aboutChain(chain, 'length in bytes', readableBytes);
      device.report('driver', shapeClause(device), 'readable bytes in a receive buffer', about);
    }
    if (writableBytes > VSOCK_HEADER_BYTES) {
      this.#buffers.add(chain);
      return;
    }
    const about = aboutChain(chain, 'length in bytes', writableBytes);
    device.report('driver', shapeClause(device), 'a receive buffer without room for a payload', about);
    device.complete(chain, 0);
  }

  /** Brings the driver what there is for it. */
  pump(): void {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#buffers.length > 0 && this.#device.dmaEnabled && this.#peer.hasPacket)
        this.#fill(this.#buffers.take()!);
    } finally {
      this.#busy = false;
    }
  }

  /** The peer puts the payload in first, and what it leads to comes when the buffer has gone. */
  #fill(chain: Chain): void {
    const device = this.#device;
    const packet = this.#packet;
    this.#chain = chain;
    this.#written = true;
    this.#peer.next(packet, this);
    this.#chain = null;
    packet.write(this.#header.view);
    const written = this.#written && chain.write(0, this.#header.bytes, 0, VSOCK_HEADER_BYTES);
    if (!written) {
      device.report('driver', reachClause(device), 'a receive buffer out of reach', aboutChain(chain));
      this.#peer.lost(packet);
    }
    device.complete(chain, written ? VSOCK_HEADER_BYTES + packet.length : 0);
  }

  /** Room for payload in the buffer in hand. */
  get length(): number {
    return this.#chain!.writableBytes - VSOCK_HEADER_BYTES;
  }

  put(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#written = this.#chain!.write(VSOCK_HEADER_BYTES, bytes, offset, length);
    return this.#written;
  }

  clear(): void {
    this.#buffers.clear();
  }
}
