import { NetworkDevice, networkFeature, unplugged } from '../../../../src/virtio/index.ts';
import { be16, be32, type Lab, type LabBuffer, le16, le32, zeros } from '../support/lab.ts';
import { card } from '../support/watched.ts';
import { type Seed, seeds } from './seed.ts';

const bit = networkFeature;
const room = (length: number): LabBuffer => ({ length, write: true });
const ACK = room(1);
const BASE = [bit.mac, bit.status, bit.controlQueue];
/** Without MQ the control queue is number 2. */
const network = seeds(card, { features: BASE, queues: [0, 1, 2] });
const bare = seeds(card, { features: [], queues: [0, 1] });
const legacy = seeds(card, { speaks: 'legacy', features: BASE, queues: [0, 1, 2] });
const PAIRS = { features: [...BASE, bit.multiQueue], queues: [0, 1, 2, 3, 4] };
const pairs = seeds(card, PAIRS);

const OWN = [2, 0, 0, 0, 0, 9];
const frame = (length = 60, source = OWN) => [
  255,
  255,
  255,
  255,
  255,
  255,
  ...source,
  8,
  0,
  ...zeros(length - 14),
];

/** A datagram of a byte by RFC 768: the header's checksum is right, the datagram's is wrong (0x8ac9 would be right). */
const UDP = [
  ...[0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0x66, 0xce, 10, 0, 0, 1, 10, 0, 0, 2],
  ...[0, 7, 0, 9, 0, 9, 0x8a, 0xc2, 0x61],
];

interface Header {
  readonly flags?: number;
  readonly gso?: number;
  readonly length?: number;
  readonly size?: number;
  readonly start?: number;
  readonly offset?: number;
  readonly buffers?: number;
}
const header = ({
  flags = 0,
  gso = 0,
  length = 0,
  size = 0,
  start = 0,
  offset = 0,
  buffers = 0,
}: Header = {}) => [flags, gso, ...[length, size, start, offset, buffers].flatMap(le16)];
const send = (lab: Lab, more: Header = {}, bytes = frame(), queue = 1) =>
  void lab.post(queue, [{ bytes: [...header(more), ...bytes] }]);
const command = (kind: number, which: number, data: readonly number[] = []) => [
  { bytes: [kind, which, ...data] },
  ACK,
];
const mac = (lab: Lab) => {
  for (let i = 0; i < 6; i++) lab.config(i, 1);
};
const tables = (...lists: readonly (readonly number[])[]) =>
  lists.flatMap((list) => [...le32(list.length / 6), ...list]);

/** Frames, buffers for them, and the control queue. */
export const networkSeeds: readonly Seed[] = [
  network(
    'network-receive-readable',
    'readable bytes to receive in',
    (lab) => void lab.post(0, [{ bytes: zeros(8) }, room(1526)]),
  ),
  network(
    'network-transmit-writable',
    'writable bytes to send',
    (lab) => void lab.post(1, [{ bytes: [...header(), ...frame()] }, room(4)]),
  ),
  network('network-transmit-short', 'less than a header', (lab) => void lab.post(1, [{ bytes: zeros(8) }])),
  network('network-runt', 'less than an Ethernet header', (lab) => send(lab, {}, zeros(8))),
  legacy(
    'network-transmit-framing',
    'a header with its frame',
    (lab) => void lab.post(1, [{ bytes: [...zeros(10), ...frame()] }]),
  ),
  legacy('network-receive-framing', 'a receive buffer in one', (lab) => void lab.post(0, [room(1526)])),
  network('network-receive-short', 'a short receive buffer', (lab) => void lab.post(0, [room(100)])),
  network(
    'network-receive-below-mtu',
    'a receive buffer below the MTU',
    (lab) => {
      lab.config(10, 2);
      lab.post(0, [room(1000)]);
    },
    { features: [...BASE, bit.mtu] },
  ),
  network('network-receive-no-header', 'no room for a header', (lab) => void lab.post(0, [room(8)]), {
    features: [...BASE, bit.mergeableBuffers],
  }),
  network('network-num-buffers', 'a number of buffers', (lab) => send(lab, { buffers: 1 })),
  network('network-flags-without-csum', 'NEEDS_CSUM without CSUM', (lab) => send(lab, { flags: 1 })),
  network('network-checksum-missing', 'UDP whose checksum stands for other bytes', (lab) =>
    send(lab, {}, [...frame(14), ...UDP]),
  ),
  network('network-checksum-missing', 'an IPv4 header whose checksum is zero', (lab) =>
    send(lab, {}, [...frame(14), ...UDP.with(10, 0).with(11, 0)]),
  ),
  network('network-flags-of-device', 'DATA_VALID', (lab) => send(lab, { flags: 2 })),
  network('network-gso-unasked', 'segmentation without features', (lab) => send(lab, { gso: 1 })),
  network(
    'network-gso-type',
    'a type that was not accepted',
    (lab) => send(lab, { gso: 4, flags: 1, size: 100, length: 54 }),
    { features: [...BASE, bit.checksum, bit.hostTso4] },
  ),
  network('network-ecn', 'ECN', (lab) => send(lab, { gso: 0x81 })),
  network('network-tunnel', 'a tunnel', (lab) => send(lab, { gso: 0x21 })),
  network(
    'network-gso-without-checksum',
    'segments without a checksum',
    (lab) => send(lab, { gso: 1, size: 100, length: 54 }),
    { features: [...BASE, bit.checksum, bit.hostTso4] },
  ),
  network(
    'network-checksum-place',
    'a checksum behind the frame',
    (lab) => send(lab, { flags: 1, start: 0x5959, offset: 16 }),
    { features: [...BASE, bit.checksum] },
  ),
  legacy(
    'network-header-byte-order',
    'the other byte order',
    (lab) => void lab.post(1, [{ bytes: [1, 0, 0, 0, 0, 0, ...be16(34), ...be16(16)] }, { bytes: frame() }]),
    { features: [...BASE, bit.checksum] },
  ),
  network(
    'network-header-length',
    'a header length of 4',
    (lab) => send(lab, { gso: 1, flags: 1, size: 100, length: 4 }),
    { features: [...BASE, bit.checksum, bit.hostTso4] },
  ),
  network(
    'network-above-mtu',
    'a frame above the MTU',
    (lab) => {
      lab.config(10, 2);
      send(lab, {}, frame(1600));
    },
    { features: [...BASE, bit.mtu] },
  ),
  network('network-foreign-source', 'another address', (lab) => {
    mac(lab);
    send(lab, {}, frame(60, [2, 0, 0, 0, 0, 1]));
  }),
  bare('network-global-source', "a vendor's address", (lab) => send(lab, {}, frame(60, [0, 1, 2, 3, 4, 5]))),
  pairs('network-queue-before-pairs', 'another pair at once', (lab) => {
    lab.config(8, 2);
    send(lab, {}, frame(), 3);
  }),
  pairs('network-queue-above-pairs', 'a pair that was not asked for', (lab) => {
    lab.config(8, 2);
    lab.post(4, command(4, 0, le16(1)));
    send(lab, {}, frame(), 3);
  }),
  pairs('network-pair-without-buffers', 'a pair without receive buffers', (lab) => {
    lab.config(8, 2);
    lab.post(4, command(4, 0, le16(2)));
    send(lab, {}, frame(), 3);
  }),
  network(
    'network-announcement-ignored',
    'an announcement is not confirmed',
    (lab) => {
      (lab.behaviour as NetworkDevice).announce();
      lab.config(6, 2);
    },
    { features: [...BASE, bit.guestAnnounce] },
  ),
  bare('network-mac-refused', 'MAC left out', () => {}),
  bare('network-mtu-refused', 'MTU left out', () => {}),
  network('network-extra-modes-alone', 'CTRL_RX_EXTRA without CTRL_VQ', () => {}, {
    features: [bit.controlReceiveExtra],
    queues: [0, 1],
  }),
  network('network-command-cut', 'half a command', (lab) => void lab.post(2, [{ bytes: [0] }, ACK])),
  network('network-command-no-ack', 'no ack', (lab) => void lab.post(2, [{ bytes: [0, 0, 1] }])),
  network(
    'network-modes-unasked',
    'promiscuous without CTRL_RX',
    (lab) => void lab.post(2, command(0, 0, [1])),
  ),
  network(
    'network-extra-modes-unasked',
    'all unicast without CTRL_RX_EXTRA',
    (lab) => void lab.post(2, command(0, 2, [1])),
  ),
  network(
    'network-mac-unasked',
    'MAC tables without CTRL_RX',
    (lab) => void lab.post(2, command(1, 0, tables([], []))),
  ),
  network(
    'network-address-unasked',
    'an address without CTRL_MAC_ADDR',
    (lab) => void lab.post(2, command(1, 1, OWN)),
  ),
  network(
    'network-vlan-unasked',
    'a VLAN without CTRL_VLAN',
    (lab) => void lab.post(2, command(2, 0, le16(5))),
  ),
  network(
    'network-announce-unasked',
    'ANNOUNCE_ACK without its feature',
    (lab) => void lab.post(2, command(3, 0)),
  ),
  network('network-pairs-unasked', 'PAIRS_SET without MQ', (lab) => void lab.post(2, command(4, 0, le16(1)))),
  network('network-rss-unasked', 'RSS_CONFIG', (lab) => void lab.post(2, command(4, 1, zeros(16)))),
  network('network-hash-unasked', 'HASH_CONFIG', (lab) => void lab.post(2, command(4, 2, zeros(16)))),
  network('network-coalescing-unasked', 'coalescing', (lab) => void lab.post(2, command(6, 0, zeros(8)))),
  network(
    'network-statistics-types',
    'statistics of sending of a receive queue',
    (lab) =>
      void lab.post(2, [{ bytes: [8, 1, ...le16(0), ...zeros(6), ...le32(1 << 16), ...le32(0)] }, room(64)]),
  ),
  network(
    'network-statistics-room',
    'room for one header of two',
    (lab) => void lab.post(2, [{ bytes: [8, 1, ...le16(0), ...zeros(6), ...le32(3), ...le32(0)] }, room(16)]),
  ),
  network('network-offloads-unasked', 'offloads', (lab) => void lab.post(2, command(5, 0, zeros(8)))),
  network('network-mac-tables', 'one table only', (lab) => void lab.post(2, command(1, 0, tables([]))), {
    features: [...BASE, bit.controlReceive],
  }),
  legacy(
    'network-mac-table-byte-order',
    'the other byte order',
    (lab) => void lab.post(2, [{ bytes: [1, 0] }, { bytes: [...be32(1), ...OWN] }, { bytes: be32(0) }, ACK]),
    { features: [...BASE, bit.controlReceive] },
  ),
  legacy(
    'network-vlan-byte-order',
    'the other byte order',
    (lab) => void lab.post(2, [{ bytes: [2, 0] }, { bytes: be16(0x120) }, ACK]),
    { features: [...BASE, bit.controlVlan] },
  ),
  network('network-vlan-none', 'VLAN 5000', (lab) => void lab.post(2, command(2, 0, le16(5000))), {
    features: [...BASE, bit.controlVlan],
  }),
  pairs('network-pairs-range', 'no pairs', (lab) => {
    lab.config(8, 2);
    lab.post(4, command(4, 0, le16(0)));
  }),
  seeds(card, { speaks: 'legacy', ...PAIRS })('network-pairs-byte-order', 'the other byte order', (lab) => {
    lab.config(8, 2);
    lab.post(4, [{ bytes: [4, 0] }, { bytes: be16(2) }, ACK]);
  }),
  pairs(
    'network-pairs-not-set-up',
    'pairs that are not set up',
    (lab) => {
      lab.config(8, 2);
      lab.post(4, command(4, 0, le16(2)));
    },
    { queues: [0, 1, 4] },
  ),
  network(
    'network-hash-reserved',
    'reserved words',
    (lab) => void lab.post(2, command(4, 2, [...le32(0), 1, ...zeros(11)])),
  ),
  network(
    'network-offloads-range',
    'offloads that were not accepted',
    (lab) => void lab.post(2, command(5, 0, [...le32(1 << 7), ...le32(0)])),
    { features: [...BASE, bit.controlGuestOffloads] },
  ),
  legacy(
    'network-offloads-byte-order',
    'the other byte order',
    (lab) => void lab.post(2, [{ bytes: [5, 0] }, { bytes: [...be32(0), ...be32(2)] }, ACK]),
    { features: [...BASE, bit.controlGuestOffloads] },
  ),
  legacy(
    'network-command-framing',
    'a command with its data',
    (lab) => void lab.post(2, command(0, 0, [1])),
    { features: [...BASE, bit.controlReceive] },
  ),
  legacy(
    'network-data-framing',
    'data in two',
    (lab) => void lab.post(2, [{ bytes: [1, 1] }, { bytes: OWN.slice(0, 3) }, { bytes: OWN.slice(3) }, ACK]),
    { features: [...BASE, bit.controlReceive, bit.controlMacAddress] },
  ),
  legacy(
    'network-tables-framing',
    'tables in one',
    (lab) => void lab.post(2, [{ bytes: [1, 0] }, { bytes: tables([], []) }, ACK]),
    { features: [...BASE, bit.controlReceive] },
  ),
  legacy(
    'network-ack-framing',
    'an ack of two bytes',
    (lab) => void lab.post(2, [{ bytes: [0, 0] }, { bytes: [1] }, room(2)]),
    { features: [...BASE, bit.controlReceive] },
  ),
  seeds(card, { speaks: 'legacy', bare: true })('legacy-rings-overlap', 'two rings too close', (lab) => {
    lab.toFeatures();
    for (const queue of [0, 1]) {
      lab.set('queueSelect', queue);
      lab.get('queueSize');
      lab.set('queueAddress', 0x100 + queue);
    }
  }),
  network('link-state-not-read', 'the state of the link is not read', () => {}),
  network('network-config-written', 'the address is written', (lab) => void lab.config(0, 1, 7)),
  seeds(() => new NetworkDevice({ link: unplugged }), { bare: true, features: [bit.guestTso4] })(
    'network-features-unmet',
    'segments without checksums',
    (lab) => lab.toFeatures(),
  ),
  seeds(() => new NetworkDevice({ link: unplugged }), { bare: true, features: [bit.controlReceive] })(
    'features-unmet',
    'CTRL_RX without CTRL_VQ',
    (lab) => lab.toFeatures(),
  ),
];
