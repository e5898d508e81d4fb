import type { NetworkDevice, VirtioFunction } from '../../virtio/index.ts';
import {
  ETHERNET_HEADER_BYTES,
  LEGACY_CONFIG_OFFSET,
  NETWORK_HEADER_BYTES,
  NETWORK_TUNNEL_BYTES,
  networkConfig,
  networkFeature,
  networkGsoType,
  networkHeader,
  networkHeaderFlag,
  networkTunnelType,
  SHORT_NETWORK_HEADER_BYTES,
} from '../../virtio/layout/index.ts';
import type { DeviceMutant } from './mutant.ts';
import { mutateHandling } from './ring-parts.ts';
import {
  beforeCompletion,
  configLie,
  offers,
  readableOf,
  swapped,
  takesForAccepted,
  writtenOf,
} from './tricks.ts';

const type = 'network';
const bit = networkFeature;

/** A field of its configuration is another from the start, or from a reset on. */
const shows = (name: keyof typeof networkConfig, value: number, after: 'start' | 'reset' = 'start') =>
  ((_, { behaviour }) => {
    const network = behaviour as NetworkDevice;
    if (after === 'start') network.config.set(name, value);
    const reset = network.reset.bind(network);
    // Each reset but the first, with which every check begins.
    let resets = 0;
    network.reset = () => {
      reset();
      if (after === 'reset' && ++resets > 2) network.config.set(name, value);
    };
  }) satisfies DeviceMutant['device'];

/** Frames that the driver sends are lost in some cases. */
const loses =
  (which: (header: DataView, frame: Uint8Array) => boolean) =>
  (fn: VirtioFunction): void =>
    mutateHandling(fn, (chain, honest) => {
      const bytes = readableOf(chain, chain.readableBytes);
      const { device } = fn;
      const short = device.legacyDriver && !device.has(bit.mergeableBuffers);
      const frame = bytes.subarray(short ? SHORT_NETWORK_HEADER_BYTES : NETWORK_HEADER_BYTES);
      if (chain.queue === 1 && which(new DataView(bytes.buffer), frame)) device.complete(chain, 0);
      else honest();
    });

/** Headers of frames that come in are others. @param edit may say what the used length is instead */
const editHeaders =
  (edit: (header: DataView, length: number) => number | undefined) =>
  (fn: VirtioFunction): void =>
    beforeCompletion(fn, (chain, length) => {
      if (chain.queue !== 0 || length < NETWORK_HEADER_BYTES) return undefined;
      const bytes = writtenOf(fn, chain);
      const instead = edit(new DataView(bytes.buffer), length);
      chain.write(0, bytes, 0, bytes.length);
      return instead;
    });

const set8 =
  (field: { readonly offset: number }, change: (value: number) => number) => (header: DataView) => {
    header.setUint8(field.offset, change(header.getUint8(field.offset)));
    return undefined;
  };
const set16 =
  (field: { readonly offset: number }, change: (value: number) => number) => (header: DataView) => {
    header.setUint16(field.offset, change(header.getUint16(field.offset, true)), true);
    return undefined;
  };

const takesFor =
  (feature: number) =>
  (fn: VirtioFunction): void =>
    takesForAccepted(fn, (each, accepted) => accepted || each === feature);

const IPV4 = 0x08;
const TUNNEL = networkTunnelType.ipv4;
const { dataValid, rscInfo } = networkHeaderFlag;

type Row = readonly [
  name: string,
  breaks: readonly string[],
  says: string,
  device: NonNullable<DeviceMutant['device']>,
  more?: Partial<DeviceMutant>,
];

const modern = { setting: 'modern' } as const;

const rows: readonly Row[] = [
  [
    'ipsec-alone',
    ['NET-FEAT-01'],
    'IPSEC is offered without OUT_NET_HEADER',
    (fn) => offers(fn, { with: [bit.ipsec] }),
  ],
  [
    'without-control',
    ['NET-FEAT-02', 'NET-CFG-14'],
    'CTRL_VQ is not offered, and what needs it is',
    (fn) => offers(fn, { without: [bit.controlQueue] }),
  ],
  [
    'hash-report-without-control',
    ['NET-CFG-13'],
    'HASH_REPORT is offered without CTRL_VQ',
    (fn) => offers(fn, { with: [bit.hashReport], without: [bit.controlQueue] }),
  ],
  [
    'gso-for-modern',
    ['LEG-NET-01'],
    'GSO is offered to modern drivers',
    (fn) => offers(fn, { with: [bit.gso] }),
  ],
  ['no-pairs', ['NET-CFG-01'], 'max_virtqueue_pairs is 0', shows('maxQueuePairs', 0)],
  ['tiny-mtu', ['NET-CFG-02', 'NET-CFG-03'], 'the MTU is 60', shows('mtu', 60)],
  ['mtu-changes', ['NET-CFG-04'], 'the MTU is another after a reset', shows('mtu', 1400, 'reset')],
  [
    'short-keys',
    ['NET-CFG-07', 'NET-CFG-08'],
    'with RSS keys have 39 bytes, and tables 127 entries',
    (fn) => offers(fn, { with: [bit.rss] }),
    { bus: configLie([networkConfig.rssMaxKeySize, 39], [networkConfig.rssMaxTableLength, 127]), ...modern },
  ],
  ['speed-beyond', ['NET-CFG-10'], 'the speed is beyond what there is', shows('speed', 0x80000000)],
  ['odd-duplex', ['NET-CFG-11'], 'duplex is 2', shows('duplex', 2)],
  ['speed-changes', ['NET-CFG-12'], 'the speed is another after a reset', shows('speed', 1000, 'reset')],
  [
    'sends-in-pieces',
    ['NET-CFG-06'],
    'a long frame leaves in two pieces',
    (_, { behaviour }) => {
      const { link } = behaviour as NetworkDevice;
      const transmit = link.transmit.bind(link);
      link.transmit = (bytes, offset, length, offload) => {
        const half = length > 1000 ? length >> 1 : length;
        transmit(bytes, offset, half, offload);
        if (half < length) transmit(bytes, offset + half, length - half, offload);
      };
    },
  ],
  [
    'minds-unknown-flags',
    ['NET-TX-19'],
    'a frame with an unknown flag is lost',
    loses((header) => (header.getUint8(networkHeader.flags.offset) & 0x80) !== 0),
  ],
  [
    'minds-checksum-fields',
    ['NET-TX-20'],
    'a frame with csum_start is lost, NEEDS_CSUM or not',
    loses((header) => header.getUint16(networkHeader.checksumStart.offset, true) !== 0),
  ],
  [
    'trusts-header-length',
    ['NET-TX-22'],
    'a frame shorter than its hdr_len is lost',
    loses((header, frame) => header.getUint16(networkHeader.headerLength.offset, true) > frame.length),
  ],
  [
    'sends-any-tunnel',
    ['NET-TX-23'],
    'tunnels are offered, and packets leave whatever their headers say of them',
    (fn, { behaviour }) => {
      offers(fn, { with: [bit.hostUdpTunnel] });
      mutateHandling(fn, (chain, honest) => {
        if (chain.queue !== 1 || !fn.device.has(bit.hostUdpTunnel)) {
          honest();
          return;
        }
        const bytes = readableOf(chain, chain.readableBytes);
        const start = NETWORK_HEADER_BYTES + NETWORK_TUNNEL_BYTES;
        (behaviour as NetworkDevice).link.transmit(bytes, start, bytes.length - start, null);
        fn.device.complete(chain, 0);
      });
    },
  ],
  [
    'checks-checksums',
    ['NET-TX-24'],
    'a packet whose checksum is wrong is lost',
    loses((_, frame) => frame[ETHERNET_HEADER_BYTES - 2] === IPV4),
  ],
  [
    'any-length',
    ['NET-CFG-05'],
    'frames are as long as they like',
    (fn) => takesForAccepted(fn, (each, accepted) => accepted && each !== bit.mtu),
  ],
  [
    'counts-no-buffer',
    ['NET-RX-05', 'NET-RX-10'],
    'num_buffers of a frame in one buffer is 0',
    editHeaders(set16(networkHeader.numBuffers, (value) => (value === 1 ? 0 : value))),
  ],
  [
    'counts-one-buffer',
    ['NET-RX-11'],
    'num_buffers is 1 whatever follows',
    editHeaders(set16(networkHeader.numBuffers, () => 1)),
  ],
  [
    'fills-buffers-partly',
    ['NET-RX-12'],
    'a buffer has a byte less than it could, with others behind it',
    editHeaders((header, length) =>
      header.getUint16(networkHeader.numBuffers.offset, true) > 1 ? length - 1 : length,
    ),
  ],
  [
    'shows-buffers-singly',
    ['NET-RX-13'],
    'buffers of a frame are shown one by one',
    ({ device }) => void (device.batch = (body) => body()),
  ],
  [
    'merges-unasked',
    ['NET-RX-06'],
    'frames take several buffers without MRG_RXBUF',
    takesFor(bit.mergeableBuffers),
    modern,
  ],
  [
    'leaves-checksums',
    ['NET-RX-14'],
    'checksums are left without GUEST_CSUM',
    takesFor(bit.guestChecksum),
    modern,
  ],
  [
    'leaves-checksums-in-silence',
    ['NET-RX-15'],
    'checksums are left without GUEST_CSUM, and without a word',
    (fn) => {
      takesFor(bit.guestChecksum)(fn);
      editHeaders(set8(networkHeader.flags, () => 0))(fn);
    },
    modern,
  ],
  [
    'another-type',
    ['NET-RX-16', 'NET-RX-08'],
    'segments of IPv4 are said to be of IPv6',
    editHeaders(set8(networkHeader.gsoType, () => networkGsoType.tcp6)),
  ],
  [
    'tunnels',
    ['NET-RX-20', 'NET-RX-25'],
    'packets are said to be tunnelled, and valid',
    (fn) => {
      editHeaders(set8(networkHeader.gsoType, (value) => value | TUNNEL))(fn);
      editHeaders(set8(networkHeader.flags, (value) => value | dataValid))(fn);
    },
  ],
  ['leaves-segments', ['NET-RX-21'], 'segments are left without GUEST_TSO4', takesFor(bit.guestTso4), modern],
  ['leaves-ecn', ['NET-RX-17'], 'ECN is left without GUEST_ECN', takesFor(bit.guestEcn), modern],
  [
    'checksum-beside',
    ['NET-RX-19'],
    'csum_start lies two bytes beside it',
    editHeaders(set16(networkHeader.checksumStart, (value) => value + 2)),
  ],
  [
    'coalesces-unasked',
    ['NET-RX-24'],
    'RSC_INFO is set',
    editHeaders(set8(networkHeader.flags, (value) => value | rscInfo)),
  ],
  [
    'segments-without-checksum',
    ['NET-RX-22'],
    'segments come without NEEDS_CSUM',
    editHeaders(set8(networkHeader.flags, () => 0)),
  ],
  [
    'short-headers',
    ['NET-RX-23'],
    'hdr_len ends with the header of Ethernet',
    editHeaders(set16(networkHeader.headerLength, () => ETHERNET_HEADER_BYTES)),
  ],
];

/** Network devices that are wrong. */
export const networkMutants: readonly DeviceMutant[] = [
  ...rows.map(([name, breaks, says, device, more = {}]) => ({
    name: `network-${name}`,
    breaks,
    says,
    type,
    device,
    ...more,
  })),
  {
    name: 'network-status-big-endian',
    breaks: ['LEG-NET-02'],
    says: 'status is big-endian for legacy drivers',
    type,
    setting: 'legacy',
    bus: () => ({
      read: (access, value) =>
        access.place === 'legacy' &&
        access.width === 2 &&
        access.offset === LEGACY_CONFIG_OFFSET + networkConfig.status.offset
          ? swapped(value, 2)
          : value,
    }),
  },
];
