import { p9Config, p9Feature, p9Header, p9Queue } from '../../virtio/layout/index.ts';
import { DeviceFailedError } from '../errors.ts';
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
      { queue: () => this.poll(), config: () => this.#onConfig() },
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
   * @returns the reply, as long as the device says; empty where the message was flushed.
   * @throws ResourceError for a message that is too long, DeviceFailedError
   */
  async rpc(message: Uint8Array, room = this.messageBytes): Promise<Uint8Array> {
    const { bytes, length } = await this.#requests.send([message], [room]);
    if (length > 0 && length < p9Header.bytes)
      throw new DeviceFailedError(`the device answered with ${length} bytes, which is no message`);
    return bytes.slice(0, length);
  }

  /** Takes what the device handed back; the interrupt handler. */
  poll(): void {
    this.#requests?.poll();
  }

  #onConfig(): void {
    if (this.driver.needsReset) this.#requests.fail(new DeviceFailedError('the device asks to be reset'));
  }

  /** Resets the device; messages in flight fail. */
  close(): void {
    this.driver.close();
    this.#requests.fail(new DeviceFailedError('the driver was closed'));
  }
}
