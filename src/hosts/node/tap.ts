import {
  MAX_FRAME_BYTES,
  type NetworkLink,
  type NetworkPort,
  networkGsoType,
  networkHeaderFlag,
  newNetworkHeader,
  type Offload,
  readNetworkHeader,
  Segmenter,
  SHORT_NETWORK_HEADER_BYTES,
  writeNetworkHeader,
} from '../../virtio/index.ts';
import { TapDescriptor } from './tap-system.ts';

export { TapError } from './tap-system.ts';

/** The header in front of every frame: `virtio_net_hdr` without the number of buffers, little-endian. */
const HEADER_BYTES = SHORT_NETWORK_HEADER_BYTES;
/** Frames that are read before the rest of the program gets its turn. */
const AT_ONCE = 64;

export interface TapOptions {
  /** The interface's name, such as `tap0`. */
  readonly name: string;
  /** Checksums and segments that are still to be done pass in both directions. Default true. */
  readonly offloads?: boolean;
}

/** Frames by what became of them. */
export interface TapCounts {
  /** From the system to the device, and those that the device dropped. */
  received: number;
  refused: number;
  /** From the device to the system, and those that the system did not take, as when its interface is down. */
  transmitted: number;
  dropped: number;
}

/**
 * A TAP device of Linux: a network interface of this machine whose cable is plugged into the device. Setting the interface
 * up, and addresses, are the user's:
 * `ip address add 10.0.2.2/24 dev tap0; ip link set tap0 up`.
 *
 * Wants the package koffi, and the right to create network interfaces or a TAP interface made for this user
 * (`ip tuntap add dev tap0 mode tap user me`). Until {@link close}, it keeps the program alive, and one of the threads
 * with which Node reads files.
 */
export class Tap implements NetworkLink {
  readonly offloads: boolean;
  readonly counts: TapCounts = { received: 0, refused: 0, transmitted: 0, dropped: 0 };
  readonly #descriptor: TapDescriptor;
  readonly #in = new Uint8Array(HEADER_BYTES + MAX_FRAME_BYTES);
  readonly #out = new Uint8Array(HEADER_BYTES + MAX_FRAME_BYTES);
  readonly #inView = new DataView(this.#in.buffer);
  readonly #outView = new DataView(this.#out.buffer);
  readonly #segmenter = new Segmenter();
  readonly #offload = newNetworkHeader();
  #port: NetworkPort | null = null;
  #closing = false;
  /** Settles when the interface was given back, or somebody else removed it. */
  readonly ended: Promise<void>;

  private constructor(descriptor: TapDescriptor, offloads: boolean) {
    this.offloads = offloads;
    this.#descriptor = descriptor;
    this.ended = this.#run();
  }

  /** Creates the interface, or takes one that is there and nobody has. @throws TapError */
  static async open({ name, offloads = true }: TapOptions): Promise<Tap> {
    return new Tap(await TapDescriptor.open(name, offloads), offloads);
  }

  get name(): string {
    return this.#descriptor.name;
  }

  attach(port: NetworkPort): void {
    this.#port = port;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closing && (await this.#descriptor.wait())) {
        for (let i = 0; i < AT_ONCE && !this.#closing && this.#receive(); i++);
      }
    } finally {
      this.#closing = true;
      this.#descriptor.close();
    }
  }

  /** Hands one frame to the device. @returns false when there was none. */
  #receive(): boolean {
    const length = this.#descriptor.read(this.#in) - HEADER_BYTES;
    if (length < 0) return false;
    const view = this.#inView;
    const offload = this.#offload;
    readNetworkHeader(view, 0, true, offload);
    offload.flags &= networkHeaderFlag.needsChecksum;
    const whole = offload.flags === 0 && offload.gsoType === networkGsoType.none;
    if (this.#port?.receive(this.#in, HEADER_BYTES, length, whole ? null : offload) === true)
      this.counts.received++;
    else this.counts.refused++;
    return true;
  }

  transmit(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    if (this.#closing || length > MAX_FRAME_BYTES) {
      this.counts.dropped++;
      return;
    }
    const code = this.#write(bytes, offset, length, offload);
    // Segments that this kernel cannot make are made here.
    if (code === 'EINVAL' && offload !== null && offload.gsoType !== networkGsoType.none)
      this.#segmenter.finish(bytes, offset, length, offload, this.#writeWhole);
    else this.#count(code);
  }

  readonly #writeWhole = (bytes: Uint8Array, offset: number, length: number): void =>
    this.#count(this.#write(bytes, offset, length, null));

  #count(code: string | null): void {
    if (code === null) this.counts.transmitted++;
    else this.counts.dropped++;
  }

  #write(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): string | null {
    const view = this.#outView;
    this.#out.fill(0, 0, HEADER_BYTES);
    if (offload !== null) {
      const flags = offload.flags & networkHeaderFlag.needsChecksum;
      // The length of the headers is only a hint, and the kernel finds it out by itself.
      writeNetworkHeader(view, true, { ...offload, flags, headerLength: 0 });
    }
    this.#out.set(bytes.subarray(offset, offset + length), HEADER_BYTES);
    return this.#descriptor.write(this.#out, HEADER_BYTES + length);
  }

  /** Gives the interface back; it vanishes where {@link open} created it. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#descriptor.wake();
    }
    await this.ended;
  }
}
