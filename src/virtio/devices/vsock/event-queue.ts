import { Room } from '../../../core/index.ts';
import { reachClause, shapeClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { VSOCK_EVENT_BYTES, vsockEvent, vsockEventBuffer } from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';

/** The event queue: buffers that wait for an event, and an event that waits for a buffer. */
export class EventQueue {
  /** The driver has not heard of a reset of the transport yet. */
  pending = false;
  readonly #device: DevicePort;
  readonly #buffers = new WaitingChains();
  readonly #event = new Room(VSOCK_EVENT_BYTES);

  constructor(device: DevicePort) {
    this.#device = device;
  }

  add(chain: Chain): void {
    const device = this.#device;
    const { writableBytes } = chain;
    if (writableBytes >= VSOCK_EVENT_BYTES) {
      this.#buffers.add(chain);
      return;
    }
    const about = aboutChain(chain, 'length in bytes', writableBytes);
    device.report('driver', shapeClause(device), 'an event buffer without room for an event', about);
    device.complete(chain, 0);
  }

  pump(): void {
    const device = this.#device;
    while (this.pending && device.dmaEnabled) {
      const chain = this.#buffers.take();
      if (chain === undefined) return;
      this.#event.view.setUint32(vsockEventBuffer.id.offset, vsockEvent.transportReset, true);
      const written = chain.write(0, this.#event.bytes, 0, VSOCK_EVENT_BYTES);
      this.pending = !written;
      if (!written)
        device.report('driver', reachClause(device), 'an event buffer out of reach', aboutChain(chain));
      device.complete(chain, written ? VSOCK_EVENT_BYTES : 0);
    }
  }

  clear(): void {
    this.#buffers.clear();
  }
}
