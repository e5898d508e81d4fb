import { ViewCache } from '../../../core/index.ts';
import type { Offload } from '../../backends/network-link.ts';
import { reachClause, shapeClause, strictFraming } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  NETWORK_HEADER_BYTES,
  networkFeature,
  networkHeader,
  networkHeaderFlag,
  newNetworkHeader,
  SHORT_NETWORK_HEADER_BYTES,
  writeNetworkHeader,
} from '../../layout/index.ts';
import { aboutChain, type Chain, type TakenRequest } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';

/** LEG-NET-05: the number of buffers is there for modern drivers, and where buffers are merged. */
export function headerBytes(device: DevicePort): number {
  return device.legacyDriver && !device.has(networkFeature.mergeableBuffers)
    ? SHORT_NETWORK_HEADER_BYTES
    : NETWORK_HEADER_BYTES;
}

const NOTHING: Readonly<Offload> = newNetworkHeader();

/** How an attempt to hand a frame to the driver ended. */
export const received = { ok: 0, noBuffers: 1, tooLong: 2, fault: 3 } as const;
export type Received = (typeof received)[keyof typeof received];

/** The receive queues: keeps the driver's buffers, and fills them with frames. */
export class NetworkReceiver {
  readonly #device: DevicePort;
  /** By pair. */
  readonly #buffers: readonly WaitingChains[];
  /** What is kept with a buffer: its pair. With or without MQ, queues mean something else. */
  readonly #kept: readonly TakenRequest[];
  readonly #header = new DataView(new ArrayBuffer(NETWORK_HEADER_BYTES));
  readonly #headerArray = new Uint8Array(this.#header.buffer);
  /** Views of arrays that frames come out of again and again. */
  readonly #views = new WeakMap<Uint8Array, ViewCache>();
  #lastViews: ViewCache | null = null;
  /** Buffers of one frame, and how much of each was written. */
  readonly #used: Chain[] = [];
  readonly #written: number[] = [];

  constructor(device: DevicePort, pairs: number) {
    this.#device = device;
    this.#buffers = Array.from({ length: pairs }, () => new WaitingChains());
    this.#kept = this.#buffers.map((_, pair) => ({ save: () => pair }));
  }

  /** Keeps a buffer of the driver's, if a frame can begin in it. */
  add(pair: number, chain: Chain): void {
    const device = this.#device;
    const header = headerBytes(device);
    if (chain.readableCount > 0)
      device.report(
        'driver',
        shapeClause(device),
        'readable bytes in a receive buffer',
        aboutChain(chain, 'length in bytes', chain.readableBytes),
      );
    const room = chain.writableBytes;
    if (room < header) {
      device.report(
        'driver',
        device.has(networkFeature.mergeableBuffers) ? 'NET-RX-02' : 'NET-RX-01',
        `a receive buffer of ${room} bytes has no room for a header`,
        aboutChain(chain, 'length in bytes', room),
      );
      device.complete(chain, 0);
      return;
    }
    if (strictFraming(device) && chain.lengths[chain.readableCount] !== header)
      device.report(
        'driver',
        'LEG-NET-12',
        'a header that is no descriptor of its own wants ANY_LAYOUT, which was not accepted',
        aboutChain(chain),
      );
    this.keep(pair, chain);
  }

  /** Keeps a buffer that a frame can begin in, or could when it was taken. */
  keep(pair: number, chain: Chain): void {
    chain.request = this.#kept[pair]!;
    this.#buffers[pair]!.add(chain);
  }

  /** Hands a frame over that may go as it is. All its buffers show up together (NET-RX-13). */
  deliver(
    pair: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    offload: Offload | null,
  ): Received {
    const device = this.#device;
    const waiting = this.#buffers[pair]!;
    const header = headerBytes(device);
    const first = waiting.oldest;
    if (first === undefined) return received.noBuffers;
    if (header + length <= first.writableBytes) {
      this.#fillHeader(offload, 1);
      waiting.take();
      const whole =
        first.write(0, this.#headerArray, 0, header) &&
        first.write(header, bytes, offset, length, this.#viewsOf(bytes, offset, length));
      device.complete(first, whole ? header + length : 0);
      return whole ? received.ok : this.#outOfReach(first);
    }
    return device.has(networkFeature.mergeableBuffers)
      ? this.#merge(waiting, bytes, offset, length, offload)
      : this.#tooLong(first, length);
  }

  /** NET-RX-12: fills one buffer after the other, each to its end. Takes none unless they suffice. */
  #merge(
    waiting: WaitingChains,
    bytes: Uint8Array,
    offset: number,
    length: number,
    offload: Offload | null,
  ): Received {
    const header = NETWORK_HEADER_BYTES;
    let count = 0;
    for (let left = header + length; left > 0; count++) {
      const chain = waiting.at(count);
      if (chain === undefined) return received.noBuffers;
      left -= chain.writableBytes;
    }
    this.#fillHeader(offload, count);
    const views = this.#viewsOf(bytes, offset, length);
    let whole = true;
    let at = 0;
    for (let i = 0; i < count; i++) {
      const chain = waiting.take()!;
      const skip = i === 0 ? header : 0;
      const piece = Math.min(chain.writableBytes - skip, length - at);
      if (i === 0) whole = chain.write(0, this.#headerArray, 0, header);
      whole = whole && chain.write(skip, bytes, offset + at, piece, views);
      at += piece;
      this.#used.push(chain);
      this.#written.push(skip + piece);
    }
    if (!whole) {
      this.#written.fill(0);
      this.#outOfReach(this.#used[0]!);
    }
    this.#device.batch(this.#completeUsed);
    return whole ? received.ok : received.fault;
  }

  /** Forgets them before they are published: that may bring the next frame. */
  readonly #completeUsed = () => {
    for (let i = 0; i < this.#used.length; i++) this.#device.complete(this.#used[i]!, this.#written[i]!);
    this.#used.length = this.#written.length = 0;
  };

  #outOfReach(chain: Chain): Received {
    this.#device.report(
      'driver',
      reachClause(this.#device),
      'a receive buffer out of reach',
      aboutChain(chain),
    );
    return received.fault;
  }

  #tooLong(chain: Chain, length: number): Received {
    const room = chain.writableBytes;
    this.#device.report(
      'driver',
      'NET-RX-01',
      `a frame of ${length} bytes for a buffer of ${room}`,
      aboutChain(chain, 'length in bytes', room),
    );
    return received.tooLong;
  }

  #fillHeader(offload: Offload | null, buffers: number): void {
    const view = this.#header;
    const little = this.#device.littleEndian;
    const fields = offload ?? NOTHING;
    writeNetworkHeader(view, little, fields);
    const { needsChecksum, dataValid } = networkHeaderFlag;
    view.setUint8(networkHeader.flags.offset, fields.flags & (needsChecksum | dataValid));
    if ((fields.flags & needsChecksum) === 0) {
      view.setUint16(networkHeader.checksumStart.offset, 0, little);
      view.setUint16(networkHeader.checksumOffset.offset, 0, little);
    }
    view.setUint16(networkHeader.numBuffers.offset, buffers, little);
  }

  /** Null for an array that holds one frame: whoever makes one for each does not come with it again. */
  #viewsOf(bytes: Uint8Array, offset: number, length: number): ViewCache | null {
    if (offset === 0 && length === bytes.length) return null;
    if (this.#lastViews?.bytes === bytes) return this.#lastViews;
    let views = this.#views.get(bytes);
    if (views === undefined) this.#views.set(bytes, (views = new ViewCache(bytes)));
    this.#lastViews = views;
    return views;
  }

  /** Forgets the buffers of one pair. */
  clear(pair: number): void {
    this.#buffers[pair]!.clear();
  }

  clearAll(): void {
    for (const buffers of this.#buffers) buffers.clear();
  }
}
