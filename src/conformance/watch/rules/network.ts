import {
  ETHERNET_HEADER_BYTES,
  MAC_BYTES,
  NETWORK_HEADER_BYTES,
  networkConfig,
  networkFeature,
  networkGsoType,
  networkHeader,
  networkHeaderFlag,
  networkSegmentation,
  networkStatus,
  SHORT_NETWORK_HEADER_BYTES,
  USUAL_NETWORK_FRAME_BYTES,
  VLAN_TAG_BYTES,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { Moment } from '../moment.ts';
import { cites, seen, type WatchRule } from '../rule.ts';
import { networkNotes, roleOf } from '../types/network.ts';
import { wrongChecksum } from './checksums.ts';
import { bytes, isStrict, ofChain, requestRules, SHAPE, swap16 } from './requests.ts';

const TYPE = 'network';
const rule = requestRules(TYPE);
const bit = networkFeature;

const isReceive = ({ fn, queue }: Moment) => roleOf(fn, queue!) === 'receive';
const isTransmit = ({ fn, queue }: Moment) => roleOf(fn, queue!) === 'transmit';

/** Features that make the header longer, in ways that the layouts here do not have. */
const LONGER = [bit.guestUdpTunnel, bit.hostUdpTunnel, bit.outerNetworkHeader, bit.ipsec];
const HASH_BYTES = 8;

/** Bytes of the header before a frame; 0 where nobody knows. */
export function headerBytes(fn: FunctionModel): number {
  if (fn.modern) {
    if (LONGER.some((each) => !fn.lacks(each))) return 0;
    return NETWORK_HEADER_BYTES + (fn.has(bit.hashReport) ? HASH_BYTES : 0);
  }
  return fn.has(bit.mergeableBuffers) ? NETWORK_HEADER_BYTES : SHORT_NETWORK_HEADER_BYTES;
}

/** The header of a frame that is sent is there. */
const sends = (now: Moment) =>
  isTransmit(now) && headerBytes(now.fn) > 0 && now.chain.readable >= headerBytes(now.fn);
const flagsOf = ({ chain }: Moment) => chain.u8(networkHeader.flags.offset);
const gsoOf = ({ chain }: Moment) => chain.u8(networkHeader.gsoType.offset);
const gsoKind = (now: Moment) => gsoOf(now) & ~networkGsoType.ecn;
const frameBytes = ({ chain, fn }: Moment) => chain.readable - headerBytes(fn);
const { needsChecksum: NEEDS, dataValid, rscInfo } = networkHeaderFlag;
const OF_DEVICE = dataValid | rscInfo;
const HOST_GSO = [bit.hostTso4, bit.hostTso6, bit.hostUfo, bit.hostUso, bit.gso];
const TUNNEL = 0x60;

const sent = (
  id: string,
  clauses: string,
  level: 'must' | 'should' | 'note',
  says: string,
  wrong: (now: Moment) => ReturnType<WatchRule['when']>,
  more: Partial<WatchRule> = {},
): WatchRule => rule(id, clauses, level, says, (now) => (sends(now) ? wrong(now) : null), more);

/** The bytes of an address in a frame, as one number; -1 where they are not there. */
function addressAt({ chain }: Moment, at: number): number {
  let value = 0;
  for (let i = 0; i < MAC_BYTES; i++) {
    const byte = chain.u8(at + i);
    if (byte < 0) return -1;
    value = value * 256 + byte;
  }
  return value;
}

function ownAddress(fn: FunctionModel): number {
  let value = 0;
  for (let i = 0; i < MAC_BYTES; i++) {
    const byte = fn.configBytes[networkConfig.mac.offset + i]!;
    if (byte < 0) return -1;
    value = value * 256 + byte;
  }
  return value;
}

const sourceOf = (now: Moment) => addressAt(now, headerBytes(now.fn) + MAC_BYTES);

/** Frames and the buffers for them. */
export const networkChapter: readonly WatchRule[] = [
  rule(
    'network-receive-readable',
    'CONF-01',
    'must',
    'readable bytes in a receive buffer',
    (now) => (isReceive(now) && now.chain.readable > 0 ? bytes(now, now.chain.readable) : null),
    SHAPE,
  ),
  rule(
    'network-transmit-writable',
    'CONF-01',
    'must',
    'writable bytes in a frame that is sent',
    (now) => (isTransmit(now) && now.chain.writable > 0 ? bytes(now, now.chain.writable) : null),
    SHAPE,
  ),
  rule('network-transmit-short', 'NET-TX-02 NET-RX-03', 'must', 'a frame without a whole header', (now) =>
    isTransmit(now) &&
    headerBytes(now.fn) > 0 &&
    now.chain.writable === 0 &&
    now.chain.readable < headerBytes(now.fn)
      ? bytes(now, now.chain.readable)
      : null,
  ),
  sent(
    'network-runt',
    'CONF-01',
    'must',
    "a frame shorter than Ethernet's header",
    (now) => (frameBytes(now) < ETHERNET_HEADER_BYTES ? bytes(now, frameBytes(now)) : null),
    SHAPE,
  ),
  rule(
    'network-transmit-framing',
    'LEG-NET-12 LEG-NET-05 LEG-FRM-01',
    'must',
    'the header of a frame is no descriptor of its own, and ANY_LAYOUT was not accepted',
    (now) =>
      isStrict(now) && sends(now) && now.chain.lengths[0] !== headerBytes(now.fn)
        ? bytes(now, now.chain.lengths[0]!)
        : null,
    { speaks: 'legacy' },
  ),
  rule(
    'network-receive-framing',
    'LEG-NET-12 LEG-FRM-01',
    'must',
    'the header of a receive buffer is no descriptor of its own, and ANY_LAYOUT was not accepted',
    (now) =>
      isStrict(now) &&
      isReceive(now) &&
      now.fn.lacks(bit.mergeableBuffers) &&
      now.chain.lengths[0] !== headerBytes(now.fn)
        ? bytes(now, now.chain.lengths[0] ?? 0)
        : null,
    { speaks: 'legacy' },
  ),
  rule(
    'network-receive-short',
    'NET-RX-01',
    'should',
    'a receive buffer that does not hold a whole frame',
    (now) => {
      const header = headerBytes(now.fn);
      if (!isReceive(now) || header === 0 || !now.fn.lacks(bit.mergeableBuffers) || now.fn.has(bit.mtu))
        return null;
      return now.chain.writable < header + USUAL_NETWORK_FRAME_BYTES ? bytes(now, now.chain.writable) : null;
    },
  ),
  rule(
    'network-receive-below-mtu',
    'NET-CFG-21',
    'must',
    'a receive buffer that does not hold a frame of the MTU',
    (now) => {
      const mtu =
        isReceive(now) && now.fn.has(bit.mtu) && now.fn.lacks(bit.mergeableBuffers)
          ? now.fn.configValue(networkConfig.mtu)
          : null;
      const header = headerBytes(now.fn);
      return mtu !== null && header > 0 && now.chain.writable < header + ETHERNET_HEADER_BYTES + mtu
        ? bytes(now, now.chain.writable)
        : null;
    },
  ),
  rule(
    'network-receive-no-header',
    'NET-RX-02',
    'must',
    'a receive buffer without room for a header',
    (now) =>
      isReceive(now) && now.fn.has(bit.mergeableBuffers) && now.chain.writable < headerBytes(now.fn)
        ? bytes(now, now.chain.writable)
        : null,
  ),
  sent('network-num-buffers', 'NET-TX-03', 'must', 'a frame that is sent with a number of buffers', (now) => {
    if (headerBytes(now.fn) < NETWORK_HEADER_BYTES) return null;
    const value = now.chain.u16(networkHeader.numBuffers.offset);
    return value > 0 ? ofChain(now, 'num_buffers', value) : null;
  }),
  sent(
    'network-flags-without-csum',
    'NET-TX-04',
    'must',
    'flags of a frame that is sent without CSUM',
    (now) =>
      now.fn.lacks(bit.checksum) && (flagsOf(now) & ~OF_DEVICE) !== 0
        ? ofChain(now, 'header flags', flagsOf(now))
        : null,
  ),
  sent(
    'network-checksum-missing',
    'NET-TX-05',
    'should',
    'a frame that is sent without CSUM has no full checksum',
    (now) => {
      const { chain, fn } = now;
      if (!fn.lacks(bit.checksum) || (flagsOf(now) & NEEDS) !== 0) return null;
      const header = headerBytes(fn);
      const wrong = wrongChecksum((at) => chain.u8(header + at), frameBytes(now));
      return wrong === null ? null : bytes(now, frameBytes(now));
    },
  ),
  sent('network-flags-of-device', 'NET-TX-17', 'must', 'flags that only the device sets', (now) =>
    (flagsOf(now) & OF_DEVICE) !== 0 ? ofChain(now, 'header flags', flagsOf(now)) : null,
  ),
  sent(
    'network-gso-unasked',
    'NET-TX-12',
    'must',
    'a frame to be segmented without any feature for it',
    (now) =>
      gsoKind(now) !== 0 && HOST_GSO.every((each) => now.fn.lacks(each))
        ? ofChain(now, 'segmentation type', gsoOf(now))
        : null,
  ),
  sent('network-gso-type', 'NET-TX-07', 'must', 'a segmentation type that was not accepted', (now) => {
    const kind = gsoKind(now) & ~TUNNEL;
    if (kind === 0 || HOST_GSO.every((each) => now.fn.lacks(each)) || now.fn.has(bit.gso)) return null;
    const needed = networkSegmentation.get(kind)?.host;
    return needed === undefined || now.fn.lacks(needed)
      ? ofChain(now, 'segmentation type', gsoOf(now))
      : null;
  }),
  sent('network-ecn', 'NET-TX-09', 'should', 'ECN without HOST_ECN', (now) =>
    (gsoOf(now) & networkGsoType.ecn) !== 0 && now.fn.lacks(bit.hostEcn) && now.fn.lacks(bit.gso)
      ? ofChain(now, 'segmentation type', gsoOf(now))
      : null,
  ),
  sent('network-tunnel', 'NET-TX-10 NET-TX-15', 'must', 'bits of tunnels that were not accepted', (now) =>
    (gsoOf(now) & TUNNEL) !== 0 && now.fn.lacks(bit.hostUdpTunnel)
      ? ofChain(now, 'segmentation type', gsoOf(now))
      : null,
  ),
  sent(
    'network-gso-without-checksum',
    'NET-TX-13',
    'must',
    'a frame to be segmented without NEEDS_CSUM, or into segments of no bytes',
    (now) =>
      gsoKind(now) !== 0 &&
      ((flagsOf(now) & NEEDS) === 0 || now.chain.u16(networkHeader.gsoSize.offset) === 0)
        ? ofChain(now, 'segmentation type', gsoOf(now))
        : null,
  ),
  sent('network-checksum-place', 'NET-TX-11', 'must', 'a checksum that lies behind the frame', (now) => {
    if ((flagsOf(now) & NEEDS) === 0 || now.fn.lacks(bit.checksum)) return null;
    const start = now.chain.u16(networkHeader.checksumStart.offset);
    const end = start + now.chain.u16(networkHeader.checksumOffset.offset) + 2;
    return end > frameBytes(now) && swap16(start) + 2 > frameBytes(now)
      ? ofChain(now, 'csum_start', start)
      : null;
  }),
  rule(
    'network-header-byte-order',
    'LEG-NET-04 LEG-NET-02',
    'must',
    "the header's numbers are not in the guest's byte order",
    (now) => {
      if (!sends(now) || (flagsOf(now) & NEEDS) === 0 || now.fn.lacks(bit.checksum)) return null;
      const start = now.chain.u16(networkHeader.checksumStart.offset);
      return start > frameBytes(now) && swap16(start) + 2 <= frameBytes(now)
        ? ofChain(now, 'csum_start', start)
        : null;
    },
    { speaks: 'legacy' },
  ),
  sent(
    'network-header-length',
    'NET-TX-14',
    'should',
    'a header length that is shorter than any headers',
    (now) => {
      const length = gsoKind(now) === 0 ? -1 : now.chain.u16(networkHeader.headerLength.offset);
      return length >= 0 && length < ETHERNET_HEADER_BYTES ? ofChain(now, 'hdr_len', length) : null;
    },
  ),
  sent('network-above-mtu', 'NET-CFG-22', 'must', 'a frame longer than the MTU', (now) => {
    const mtu = now.fn.has(bit.mtu) && gsoKind(now) === 0 ? now.fn.configValue(networkConfig.mtu) : null;
    return mtu !== null && frameBytes(now) > ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES + mtu
      ? bytes(now, frameBytes(now))
      : null;
  }),
  sent(
    'network-foreign-source',
    'NET-CFG-17',
    'note',
    'a frame from another address than that of the configuration',
    (now) => {
      const own = now.fn.has(bit.mac) && !networkNotes(now.fn).ownAddress ? ownAddress(now.fn) : -1;
      const source = own < 0 ? -1 : sourceOf(now);
      return source >= 0 && source !== own ? ofChain(now, 'address', source) : null;
    },
  ),
  sent(
    'network-global-source',
    'NET-CFG-18',
    'note',
    'without MAC, a frame from an address that is not locally administered',
    (now) => {
      const source = now.fn.lacks(bit.mac) && now.fn.modern ? sourceOf(now) : -1;
      return source >= 0 && (Math.floor(source / 2 ** 40) & 2) === 0 ? ofChain(now, 'address', source) : null;
    },
  ),
  rule(
    'network-queue-before-pairs',
    'NET-CVQ-21',
    'must',
    'a frame on a queue of another pair before any was asked for',
    (now) =>
      isTransmit(now) && now.queue!.index > 1 && networkNotes(now.fn).pairs === 0
        ? ofChain(now, 'queue number', now.queue!.index)
        : null,
  ),
  rule(
    'network-queue-above-pairs',
    'NET-CVQ-22',
    'must',
    'a frame on a queue of a pair that was not asked for',
    (now) => {
      const { pairs } = networkNotes(now.fn);
      return isTransmit(now) && pairs > 0 && now.queue!.index >= 2 * pairs
        ? ofChain(now, 'queue number', now.queue!.index)
        : null;
    },
  ),
  rule(
    'network-pair-without-buffers',
    'NET-RX-04',
    'should',
    'a pair is used whose receive queue has no buffers',
    (now) => {
      if (!isTransmit(now) || now.queue!.index < 2) return null;
      const receive = now.fn.queues.get(now.queue!.index - 1);
      return receive === undefined || receive.kicks === 0
        ? ofChain(now, 'queue number', now.queue!.index - 1)
        : null;
    },
  ),
  {
    id: 'network-announcement-ignored',
    clauses: cites('NET-CVQ-14'),
    level: 'should',
    type: TYPE,
    says: 'the device asked for an announcement, and the driver never said that it had seen it',
    on: ['end'],
    when: ({ fn }) => {
      const status = fn.has(bit.guestAnnounce) && fn.started ? fn.configValue(networkConfig.status) : null;
      return status !== null && (status & networkStatus.announce) !== 0 && !networkNotes(fn).announced
        ? seen('status bits', status)
        : null;
    },
  },
  wish('network-mac-refused', 'NET-CFG-16', bit.mac, 'MAC'),
  wish('network-mtu-refused', 'NET-CFG-20', bit.mtu, 'MTU'),
  wish('network-standby-refused', 'NET-CFG-23', bit.standby, 'STANDBY'),
  wish('network-header-length-refused', 'NET-TX-16', bit.guestHeaderLength, 'GUEST_HDRLEN'),
  alone('network-hash-report-alone', 'NET-CFG-26', bit.hashReport, 'HASH_REPORT'),
  alone('network-extra-modes-alone', 'NET-CFG-27', bit.controlReceiveExtra, 'CTRL_RX_EXTRA'),
];

function wish(id: string, clause: string, wanted: number, name: string): WatchRule {
  return {
    id,
    clauses: [clause],
    level: 'note',
    type: TYPE,
    says: `${name} was offered and not accepted`,
    on: ['start'],
    when: ({ fn }) => (fn.offered.has(wanted) && fn.lacks(wanted) ? seen('feature bit', wanted) : null),
  };
}

function alone(id: string, clause: string, which: number, name: string): WatchRule {
  return {
    id,
    clauses: [clause],
    level: 'should',
    type: TYPE,
    says: `${name} was accepted without CTRL_VQ`,
    on: ['start'],
    when: ({ fn }) => (fn.has(which) && fn.lacks(bit.controlQueue) ? seen('feature bit', which) : null),
  };
}
