import { Socket } from 'node:net';
import { Hub, type NetworkLink, type NetworkPort, unplugged } from '../../../virtio/index.ts';
import { ETHERNET_HEADER_BYTES } from '../../../virtio/layout/index.ts';
import type { Properties } from './properties.ts';

/** Bytes that stand before a frame on a stream, with its length, the highest first. */
const LENGTH_BYTES = 4;
/** What no frame is longer than: whoever says so does not speak this. */
const MOST_FRAME_BYTES = 1 << 17;

/** Frames on a stream that the program was given as a descriptor. */
export class StreamLink implements NetworkLink {
  readonly offloads = false;
  readonly #socket: Socket;
  #rest = Buffer.alloc(0);
  #port: NetworkPort | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
  }

  #take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= LENGTH_BYTES) {
      const length = this.#rest.readUInt32BE(0);
      if (length > MOST_FRAME_BYTES) {
        this.#socket.destroy();
        return;
      }
      const end = LENGTH_BYTES + length;
      if (this.#rest.length < end) return;
      this.#receive(this.#rest.subarray(LENGTH_BYTES, end));
      this.#rest = this.#rest.subarray(end);
    }
  }

  /** What is shorter than Ethernet's header is filled up, as no wire carries less. */
  #receive(frame: Uint8Array): void {
    const whole = new Uint8Array(Math.max(frame.length, ETHERNET_HEADER_BYTES));
    whole.set(frame);
    this.#port?.receive(whole, 0, whole.length, null);
  }

  close(): void {
    this.#socket.destroy();
  }

  attach(port: NetworkPort): void {
    this.#port = port;
  }

  transmit(bytes: Uint8Array, offset: number, length: number): void {
    const frame = Buffer.alloc(LENGTH_BYTES + length);
    frame.writeUInt32BE(length);
    frame.set(bytes.subarray(offset, offset + length), LENGTH_BYTES);
    this.#socket.write(frame);
  }
}

/** What network devices are plugged into, by the options of `-netdev`. */
export class Links {
  readonly #hubs = new Map<number, Hub>();
  readonly #streams: StreamLink[] = [];

  /** @throws QemuOptionError */
  make(properties: Properties): NetworkLink {
    const type = properties.text('type');
    properties.maybe('id');
    if (type === 'user') {
      properties.finish();
      // Nobody answers there.
      return unplugged;
    }
    if (type === 'socket') {
      const fd = properties.number('fd', -1);
      properties.finish();
      if (fd < 0) properties.wrong('fd', 'a descriptor');
      const stream = new StreamLink(new Socket({ fd }));
      this.#streams.push(stream);
      return stream;
    }
    if (type !== 'hubport') properties.wrong('type', 'hubport, socket with fd=, or user');
    const number = properties.number('hubid', 0);
    properties.finish();
    const hub = this.#hubs.get(number) ?? new Hub();
    this.#hubs.set(number, hub);
    return hub.socket();
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }
}
