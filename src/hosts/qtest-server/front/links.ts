import { createSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { Hub, type NetworkLink, type NetworkPort, unplugged } from '../../../virtio/index.ts';
import { ETHERNET_HEADER_BYTES } from '../../../virtio/layout/index.ts';
import { QemuOptionError } from './errors.ts';
import type { Properties } from './properties.ts';

/** Bytes that stand before a frame on a stream, with its length, the highest first. */
const LENGTH_BYTES = 4;
/** What no frame is longer than: whoever says so does not speak this. */
const MOST_FRAME_BYTES = 1 << 17;

/** What is shorter than Ethernet's header is filled up, as no wire carries less. */
function deliver(port: NetworkPort | null, frame: Uint8Array): void {
  const whole = new Uint8Array(Math.max(frame.length, ETHERNET_HEADER_BYTES));
  whole.set(frame);
  port?.receive(whole, 0, whole.length, null);
}

/** A link to the world outside of the program. */
interface OutsideLink extends NetworkLink {
  close(): void;
}

/** A frame a datagram, to and from a place on this or another machine. */
class DatagramLink implements OutsideLink {
  readonly offloads = false;
  readonly #socket = createSocket('udp4');
  readonly #peer: Endpoint;
  #port: NetworkPort | null = null;

  constructor(peer: Endpoint, own: Endpoint) {
    this.#peer = peer;
    // What cannot be sent, or bound, is a wire that is not plugged in.
    this.#socket.on('error', () => {});
    this.#socket.on('message', (frame) => deliver(this.#port, frame));
    this.#socket.bind(own.port, own.host);
  }

  attach(port: NetworkPort): void {
    this.#port = port;
  }

  transmit(bytes: Uint8Array, offset: number, length: number): void {
    this.#socket.send(bytes.slice(offset, offset + length), this.#peer.port, this.#peer.host, () => {});
  }

  close(): void {
    this.#socket.close();
  }
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

function endpoint(properties: Properties, name: string): Endpoint {
  const [, host = '', port] = /^([\d.]*):(\d{1,5})$/.exec(properties.text(name)) ?? [];
  return port === undefined ? properties.wrong(name, 'ADDRESS:PORT') : { host, port: Number(port) };
}

/** Frames on a stream that the program was given as a descriptor. */
class StreamLink implements OutsideLink {
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
      deliver(this.#port, this.#rest.subarray(LENGTH_BYTES, end));
      this.#rest = this.#rest.subarray(end);
    }
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
  readonly #outside: OutsideLink[] = [];

  /** @throws QemuOptionError */
  make(properties: Properties): NetworkLink {
    const type = properties.text('type');
    properties.maybe('id');
    if (type === 'user') {
      properties.finish();
      // Nobody answers there.
      return unplugged;
    }
    if (type === 'socket') return this.#socket(properties);
    if (type !== 'hubport') properties.wrong('type', 'hubport, socket or user');
    const number = properties.number('hubid', 0);
    properties.finish();
    const hub = this.#hubs.get(number) ?? new Hub();
    this.#hubs.set(number, hub);
    return hub.socket();
  }

  #socket(properties: Properties): NetworkLink {
    const fd = properties.number('fd', -1);
    const datagrams = properties.maybe('udp') !== undefined;
    const ends = datagrams ? [endpoint(properties, 'udp'), endpoint(properties, 'localaddr')] : null;
    properties.finish();
    if (ends === null && fd < 0)
      throw new QemuOptionError(properties.owner, 'wants fd=, or udp= and localaddr=');
    const link = ends === null ? new StreamLink(new Socket({ fd })) : new DatagramLink(ends[0]!, ends[1]!);
    this.#outside.push(link);
    return link;
  }

  close(): void {
    for (const link of this.#outside) link.close();
  }
}
