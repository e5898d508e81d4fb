import { p9Config, p9Feature, p9Header, p9Queue } from '../../virtio/layout/index.ts';
import { checkWhole, DeviceFailedError } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import { RequestQueue } from '../request-queue.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';

export interface P9DriverOptions {
  /** Bytes of a message at most, in either direction. */
  readonly messageBytes?: number;
  /** Messages in flight at most. */
  readonly depth?: number;
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
}

/** A driver for the 9P transport, on any transport: messages out, replies back, in whatever order. */
export class P9Driver {
  readonly driver: VirtioDriver;
  /** Name of the file system. */
  readonly mountTag: string;
  /** Bytes of a message at most. */
  readonly messageBytes: number;
  readonly #requests: RequestQueue;

  /** Brings the device up. @throws NoDeviceError, DeviceFailedError */
  constructor(transport: Transport, memory: DmaMemory, options: P9DriverOptions = {}) {
    const { messageBytes = 8192, depth = 8, ringFeatures } = options;
    this.messageBytes = messageBytes;
    this.driver = new VirtioDriver(transport, memory);
    this.driver.bringUp(
      {
        features: [p9Feature.mountTag],
        queues: [p9Queue.request],
        ...(ringFeatures === undefined ? {} : { ringFeatures }),
      },
      { queue: () => this.poll(), config: () => {} },
    );
    this.#requests = new RequestQueue(this.driver, p9Queue.request, {
      outBytes: messageBytes,
      inBytes: messageBytes,
      depth,
    });
    this.mountTag = this.driver.has(p9Feature.mountTag) ? this.#readMountTag() : '';
  }

  #readMountTag(): string {
    const length = this.driver.readField(p9Config, 'tagLength');
    const { tag } = p9Config;
    const bytes = Array.from({ length: Math.min(length, tag.count) }, (_, i) =>
      this.driver.transport.readConfig(tag.offset + i, 1),
    );
    return new TextDecoder().decode(Uint8Array.from(bytes));
  }

  /**
   * Sends a message. @param room bytes for the reply; by default as many as any may have.
   * @returns the reply, as long as it says itself; empty where the message was flushed.
   * @throws ResourceError for a message that is too long, ArgumentError; DeviceFailedError, also for a reply that is longer than
   * what the device wrote
   */
  async rpc(message: Uint8Array, room = this.messageBytes): Promise<Uint8Array> {
    checkWhole('room', room, 0, Number.MAX_SAFE_INTEGER);
    const { bytes, length } = await this.#requests.send([message], [room], 0);
    if (length === 0) return bytes.slice(0, 0);
    const size = length < p9Header.bytes ? length : new DataView(bytes.buffer).getUint32(p9Header.size, true);
    if (size < p9Header.bytes || size > length)
      throw new DeviceFailedError(`the device answered ${length} bytes, a message of ${size}: it is none`);
    return bytes.slice(0, size);
  }

  /** Takes what the device handed back; the interrupt handler. */
  poll(): void {
    this.#requests?.poll();
  }

  /** Resets the device; messages in flight fail. */
  close(): void {
    this.driver.close();
  }
}
