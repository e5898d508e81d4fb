import {
  VSOCK_ANY_PORT,
  VSOCK_EVENT_BYTES,
  VSOCK_HEADER_BYTES,
  VSOCK_HOST_CID,
  VsockPacket,
  vsockConfig,
  vsockEvent,
  vsockEventBuffer,
  vsockFeature,
  vsockOperation,
  vsockQueue,
  vsockType,
} from '../../virtio/layout/index.ts';
import { ArgumentError, checkWhole } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import { ReceiveQueue } from '../receive-queue.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';
import { ConsoleWriter } from './console-writer.ts';
import { type ConnectionOwner, VsockConnection, VsockConnectionError } from './vsock-connection.ts';

export interface VsockDriverOptions {
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
  /** Feature bits of the type to be accepted where offered; by default all. */
  readonly features?: readonly number[];
  /** Bytes that each connection has room for; by default 64 KiB. */
  readonly receiveBytes?: number;
  /** Buffers for packets in either direction, and bytes of each, header included. */
  readonly buffers?: number;
  readonly bufferBytes?: number;
  /** The way to the device was interrupted: no connection is left, and the address may be another (VSOCK-EVT-02). */
  readonly onTransportReset?: (guestCid: number) => void;
}

interface Listener {
  readonly type: number;
  readonly onConnection: (connection: VsockConnection) => void;
}

interface Asking {
  readonly connection: VsockConnection;
  resolve(connection: VsockConnection): void;
  reject(error: Error): void;
}

const EVENT_BUFFERS = 4;
const FIRST_PORT = 0xc000_0000;
const NOTHING = new Uint8Array();
const nameOf = (port: number, remotePort: number) => `${port} ${remotePort}`;

/** A driver for the socket device, on any transport: connections to the host and from it. */
export class VsockDriver implements ConnectionOwner {
  readonly driver: VirtioDriver;
  readonly receiveBytes: number;
  readonly packetBytes: number;
  #guestCid: number;
  readonly #writer: ConsoleWriter;
  readonly #received: ReceiveQueue;
  readonly #events: ReceiveQueue;
  readonly #connections = new Map<string, VsockConnection>();
  readonly #asking = new Map<string, Asking>();
  readonly #listeners = new Map<number, Listener>();
  readonly #packet = new VsockPacket();
  #nextPort = FIRST_PORT;

  /** Brings the device up and gives it buffers. @throws NoDeviceError, DeviceFailedError */
  constructor(transport: Transport, memory: DmaMemory, options: VsockDriverOptions = {}) {
    const {
      features = Object.values(vsockFeature),
      ringFeatures,
      buffers = 16,
      bufferBytes = 4096,
    } = options;
    this.receiveBytes = options.receiveBytes ?? 1 << 16;
    this.packetBytes = bufferBytes - VSOCK_HEADER_BYTES;
    this.driver = new VirtioDriver(transport, memory);
    this.driver.bringUp(
      {
        features,
        queues: Object.values(vsockQueue),
        ...(ringFeatures === undefined ? {} : { ringFeatures }),
      },
      { queue: () => this.poll(), config: () => {} },
    );
    this.#guestCid = this.driver.readField(vsockConfig, 'guestCid');
    this.#writer = new ConsoleWriter(this.driver, vsockQueue.transmit, {
      count: buffers,
      bytes: bufferBytes,
    });
    this.#events = new ReceiveQueue(this.driver, vsockQueue.event, {
      count: EVENT_BUFFERS,
      bytes: VSOCK_EVENT_BYTES,
      onBuffer: (bytes) => this.#event(bytes, options.onTransportReset),
    });
    this.#received = new ReceiveQueue(this.driver, vsockQueue.receive, {
      count: buffers,
      bytes: bufferBytes,
      onBuffer: (bytes) => this.#receive(bytes),
    });
    this.driver.whenFailed((error) => this.#endAll(error));
    // The host may have waited for a driver.
    this.poll();
  }

  /** The address that the device has given it. */
  get guestCid(): number {
    return this.#guestCid;
  }

  /**
   * Connects to a port of the host's. @param type a value of `vsockType`; by default a stream.
   * @throws VsockConnectionError where nobody takes it; ArgumentError, DeviceFailedError, NoAnswerError
   */
  connect(port: number, type: number = vsockType.stream): Promise<VsockConnection> {
    checkPort(port);
    if (this.driver.failure !== null) return Promise.reject(this.driver.failure);
    const connection = new VsockConnection(this, type, this.#nextPort++, port);
    const done = new Promise<VsockConnection>((resolve, reject) => {
      const name = nameOf(connection.localPort, port);
      this.#connections.set(name, connection);
      this.#asking.set(name, { connection, resolve, reject });
    });
    this.send(connection, vsockOperation.request, 0, NOTHING).catch((error) => connection.end(error));
    return this.driver.wait(`port ${port} to answer`, done);
  }

  /** Takes connections of a port, until what this returns is called. @throws ArgumentError */
  listen(
    port: number,
    onConnection: (connection: VsockConnection) => void,
    type: number = vsockType.stream,
  ): () => void {
    checkPort(port);
    if (this.#listeners.has(port)) throw new ArgumentError('port', port, 'one that nobody listens to');
    this.#listeners.set(port, { type, onConnection });
    return () => void this.#listeners.delete(port);
  }

  send(of: VsockConnection, operation: number, flags: number, payload: Uint8Array): Promise<void> {
    const packet = this.#packet;
    packet.destinationCid = VSOCK_HOST_CID;
    packet.sourcePort = of.localPort;
    packet.destinationPort = of.remotePort;
    packet.type = of.type;
    packet.operation = operation;
    packet.flags = flags;
    of.credit.tell(packet);
    return this.#write(packet, payload);
  }

  #write(packet: VsockPacket, payload: Uint8Array): Promise<void> {
    // VSOCK-RT-01.
    packet.sourceCid = this.#guestCid;
    packet.length = payload.length;
    const bytes = new Uint8Array(VSOCK_HEADER_BYTES + payload.length);
    packet.write(new DataView(bytes.buffer));
    bytes.set(payload, VSOCK_HEADER_BYTES);
    return this.#writer.write(bytes);
  }

  #receive(bytes: Uint8Array): void {
    if (bytes.length < VSOCK_HEADER_BYTES) return;
    const packet = new VsockPacket();
    packet.read(new DataView(bytes.buffer, bytes.byteOffset), 0);
    if (packet.length > bytes.length - VSOCK_HEADER_BYTES) return;
    const { operation, sourcePort, destinationPort, type } = packet;
    const name = nameOf(destinationPort, sourcePort);
    const connection = this.#connections.get(name);
    const asking = this.#asking.get(name);
    const known = connection !== undefined && packet.sourceCid === VSOCK_HOST_CID && connection.type === type;
    if (asking !== undefined && known && operation === vsockOperation.response) {
      this.#asking.delete(name);
      asking.resolve(asking.connection);
    }
    if (known)
      connection.receive(packet, bytes.subarray(VSOCK_HEADER_BYTES, VSOCK_HEADER_BYTES + packet.length));
    else if (connection === undefined && operation === vsockOperation.request) this.#accept(packet);
    else this.#refuse(packet);
  }

  #accept(packet: VsockPacket): void {
    const { sourcePort, destinationPort, type } = packet;
    const listener = this.#listeners.get(destinationPort);
    if (listener?.type !== type) {
      this.#refuse(packet);
      return;
    }
    const connection = new VsockConnection(this, type, destinationPort, sourcePort);
    connection.credit.take(packet);
    this.#connections.set(nameOf(destinationPort, sourcePort), connection);
    this.send(connection, vsockOperation.response, 0, NOTHING).catch((error) => connection.end(error));
    listener.onConnection(connection);
  }

  /** VSOCK-RT-02, and whoever means somebody that there is not. */
  #refuse({ operation, sourceCid, sourcePort, destinationPort, type }: VsockPacket): void {
    if (operation === vsockOperation.reset) return;
    const packet = new VsockPacket();
    packet.destinationCid = sourceCid;
    packet.sourcePort = destinationPort;
    packet.destinationPort = sourcePort;
    packet.type = type;
    packet.operation = vsockOperation.reset;
    this.#write(packet, NOTHING).catch(() => {});
  }

  /** VSOCK-EVT-03, VSOCK-EVT-04: connections end, and listeners stay. */
  #event(bytes: Uint8Array, told: VsockDriverOptions['onTransportReset']): void {
    if (bytes.length < VSOCK_EVENT_BYTES) return;
    const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(vsockEventBuffer.id.offset, true);
    if (id !== vsockEvent.transportReset) return;
    this.#guestCid = this.driver.readField(vsockConfig, 'guestCid');
    this.#endAll(new VsockConnectionError('the way to the device was interrupted'));
    told?.(this.#guestCid);
  }

  #endAll(error: Error): void {
    for (const connection of [...this.#connections.values()]) connection.end(error);
  }

  forget({ localPort, remotePort }: VsockConnection): void {
    const name = nameOf(localPort, remotePort);
    this.#connections.delete(name);
    const asking = this.#asking.get(name);
    this.#asking.delete(name);
    asking?.reject(
      this.driver.failure ?? new VsockConnectionError(`nobody took the connection to port ${remotePort}`),
    );
  }

  /** Takes what the device handed back; the interrupt handler. */
  poll(): void {
    this.#writer?.poll();
    this.#events?.poll();
    this.#received?.poll();
  }

  /** Resets the device; connections end with it. */
  close(): void {
    this.driver.close();
  }
}

const checkPort = (port: number) => checkWhole('port', port, 0, VSOCK_ANY_PORT - 1);
