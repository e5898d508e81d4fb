import { Room } from '../../../core/index.ts';
import { payloadOffset } from '../../backends/ethernet.ts';
import type { Offload } from '../../backends/network-link.ts';
import type { Segmenter } from '../../backends/offload.ts';
import { reachClause, shapeClause, strictFraming } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  ETHERNET_HEADER_BYTES,
  MAX_NETWORK_FRAME_BYTES,
  NETWORK_HEADER_BYTES,
  networkFeature,
  networkGsoType,
  networkHeader,
  networkHeaderFlag,
  networkSegmentation,
  newNetworkHeader,
  readNetworkHeader,
} from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { headerBytes } from './receive.ts';

/** True for a frame that is longer than the MTU allows and not to be segmented (NET-CFG-05, NET-CFG-22). */
export function exceeds(
  mtu: number,
  bytes: Uint8Array,
  at: number,
  length: number,
  offload: Offload | null,
): boolean {
  if (offload !== null && (offload.gsoType & ~networkGsoType.ecn) !== networkGsoType.none) return false;
  const headers = payloadOffset(bytes, at, length) - at;
  return length > headers + mtu;
}

const { needsChecksum, dataValid, rscInfo } = networkHeaderFlag;

/** Takes frames out of the driver's chains, and refuses those that break the rules. */
export class FrameReader {
  readonly #device: DevicePort;
  readonly #segmenter: Segmenter;
  readonly #room = new Room(MAX_NETWORK_FRAME_BYTES);
  readonly #offload = newNetworkHeader();

  constructor(device: DevicePort, segmenter: Segmenter) {
    this.#device = device;
    this.#segmenter = segmenter;
  }

  /** The last frame that was read, from the first byte on. */
  get bytes(): Uint8Array {
    return this.#room.bytes;
  }

  /** What is left to be done with it; null where there is nothing left to be done. */
  get offload(): Offload | null {
    const { flags, gsoType } = this.#offload;
    return flags === 0 && gsoType === networkGsoType.none ? null : this.#offload;
  }

  /** @param mtu that was agreed on, or null. @returns the frame's length, or -1: refused, and said why. */
  read(chain: Chain, mtu: number | null): number {
    const device = this.#device;
    const header = headerBytes(device);
    if (strictFraming(device) && chain.lengths[0] !== header)
      device.report(
        'driver',
        'LEG-NET-12',
        'a header that is no descriptor of its own wants ANY_LAYOUT, which was not accepted',
        aboutChain(chain),
      );
    if (chain.count > chain.readableCount)
      device.report(
        'driver',
        shapeClause(device),
        'writable bytes in a frame that is sent',
        aboutChain(chain, 'length in bytes', chain.writableBytes),
      );
    const length = chain.readableBytes - header;
    if (length < ETHERNET_HEADER_BYTES && length >= 0)
      return this.#refuse(
        shapeClause(device),
        "a frame shorter than Ethernet's header",
        chain,
        'length in bytes',
        length,
      );
    if (length < 0)
      return this.#refuse(
        'NET-TX-02',
        'a chain shorter than its header',
        chain,
        'length in bytes',
        chain.readableBytes,
      );
    if (length > MAX_NETWORK_FRAME_BYTES)
      return this.#refuse(shapeClause(device), 'a frame longer than any', chain, 'length in bytes', length);
    const view = chain.header(header);
    if (view === null) return this.#refuse(reachClause(device), 'a header out of reach', chain);
    if (!this.#readHeader(chain, view, header)) return -1;
    if (!chain.read(header, this.bytes, 0, length))
      return this.#refuse(reachClause(device), 'a frame out of reach', chain);
    if (mtu !== null && exceeds(mtu, this.bytes, 0, length, this.#offload))
      return this.#refuse('NET-CFG-22', 'a frame longer than the MTU', chain, 'length in bytes', length);
    const { offload } = this;
    if (offload === null) return length;
    const objection = this.#segmenter.objection(this.bytes, 0, length, offload);
    if (objection === null) return length;
    const { clause, message, what, value } = objection;
    return this.#refuse(clause, message, chain, what, value);
  }

  #refuse(clause: string, message: string, chain: Chain, what?: string, value?: number): -1 {
    this.#device.report('driver', clause, message, aboutChain(chain, what, value));
    return -1;
  }

  #readHeader(chain: Chain, view: DataView, header: number): boolean {
    const at = chain.headerAt;
    const little = this.#device.littleEndian;
    const offload = this.#offload;
    readNetworkHeader(view, at, little, offload);
    const buffers =
      header === NETWORK_HEADER_BYTES ? view.getUint16(at + networkHeader.numBuffers.offset, little) : 0;
    if (buffers !== 0)
      this.#device.report(
        'driver',
        'NET-TX-03',
        'a frame that is sent with a number of buffers',
        aboutChain(chain, 'num_buffers', buffers),
      );
    if ((offload.flags | offload.gsoType) === 0) return true;
    return this.#checkFlags(chain, offload) && this.#checkSegmentation(chain, offload);
  }

  /** NET-TX-19: flags that mean nothing here are ignored, those that the driver must not set too. */
  #checkFlags(chain: Chain, offload: Offload): true {
    const device = this.#device;
    const { flags } = offload;
    if (flags !== 0 && !device.has(networkFeature.checksum))
      device.report('driver', 'NET-TX-04', 'flags without CSUM', aboutChain(chain, 'header flags', flags));
    if ((flags & (dataValid | rscInfo)) !== 0)
      device.report(
        'driver',
        'NET-TX-17',
        'flags that only the device sets',
        aboutChain(chain, 'header flags', flags),
      );
    offload.flags = device.has(networkFeature.checksum) ? flags & needsChecksum : 0;
    return true;
  }

  #checkSegmentation(chain: Chain, offload: Offload): boolean {
    const device = this.#device;
    const { gsoType } = offload;
    if (gsoType === networkGsoType.none) return true;
    const refuse = (clause: string, message: string) =>
      this.#refuse(clause, message, chain, 'segmentation type', gsoType) >= 0;
    // LEG-NET-01: with the old bit, every type there was.
    const any = device.legacyDriver && device.has(networkFeature.gso) && device.has(networkFeature.checksum);
    if ((gsoType & networkGsoType.ecn) !== 0 && !any && !device.has(networkFeature.hostEcn))
      return refuse('NET-TX-09', 'ECN without HOST_ECN');
    const type = gsoType & ~networkGsoType.ecn;
    if (type === networkGsoType.none) return true;
    const host = networkSegmentation.get(type)?.host;
    const accepted = host !== undefined && (device.has(host) || any);
    if (!accepted) {
      const none = ![...networkSegmentation.values()].some((each) => device.has(each.host)) && !any;
      return refuse(none ? 'NET-TX-12' : 'NET-TX-07', 'a segmentation type that was not accepted');
    }
    // Its size, and whether it is what the type says, the segmenter judges.
    if ((offload.flags & needsChecksum) === 0)
      return refuse('NET-TX-13', 'a frame to be segmented without NEEDS_CSUM');
    return true;
  }
}
