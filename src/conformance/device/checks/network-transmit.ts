import {
  ETHERNET_HEADER_BYTES,
  NETWORK_TUNNEL_CHECKSUM,
  networkConfig,
  networkFeature,
  networkGsoType,
  networkHeaderFlag,
  networkTunnelType,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { equalBytes } from '../bytes.ts';
import type { Check } from '../check.ts';
import { frameTo, leftToDo, packetTo, stations } from '../types/frames.ts';
import { Nic } from '../types/network.ts';

const types = ['network'];
const bit = networkFeature;
/** Bytes before an Ethernet frame's payload. */
const HEADER = ETHERNET_HEADER_BYTES;
/** A bit of the header's flags that means nothing. */
const UNKNOWN_FLAG = 0x80;

/** A frame leaves the device once, and as it was. */
async function leavesWhole(
  bench: Bench,
  clause: string,
  frame: Uint8Array,
  fields: Parameters<Nic['send']>[2] = {},
  features: readonly number[] = [],
): Promise<void> {
  const sent = await new Nic(bench, features).send(clause, frame, fields);
  bench.check(clause, sent.length === 1, 'one frame sent', `${sent.length}`);
  const same = equalBytes(sent[0]!.bytes, frame);
  bench.check(clause, same, 'the frame as it was', 'another one');
}

/** A network device sends. */
export const networkTransmitChecks: readonly Check[] = [
  {
    id: 'network-sends-mtu-whole',
    clauses: ['NET-CFG-06'],
    types,
    says: 'a frame of MTU bytes leaves in one piece',
    run(bench) {
      bench.needs(bit.mtu, 'MTU');
      const length = bench.config(networkConfig.mtu.offset, 2);
      return leavesWhole(bench, 'NET-CFG-06', frameTo(stations.peer, { length }), {}, [bit.mtu]);
    },
  },
  {
    id: 'network-unknown-flags',
    clauses: ['NET-TX-19'],
    types,
    says: 'a flag of the header that means nothing changes nothing',
    run: (bench) =>
      leavesWhole(bench, 'NET-TX-19', frameTo(stations.peer), { flags: UNKNOWN_FLAG }, [bit.checksum]),
  },
  {
    id: 'network-checksum-fields-unused',
    clauses: ['NET-TX-20'],
    types,
    says: 'csum_start and csum_offset mean nothing without NEEDS_CSUM',
    run: (bench) =>
      leavesWhole(bench, 'NET-TX-20', frameTo(stations.peer), { checksumStart: HEADER, checksumOffset: 6 }, [
        bit.checksum,
      ]),
  },
  {
    id: 'network-header-length-is-a-hint',
    clauses: ['NET-TX-22'],
    types,
    says: 'hdr_len is not relied on: one that is longer than the frame changes nothing',
    run: (bench) =>
      leavesWhole(bench, 'NET-TX-22', frameTo(stations.peer), { headerLength: 0xffff }, [bit.checksum]),
  },
  {
    id: 'network-tunnel-refused',
    clauses: ['NET-TX-23'],
    types,
    settings: ['modern', 'packed'],
    says: 'a packet whose header contradicts itself about its tunnel does not leave',
    async run(bench) {
      bench.needs(bit.hostUdpTunnel, 'HOST_UDP_TUNNEL_GSO');
      const { hostUdpTunnel, hostUdpTunnelChecksum, hostTso4, hostTso6, hostUso, checksum } = bit;
      const features = [hostUdpTunnel, hostUdpTunnelChecksum, hostTso4, hostTso6, hostUso, checksum];
      const nic = new Nic(bench, features);
      const { needsChecksum, dataValid } = networkHeaderFlag;
      const { ipv4, ipv6 } = networkTunnelType;
      const { tcp4, none } = networkGsoType;
      const packet = packetTo(stations.peer, { transport: 'tcp', length: 1000 }, true);
      const fields = leftToDo(packet, 500);
      for (const [what, flags, gsoType] of [
        ['tunnels of both kinds', needsChecksum, ipv4 | ipv6 | tcp4],
        ['a tunnel without NEEDS_CSUM', 0, ipv4 | tcp4],
        ['a tunnel with DATA_VALID', needsChecksum | dataValid, ipv4 | tcp4],
        ['a tunnel without segments', needsChecksum, ipv4 | none],
        ['a checksum of a tunnel without one', NETWORK_TUNNEL_CHECKSUM, none],
      ] as const) {
        const sent = await nic.send('NET-TX-23', packet, { ...fields, flags, gsoType });
        bench.check('NET-TX-23', sent.length === 0, `${what}: nothing sent`, 'the packet');
      }
    },
  },
  {
    id: 'network-checksum-not-relied-on',
    clauses: ['NET-TX-24'],
    types,
    says: 'a frame whose checksum is wrong, and said to be nothing, leaves as it is',
    run: (bench) =>
      leavesWhole(bench, 'NET-TX-24', packetTo(stations.peer, { transport: 'udp', length: 64 }, true), {}, [
        bit.checksum,
      ]),
  },
];
