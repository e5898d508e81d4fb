import { registers, ro, rw } from '../../core/index.ts';
import { defineDeviceType } from './device-type.ts';
import type { FeatureDependency } from './features.ts';

/** Feature bits of the network device. */
export const networkFeature = {
  checksum: 0,
  guestChecksum: 1,
  controlGuestOffloads: 2,
  mtu: 3,
  mac: 5,
  /** Legacy: the device takes segments of any type (LEG-NET-01). */
  gso: 6,
  guestTso4: 7,
  guestTso6: 8,
  guestEcn: 9,
  guestUfo: 10,
  hostTso4: 11,
  hostTso6: 12,
  hostEcn: 13,
  hostUfo: 14,
  mergeableBuffers: 15,
  status: 16,
  controlQueue: 17,
  controlReceive: 18,
  controlVlan: 19,
  controlReceiveExtra: 20,
  guestAnnounce: 21,
  multiQueue: 22,
  controlMacAddress: 23,
  deviceStatistics: 50,
  hashTunnel: 51,
  queueNotificationCoalescing: 52,
  notificationCoalescing: 53,
  guestUso4: 54,
  guestUso6: 55,
  hostUso: 56,
  hashReport: 57,
  guestHeaderLength: 59,
  rss: 60,
  rscExtended: 61,
  standby: 62,
  speedDuplex: 63,
  rssContext: 64,
  guestUdpTunnel: 65,
  guestUdpTunnelChecksum: 66,
  hostUdpTunnel: 67,
  hostUdpTunnelChecksum: 68,
  outerNetworkHeader: 69,
  ipsec: 70,
} as const;

const bit = networkFeature;

/** Which bits need others (NET-FEAT-02). */
export const networkDependencies: readonly FeatureDependency[] = [
  [bit.guestTso4, [bit.guestChecksum]],
  [bit.guestTso6, [bit.guestChecksum]],
  [bit.guestEcn, [bit.guestTso4, bit.guestTso6]],
  [bit.guestUfo, [bit.guestChecksum]],
  [bit.guestUso4, [bit.guestChecksum]],
  [bit.guestUso6, [bit.guestChecksum]],
  [bit.hostTso4, [bit.checksum]],
  [bit.hostTso6, [bit.checksum]],
  [bit.hostEcn, [bit.hostTso4, bit.hostTso6]],
  [bit.hostUfo, [bit.checksum]],
  [bit.hostUso, [bit.checksum]],
  [bit.controlReceive, [bit.controlQueue]],
  [bit.controlVlan, [bit.controlQueue]],
  [bit.guestAnnounce, [bit.controlQueue]],
  [bit.multiQueue, [bit.controlQueue]],
  [bit.controlMacAddress, [bit.controlQueue]],
  [bit.rss, [bit.controlQueue]],
  [bit.rssContext, [bit.controlQueue]],
  [bit.rssContext, [bit.rss]],
  [bit.notificationCoalescing, [bit.controlQueue]],
  [bit.queueNotificationCoalescing, [bit.controlQueue]],
  [bit.hashTunnel, [bit.controlQueue]],
  [bit.hashTunnel, [bit.rss, bit.hashReport]],
  [bit.rscExtended, [bit.hostTso4, bit.hostTso6]],
  ...[bit.guestTso4, bit.guestTso6, bit.guestUso4, bit.guestUso6].map(
    (needed): FeatureDependency => [bit.guestUdpTunnel, [needed]],
  ),
  [bit.guestUdpTunnelChecksum, [bit.guestUdpTunnel]],
  ...[bit.hostTso4, bit.hostTso6, bit.hostUso].map(
    (needed): FeatureDependency => [bit.hostUdpTunnel, [needed]],
  ),
  [bit.hostUdpTunnelChecksum, [bit.hostUdpTunnel]],
];

/** Device configuration; a device has it up to the last field that a feature of its own calls for. */
export const networkConfig = registers({
  /** Writable by legacy drivers only; the device sees to that. */
  mac: rw(0, 1, 'LEG-NET-03 LEG-NET-08 NET-CFG-15 NET-CFG-17', { count: 6 }),
  status: ro(6, 2, 'LEG-NET-02 NET-CFG-19'),
  maxQueuePairs: ro(8, 2, 'LEG-NET-02 NET-CFG-01'),
  mtu: ro(10, 2, 'NET-CFG-02 NET-CFG-04'),
  speed: ro(12, 4, 'NET-CFG-10'),
  duplex: ro(16, 1, 'NET-CFG-11'),
  rssMaxKeySize: ro(17, 1, 'NET-CFG-07'),
  rssMaxTableLength: ro(18, 2, 'NET-CFG-08'),
  supportedHashTypes: ro(20, 4),
  supportedTunnelTypes: ro(24, 4),
});

/** The device type. */
export const networkDeviceType = defineDeviceType({
  name: 'network',
  functionName: 'virtio-net',
  typeNumber: 1,
  transitionalId: 0x1000,
  classCode: 0x020000,
  features: networkFeature,
  dependencies: networkDependencies,
  config: networkConfig,
});

export const MAC_BYTES = 6;

/** Bits of the configuration's status. */
export const networkStatus = { linkUp: 1, announce: 2 } as const;

/** Values of the configuration's duplex (in practice; NET-CFG-11 has them both ways), and of a speed that is not known. */
export const networkDuplex = { half: 0, full: 1, unknown: 0xff } as const;
export const NETWORK_SPEED_UNKNOWN = 0xffffffff;

/** Pairs of queues that a device may have (NET-CFG-01). */
export const QUEUE_PAIRS_RANGE = { first: 1, last: 0x8000 } as const;

/** What an MTU may be, in bytes (NET-CFG-02). */
export const MTU_RANGE = { first: 68, last: 65535 } as const;

/** The header before each frame. */
export const networkHeader = registers({
  flags: ro(0, 1),
  gsoType: ro(1, 1),
  headerLength: ro(2, 2, 'LEG-NET-04'),
  gsoSize: ro(4, 2, 'LEG-NET-04'),
  checksumStart: ro(6, 2, 'LEG-NET-04'),
  checksumOffset: ro(8, 2, 'LEG-NET-04'),
  numBuffers: ro(10, 2, 'LEG-NET-05'),
});
/** Its length, and that of a legacy driver without mergeable buffers (LEG-NET-05). */
export const NETWORK_HEADER_BYTES = 12;
export const SHORT_NETWORK_HEADER_BYTES = 10;

/** Bits of a network header's flags. */
export const networkHeaderFlag = { needsChecksum: 1, dataValid: 2, rscInfo: 4 } as const;

/** A network header's segmentation types; `ecn` is a bit beside them. */
export const networkGsoType = { none: 0, tcp4: 1, udp: 3, tcp6: 4, udpL4: 5, ecn: 0x80 } as const;

/**
 * Bits beside a segmentation type, and a flag, for packets in a UDP tunnel; with the features the header has so many bytes
 * more, in which it starts. No device here offers them.
 */
export const networkTunnelType = { ipv4: 0x20, ipv6: 0x40 } as const;
export const NETWORK_TUNNEL_CHECKSUM = 8;
export const NETWORK_TUNNEL_BYTES = 4;

/** Features that a segmentation type wants of the device, when sent, and of the driver, when received: one of these. */
export const networkSegmentation: ReadonlyMap<
  number,
  { readonly host: number; readonly guest: readonly number[] }
> = new Map([
  [networkGsoType.tcp4, { host: bit.hostTso4, guest: [bit.guestTso4] }],
  [networkGsoType.tcp6, { host: bit.hostTso6, guest: [bit.guestTso6] }],
  [networkGsoType.udp, { host: bit.hostUfo, guest: [bit.guestUfo] }],
  [networkGsoType.udpL4, { host: bit.hostUso, guest: [bit.guestUso4, bit.guestUso6] }],
]);

/** Ethernet: destination, source and type; what a tag of a VLAN adds; the number of ids that it can name. */
export const ETHERNET_HEADER_BYTES = 14;
export const VLAN_TAG_BYTES = 4;
export const VLAN_IDS = 4096;

/** The longest frame: headers of Ethernet and IPv6, and 65535 bytes of payload (NET-RX-01), with one VLAN tag. */
export const MAX_NETWORK_FRAME_BYTES = ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES + 40 + 65535;
/** The longest one that nothing was offloaded of and no MTU was agreed on for. */
export const USUAL_NETWORK_FRAME_BYTES = 1514;

/** Queues: receive and transmit of each pair, then control (after as many pairs as the device has, with MQ). */
export const networkQueue = {
  receive: (pair: number) => 2 * pair,
  transmit: (pair: number) => 2 * pair + 1,
  control: (pairs: number) => 2 * pairs,
} as const;

/** A control command: class and command, then data; the device writes the ack. */
export const networkControl = registers({ class: ro(0, 1), command: ro(1, 1) });
export const NETWORK_CONTROL_BYTES = 2;
export const networkAck = { ok: 0, error: 1 } as const;

/** Classes of control commands. */
export const networkControlClass = {
  receive: 0,
  mac: 1,
  vlan: 2,
  announce: 3,
  multiQueue: 4,
  guestOffloads: 5,
  coalescing: 6,
  hashTunnel: 7,
  statistics: 8,
  rssContext: 9,
} as const;

/** Commands of the class `receive`: modes, each switched by one byte (NET-CVQ-01, NET-CVQ-02). */
export const networkReceiveMode = {
  promiscuous: 0,
  allMulticast: 1,
  allUnicast: 2,
  noMulticast: 3,
  noUnicast: 4,
  noBroadcast: 5,
} as const;
export type NetworkReceiveMode = keyof typeof networkReceiveMode;

export const networkMacCommand = { tableSet: 0, addressSet: 1 } as const;
export const networkVlanCommand = { add: 0, delete: 1 } as const;
export const networkAnnounceCommand = { acknowledge: 0 } as const;
export const networkMultiQueueCommand = { pairsSet: 0, rssConfig: 1, hashConfig: 2 } as const;
export const networkGuestOffloadsCommand = { set: 0 } as const;
export const networkCoalescingCommand = { transmitSet: 0, receiveSet: 1, queueSet: 2, queueGet: 3 } as const;
export const networkHashTunnelCommand = { set: 0 } as const;
export const networkStatisticsCommand = { query: 0, get: 1 } as const;

/** Kinds of statistics, by the bits that ask for them, and the queues that each is of (NET-CVQ-35). */
export const networkStatisticsTypes: readonly (readonly [
  bit: number,
  of: 'receive' | 'transmit' | 'control',
])[] = [
  ...[0, 1, 2, 3].map((bit) => [bit, 'receive'] as const),
  ...[16, 17, 18, 19].map((bit) => [bit, 'transmit'] as const),
  [32, 'control'],
];
/** What GET asks of one queue: index, reserved words, types. */
export const networkStatisticsRequest = registers({ queue: ro(0, 2), types: ro(8, 8) });
export const NETWORK_STATISTICS_REQUEST_BYTES = 16;
/** Before each of the statistics that are answered. */
export const NETWORK_STATISTICS_HEADER_BYTES = 8;

export const networkRssContextCommand = { capabilityGet: 0, add: 1, modify: 2, delete: 3 } as const;

/** A table of MAC addresses begins with their number (LEG-NET-07). */
export const MAC_TABLE_HEADER_BYTES = 4;

/** Offloads that GUEST_OFFLOADS_SET switches: each is named by its feature bit (NET-CVQ-31). */
export const switchableOffloads: readonly number[] = [
  bit.guestChecksum,
  bit.guestTso4,
  bit.guestTso6,
  bit.guestEcn,
  bit.guestUfo,
  bit.guestUso4,
  bit.guestUso6,
];
