import {
  ETHERNET_HEADER_BYTES,
  MAC_BYTES,
  MAX_NETWORK_FRAME_BYTES,
  NETWORK_HEADER_BYTES,
  networkConfig,
  networkDuplex,
  networkFeature,
  networkQueue,
  networkStatus,
  QUEUE_PAIRS_RANGE,
  USUAL_NETWORK_FRAME_BYTES,
  VLAN_TAG_BYTES,
} from '../../virtio/layout/index.ts';
import { ArgumentError, DeviceFailedError, NoDeviceError } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';
import { NetworkCommands } from './network-commands.ts';
import { type FrameHeader, NetworkTransmitQueue } from './network-queues.ts';
import { NetworkReceiveQueue, type ReceiveError } from './network-receive.ts';

export interface NetworkDriverOptions {
  /** Features that the driver can use; by default every one that it knows. */
  readonly features?: readonly number[];
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
  readonly maxQueueSize?: number;
  /** Pairs of queues wanted; with MQ only. They are enabled by {@link NetworkDriver.setQueuePairs}. */
  readonly queuePairs?: number;
  /** Receive buffers of each queue, and bytes of each; by default room for the longest frame, or 2 KiB where merged. */
  readonly buffers?: number;
  readonly bufferBytes?: number;
  /** Bytes of a frame that is sent, at most, and frames of a queue in flight. */
  readonly frameBytes?: number;
  readonly depth?: number;
  /** Lengths of the first descriptors of every buffer and frame, headers included; the rest goes into one more. */
  readonly framing?: readonly number[];
  readonly onFrame?: (frame: Uint8Array, header: FrameHeader, pair: number) => void;
  /** What arrived and was no frame, beside being counted. */
  readonly onReceiveError?: (error: ReceiveError, pair: number) => void;
  readonly onLink?: (up: boolean) => void;
  /** The network is to be told where the driver is (NET-CVQ-14): gratuitous frames may be sent from here. */
  readonly onAnnounce?: () => void;
}

const bit = networkFeature;

/** Every feature that this driver knows. */
export const networkDriverFeatures: readonly number[] = [
  bit.checksum,
  bit.guestChecksum,
  bit.controlGuestOffloads,
  bit.mtu,
  bit.mac,
  bit.guestTso4,
  bit.guestTso6,
  bit.guestEcn,
  bit.guestUfo,
  bit.hostTso4,
  bit.hostTso6,
  bit.hostEcn,
  bit.hostUfo,
  bit.mergeableBuffers,
  bit.status,
  bit.controlQueue,
  bit.controlReceive,
  bit.controlVlan,
  bit.controlReceiveExtra,
  bit.guestAnnounce,
  bit.multiQueue,
  bit.controlMacAddress,
  bit.guestUso4,
  bit.guestUso6,
  bit.hostUso,
  bit.speedDuplex,
];

/** Bytes of a buffer that frames are spread over; and readings of the address before the device is given up. */
const MERGED_BUFFER_BYTES = 2048;
const MAX_MAC_READS = 1000;
/** Megabits per second that a device can name. */
const MAX_SPEED = 0x7fffffff;

const LARGE_RECEIVE = [bit.guestTso4, bit.guestTso6, bit.guestUfo, bit.guestUso4, bit.guestUso6];

/** A driver for the network device, on any transport. */
export class NetworkDriver {
  readonly driver: VirtioDriver;
  /** Bytes of payload of a frame (NET-CFG-20); null where the device says none. */
  readonly mtu: number | null;
  /** Pairs of queues that are set up. */
  readonly queuePairs: number;
  /** Null without CTRL_VQ. */
  readonly commands: NetworkCommands | null = null;
  readonly #receivers: NetworkReceiveQueue[] = [];
  readonly #transmitters: NetworkTransmitQueue[] = [];
  readonly #options: NetworkDriverOptions;
  #linkUp = true;
  #announcing = false;

  /** Brings the device up. @throws NoDeviceError, DeviceFailedError, ResourceError */
  constructor(transport: Transport, memory: DmaMemory, options: NetworkDriverOptions = {}) {
    this.#options = options;
    const { features = networkDriverFeatures, ringFeatures, maxQueueSize } = options;
    const driver = new VirtioDriver(transport, memory);
    this.driver = driver;
    let pairs = 1;
    let devicePairs = 1;
    driver.bringUp(
      {
        features,
        queues: () => {
          if (driver.has(bit.multiQueue)) devicePairs = this.#readPairs(driver);
          pairs = Math.min(options.queuePairs ?? 1, devicePairs);
          const data = Array.from({ length: 2 * pairs }, (_, queue) => queue);
          return driver.has(bit.controlQueue) ? [...data, networkQueue.control(devicePairs)] : data;
        },
        ...(ringFeatures === undefined ? {} : { ringFeatures }),
        ...(maxQueueSize === undefined ? {} : { maxQueueSize }),
      },
      { queue: () => this.poll(), config: () => this.#onConfig() },
    );
    this.queuePairs = pairs;
    this.mtu = driver.has(bit.mtu) ? driver.readField(networkConfig, 'mtu') : null;
    const { buffers = 16, depth = 16, framing = [] } = options;
    const longest = this.mtu === null ? USUAL_NETWORK_FRAME_BYTES : ETHERNET_HEADER_BYTES + this.mtu;
    const frameBytes = options.frameBytes ?? longest + VLAN_TAG_BYTES;
    const bufferBytes = options.bufferBytes ?? this.#usualBuffer(longest + VLAN_TAG_BYTES);
    for (let pair = 0; pair < pairs; pair++) {
      const transmit = networkQueue.transmit(pair);
      this.#transmitters.push(new NetworkTransmitQueue(driver, transmit, { frameBytes, depth, framing }));
      const onFrame = (frame: Uint8Array, header: FrameHeader) => options.onFrame?.(frame, header, pair);
      const receive = networkQueue.receive(pair);
      const onError = (error: ReceiveError) => options.onReceiveError?.(error, pair);
      this.#receivers.push(
        new NetworkReceiveQueue(driver, receive, { buffers, bufferBytes, framing, onFrame, onError }),
      );
    }
    this.commands = driver.has(bit.controlQueue)
      ? new NetworkCommands(driver, networkQueue.control(devicePairs))
      : null;
    this.#linkUp = this.#hasStatus(networkStatus.linkUp, true);
  }

  /** NET-CFG-01. @throws DeviceFailedError */
  #readPairs(driver: VirtioDriver): number {
    const pairs = driver.readField(networkConfig, 'maxQueuePairs');
    if (pairs < QUEUE_PAIRS_RANGE.first || pairs > QUEUE_PAIRS_RANGE.last)
      throw new DeviceFailedError(`the device says that it has ${pairs} pairs of queues`);
    return pairs;
  }

  /** NET-RX-01, NET-CFG-21. */
  #usualBuffer(longest: number): number {
    if (this.driver.has(bit.mergeableBuffers)) return MERGED_BUFFER_BYTES;
    const large = LARGE_RECEIVE.some((feature) => this.driver.has(feature));
    return NETWORK_HEADER_BYTES + (large ? MAX_NETWORK_FRAME_BYTES : longest);
  }

  /** NET-CFG-19. Without STATUS the field is not there. */
  #hasStatus(mask: number, otherwise: boolean): boolean {
    if (!this.driver.has(bit.status)) return otherwise;
    return (this.driver.readField(networkConfig, 'status') & mask) !== 0;
  }

  get linkUp(): boolean {
    return this.#linkUp;
  }

  /** Null without SPEED_DUPLEX; in it, null for what is not known, or no value that there is (NET-CFG-24). */
  get speed(): { readonly megabits: number | null; readonly duplex: 'half' | 'full' | null } | null {
    if (!this.driver.has(bit.speedDuplex)) return null;
    const megabits = this.driver.readField(networkConfig, 'speed');
    const duplex = this.driver.readField(networkConfig, 'duplex');
    return {
      megabits: megabits > MAX_SPEED ? null : megabits,
      duplex: duplex === networkDuplex.half ? 'half' : duplex === networkDuplex.full ? 'full' : null,
    };
  }

  /** Received frames that were none, in all queues. */
  get receiveErrors(): number {
    return this.#receivers.reduce((sum, { errors }) => sum + errors, 0);
  }

  /** The device's address; null where it gives none (NET-CFG-18). @throws DeviceFailedError, FunctionGoneError */
  get macAddress(): Uint8Array | null {
    if (!this.driver.has(bit.mac)) return null;
    const { transport } = this.driver;
    const once = () => Uint8Array.from({ length: MAC_BYTES }, (_, i) => transport.readConfig(i, 1));
    for (let tries = 0; tries < MAX_MAC_READS; tries++) {
      const address = once();
      if (once().some((byte, i) => byte !== address[i])) continue;
      // All ones may be what a function that is gone reads as: its status tells.
      if (address.every((byte) => byte === 0xff)) void transport.status;
      return address;
    }
    throw new DeviceFailedError('the MAC address does not hold still');
  }

  /** @throws ArgumentError, RequestFailedError, UnansweredError; NoDeviceError where the device has no way to be told. */
  async setMacAddress(address: Uint8Array): Promise<void> {
    const { driver } = this;
    if (address.length !== MAC_BYTES) throw new ArgumentError('address', address, `${MAC_BYTES} bytes`);
    if (driver.has(bit.controlMacAddress)) await this.#control().setMacAddress(address);
    else if (driver.transport.modern) throw new NoDeviceError('the device takes no MAC address');
    // LEG-NET-08: from the first byte to the last.
    else for (const [i, byte] of address.entries()) driver.transport.writeConfig(i, 1, byte);
  }

  /** Uses that many pairs from now on. @throws RequestFailedError; NoDeviceError without CTRL_VQ. */
  setQueuePairs(pairs: number): Promise<void> {
    return this.#control().setQueuePairs(pairs);
  }

  #control(): NetworkCommands {
    if (this.commands === null) throw new NoDeviceError('the device has no control queue');
    return this.commands;
  }

  /**
   * Sends a frame, in order of calls. Resolves when the device is done with it.
   * @throws ResourceError for a frame that is too long; DeviceFailedError, NoDeviceError.
   */
  send(frame: Uint8Array, header: FrameHeader | null = null, pair = 0): Promise<void> {
    const queue = this.#transmitters[pair];
    if (queue === undefined) return Promise.reject(new NoDeviceError(`no pair of queues ${pair}`));
    return queue.send(frame, header);
  }

  /** Takes what the device handed back; the interrupt handler. */
  poll(): void {
    for (const queue of this.#transmitters) queue.poll();
    this.commands?.poll();
    for (const queue of this.#receivers) queue.poll();
  }

  #onConfig(): void {
    const up = this.#hasStatus(networkStatus.linkUp, true);
    if (up !== this.#linkUp) {
      this.#linkUp = up;
      this.#options.onLink?.(up);
    }
    if (this.driver.has(bit.guestAnnounce) && this.#hasStatus(networkStatus.announce, false))
      this.#announce();
  }

  /** NET-CVQ-14: once for each time that the device asks. */
  #announce(): void {
    if (this.#announcing) return;
    this.#announcing = true;
    this.#options.onAnnounce?.();
    this.#control()
      .acknowledgeAnnounce()
      .then(
        () => {
          this.#announcing = false;
          // It may have asked again since it took the acknowledgement.
          this.#onConfig();
        },
        () => {
          this.#announcing = false;
        },
      );
  }

  /** Resets the device; frames and commands in flight fail. */
  close(): void {
    this.driver.close();
  }
}
