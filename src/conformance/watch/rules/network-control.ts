import {
  MAC_BYTES,
  MAC_TABLE_HEADER_BYTES,
  NETWORK_CONTROL_BYTES,
  networkControl,
  networkControlClass,
  networkFeature,
  networkMacCommand,
  networkMultiQueueCommand,
  networkReceiveMode,
  switchableOffloads,
  VLAN_IDS,
} from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import type { Violation, WatchRule } from '../rule.ts';
import { pairsOf, roleOf } from '../types/network.ts';
import { bytes, isStrict, ofChain, requestRules, SHAPE, swap16, swap32 } from './requests.ts';

const rule = requestRules('network');
const bit = networkFeature;
/** Classes that the layouts have no commands of. */
const COALESCING = 6;
const { receive, mac, vlan, announce, multiQueue, guestOffloads } = networkControlClass;

const isControl = (now: Moment) =>
  roleOf(now.fn, now.queue!) === 'control' && now.chain.readable >= NETWORK_CONTROL_BYTES;
const classOf = ({ chain }: Moment) => chain.u8(networkControl.class.offset);
const commandOf = ({ chain }: Moment) => chain.u8(networkControl.command.offset);
const is = (now: Moment, kind: number, command?: number) =>
  isControl(now) && classOf(now) === kind && (command === undefined || commandOf(now) === command);
const command = (now: Moment) => ofChain(now, 'command', 256 * classOf(now) + commandOf(now));

const asked = (
  id: string,
  clauses: string,
  says: string,
  applies: (now: Moment) => boolean,
  ...anyOf: readonly number[]
): WatchRule =>
  rule(id, clauses, 'must', says, (now) =>
    applies(now) && anyOf.every((each) => now.fn.lacks(each)) ? command(now) : null,
  );

/** Both tables of MAC_TABLE_SET take up the whole of its data. */
function tablesFault(now: Moment): Violation | null {
  const { chain } = now;
  let at = NETWORK_CONTROL_BYTES;
  for (let table = 0; table < 2; table++) {
    const entries = chain.u32(at);
    if (entries < 0) return bytes(now, chain.readable - NETWORK_CONTROL_BYTES);
    if (at + MAC_TABLE_HEADER_BYTES + MAC_BYTES * entries > chain.readable)
      return ofChain(now, 'entries', entries);
    for (let i = 0; i < entries && i < 256; i++) {
      const group = chain.u8(at + MAC_TABLE_HEADER_BYTES + MAC_BYTES * i) & 1;
      if (group !== table) return ofChain(now, 'entry', i);
    }
    at += MAC_TABLE_HEADER_BYTES + MAC_BYTES * entries;
  }
  return at === chain.readable ? null : bytes(now, chain.readable - at);
}

const isTables = (now: Moment) => is(now, mac, networkMacCommand.tableSet);
const swappedTables = (now: Moment) => {
  const entries = now.chain.u32(NETWORK_CONTROL_BYTES);
  return entries > 0xffff && swap32(entries) <= 0xff;
};

const pairsAsked = (now: Moment) =>
  is(now, multiQueue, networkMultiQueueCommand.pairsSet) ? now.chain.u16(NETWORK_CONTROL_BYTES) : -1;
const vlanAsked = (now: Moment) => (is(now, vlan) ? now.chain.u16(NETWORK_CONTROL_BYTES) : -1);

const OFFLOADS = switchableOffloads.reduce((mask, each) => mask + (each < 32 ? 2 ** each : 0), 0);

/** The control queue of a network device. */
export const networkControlChapter: readonly WatchRule[] = [
  rule(
    'network-command-cut',
    'CONF-01',
    'must',
    'a control command without class and command',
    (now) =>
      roleOf(now.fn, now.queue!) === 'control' && now.chain.readable < NETWORK_CONTROL_BYTES
        ? bytes(now, now.chain.readable)
        : null,
    SHAPE,
  ),
  rule(
    'network-command-no-ack',
    'CONF-01',
    'must',
    'a control command without room for its ack',
    (now) => (isControl(now) && now.chain.writable < 1 ? bytes(now, now.chain.writable) : null),
    SHAPE,
  ),
  asked(
    'network-modes-unasked',
    'NET-CVQ-03',
    'a receive mode without CTRL_RX',
    (now) => is(now, receive) && commandOf(now) <= networkReceiveMode.allMulticast,
    bit.controlReceive,
  ),
  asked(
    'network-extra-modes-unasked',
    'NET-CVQ-04',
    'a receive mode without CTRL_RX_EXTRA',
    (now) => is(now, receive) && commandOf(now) > networkReceiveMode.allMulticast,
    bit.controlReceiveExtra,
  ),
  asked(
    'network-mac-unasked',
    'NET-CVQ-09',
    'a command about MAC addresses without CTRL_RX',
    (now) => is(now, mac),
    bit.controlReceive,
  ),
  asked(
    'network-address-unasked',
    'BF-FEAT-03',
    'MAC_ADDR_SET without CTRL_MAC_ADDR',
    (now) => is(now, mac, networkMacCommand.addressSet),
    bit.controlMacAddress,
  ),
  asked(
    'network-vlan-unasked',
    'BF-FEAT-03',
    'a command about VLANs without CTRL_VLAN',
    (now) => is(now, vlan),
    bit.controlVlan,
  ),
  asked(
    'network-announce-unasked',
    'BF-FEAT-03',
    'ANNOUNCE_ACK without GUEST_ANNOUNCE',
    (now) => is(now, announce),
    bit.guestAnnounce,
  ),
  asked(
    'network-pairs-unasked',
    'BF-FEAT-03',
    'PAIRS_SET without MQ',
    (now) => is(now, multiQueue, networkMultiQueueCommand.pairsSet),
    bit.multiQueue,
  ),
  asked(
    'network-rss-unasked',
    'NET-CVQ-28',
    'RSS_CONFIG without RSS',
    (now) => is(now, multiQueue, networkMultiQueueCommand.rssConfig),
    bit.rss,
  ),
  asked(
    'network-hash-unasked',
    'NET-RX-36',
    'HASH_CONFIG without HASH_REPORT',
    (now) => is(now, multiQueue, networkMultiQueueCommand.hashConfig),
    bit.hashReport,
  ),
  asked(
    'network-coalescing-unasked',
    'NET-CVQ-32',
    'a command about coalescing without its feature',
    (now) => is(now, COALESCING),
    bit.notificationCoalescing,
    bit.queueNotificationCoalescing,
  ),
  asked(
    'network-offloads-unasked',
    'BF-FEAT-03',
    'GUEST_OFFLOADS_SET without CTRL_GUEST_OFFLOADS',
    (now) => is(now, guestOffloads),
    bit.controlGuestOffloads,
  ),
  rule(
    'network-mac-tables',
    'NET-CVQ-11',
    'must',
    'MAC tables that are not whole, or hold what belongs into the other',
    (now) => (isTables(now) && !(now.fn.legacy && swappedTables(now)) ? tablesFault(now) : null),
  ),
  rule(
    'network-mac-table-byte-order',
    'LEG-NET-07',
    'must',
    "the number of entries of a MAC table is not in the guest's byte order",
    (now) =>
      isTables(now) && swappedTables(now)
        ? ofChain(now, 'entries', now.chain.u32(NETWORK_CONTROL_BYTES))
        : null,
    { speaks: 'legacy' },
  ),
  rule(
    'network-vlan-byte-order',
    'LEG-NET-09',
    'must',
    "the id of a VLAN is not in the guest's byte order",
    (now) =>
      vlanAsked(now) >= VLAN_IDS && swap16(vlanAsked(now)) < VLAN_IDS
        ? ofChain(now, 'VLAN id', vlanAsked(now))
        : null,
    { speaks: 'legacy' },
  ),
  rule(
    'network-vlan-none',
    'CONF-01',
    'must',
    'a VLAN of no possible id',
    (now) =>
      vlanAsked(now) >= VLAN_IDS && !(now.fn.legacy && swap16(vlanAsked(now)) < VLAN_IDS)
        ? ofChain(now, 'VLAN id', vlanAsked(now))
        : null,
    SHAPE,
  ),
  rule(
    'network-pairs-range',
    'NET-CVQ-20',
    'must',
    'other pairs of queues than from 1 to what there are',
    (now) => {
      const [pairs, most] = [pairsAsked(now), pairsOf(now.fn)];
      if (pairs < 0 || (now.fn.legacy && most !== null && pairs > 0xff && swap16(pairs) <= most)) return null;
      return pairs === 0 || (most !== null && pairs > most) ? ofChain(now, 'pairs of queues', pairs) : null;
    },
  ),
  rule(
    'network-pairs-byte-order',
    'LEG-NET-10',
    'must',
    "the number of pairs is not in the guest's byte order",
    (now) => {
      const [pairs, most] = [pairsAsked(now), pairsOf(now.fn)];
      return pairs > 0xff && most !== null && pairs > most && swap16(pairs) <= most
        ? ofChain(now, 'pairs of queues', pairs)
        : null;
    },
    { speaks: 'legacy' },
  ),
  rule(
    'network-pairs-not-set-up',
    'NET-CVQ-19',
    'must',
    'pairs were asked for whose queues are not set up',
    (now) => {
      const pairs = pairsAsked(now);
      if (pairs <= 0 || pairs > (pairsOf(now.fn) ?? 0) || !now.fn.followed) return null;
      for (let index = 0; index < 2 * pairs; index++)
        if (now.fn.queues.get(index)?.live !== true) return ofChain(now, 'queue number', index);
      return null;
    },
  ),
  rule(
    'network-hash-reserved',
    'NET-CVQ-27',
    'must',
    'reserved words of a hash configuration are not 0',
    (now) => {
      if (!is(now, multiQueue, networkMultiQueueCommand.hashConfig)) return null;
      for (let i = 0; i < HASH_RESERVED; i++) {
        const word = now.chain.u16(NETWORK_CONTROL_BYTES + 4 + 2 * i, true);
        if (word > 0) return ofChain(now, 'reserved word', word);
      }
      return null;
    },
  ),
  rule('network-offloads-range', 'NET-CVQ-31', 'must', 'offloads that were not accepted', (now) => {
    if (!is(now, guestOffloads)) return null;
    const low = now.chain.u32(NETWORK_CONTROL_BYTES, !now.fn.bigEndianGuest);
    if (low < 0 || (now.fn.legacy && low > 0xffff && (swap32(low) & ~OFFLOADS) === 0)) return null;
    if ((low & ~OFFLOADS) !== 0) return ofChain(now, 'offload bits', low);
    const stray = switchableOffloads.find(
      (each) => each < 32 && ((low >>> each) & 1) !== 0 && now.fn.lacks(each),
    );
    return stray === undefined ? null : ofChain(now, 'feature bit', stray);
  }),
  rule(
    'network-offloads-byte-order',
    'LEG-NET-11',
    'must',
    "the offloads are not in the guest's byte order",
    (now) => {
      if (!is(now, guestOffloads)) return null;
      // The upper half of 64 bits comes first in the other order.
      const [first, second] = [
        now.chain.u32(NETWORK_CONTROL_BYTES),
        now.chain.u32(NETWORK_CONTROL_BYTES + 4),
      ];
      return first === 0 && second > 0xffff && (swap32(second) & ~OFFLOADS) === 0
        ? ofChain(now, 'offload bits', second)
        : null;
    },
    { speaks: 'legacy' },
  ),
  rule(
    'network-command-framing',
    'LEG-NET-13 LEG-FRM-01',
    'must',
    'class and command are no descriptor of their own, and ANY_LAYOUT was not accepted',
    (now) =>
      isStrict(now) && isControl(now) && now.chain.lengths[0] !== NETWORK_CONTROL_BYTES
        ? bytes(now, now.chain.lengths[0]!)
        : null,
    { speaks: 'legacy' },
  ),
  rule(
    'network-data-framing',
    'LEG-NET-14',
    'must',
    "a command's data are not one descriptor, and ANY_LAYOUT was not accepted",
    (now) =>
      isStrict(now) &&
      isControl(now) &&
      !isTables(now) &&
      now.chain.lengths[0] === NETWORK_CONTROL_BYTES &&
      now.chain.readables > 2
        ? ofChain(now, 'descriptors', now.chain.readables)
        : null,
    { speaks: 'legacy' },
  ),
  rule(
    'network-tables-framing',
    'LEG-NET-15',
    'must',
    'MAC tables are not a descriptor each, and ANY_LAYOUT was not accepted',
    (now) =>
      isStrict(now) && isTables(now) && now.chain.readables !== 3
        ? ofChain(now, 'descriptors', now.chain.readables)
        : null,
    { speaks: 'legacy' },
  ),
  rule(
    'network-ack-framing',
    'LEG-NET-16',
    'must',
    'the ack is no descriptor of one byte, and ANY_LAYOUT was not accepted',
    (now) =>
      isStrict(now) &&
      isControl(now) &&
      now.chain.writable > 0 &&
      (now.chain.writables !== 1 || now.chain.writable !== 1)
        ? bytes(now, now.chain.writable)
        : null,
    { speaks: 'legacy' },
  ),
];

/** Reserved words behind the types of a hash configuration. */
const HASH_RESERVED = 4;
