import {
  feature,
  networkAck,
  networkCoalescingCommand,
  networkControlClass,
  networkFeature,
  networkHashTunnelCommand,
  networkMultiQueueCommand,
  networkQueue,
  networkRssContextCommand,
  networkStatisticsCommand,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { join, le, readLe } from '../bytes.ts';
import type { Check, Setting } from '../check.ts';
import { frameTo, packetTo, stations } from '../types/frames.ts';
import { Nic } from '../types/network.ts';

const types = ['network'];
const modern: readonly Setting[] = ['modern', 'packed'];
const bit = networkFeature;
const { multiQueue, coalescing, hashTunnel, statistics, rssContext } = networkControlClass;
const { pairsSet, rssConfig, hashConfig } = networkMultiQueueCommand;
const { everybody, peer } = stations;

/** Flows that are told apart by their ports. */
const flows = [1, 2, 3, 4, 5, 6, 7, 8].map(
  (i) => ({ transport: 'udp', length: 64, from: 4000 + i, to: 53 }) as const,
);
const KEY_BYTES = 40;

const setPairs = (nic: Nic, clause: string, pairs: number) =>
  nic.obeys(clause, multiQueue, pairsSet, le(2, pairs));

/** Receives one packet of each flow. @returns the pairs on which they came */
async function pairsOf(nic: Nic): Promise<number[]> {
  const pairs: number[] = [];
  for (const flow of flows) {
    const buffers = await nic.receive(packetTo(everybody, flow));
    for (const { pair, room } of buffers) nic.giveBuffer(pair, room);
    pairs.push(...buffers.map(({ pair }) => pair));
  }
  return pairs;
}

/** `virtio_net_hash_config`, or `virtio_net_rss_config` with a table of one entry: all of it to queue 0. */
const hashing = (types: number) =>
  join(le(4, types), new Uint8Array(8), Uint8Array.of(KEY_BYTES), new Uint8Array(KEY_BYTES));
const steering = (types: number) =>
  join(
    le(4, types),
    le(2, 0),
    le(2, 0),
    le(2, 0),
    le(2, 1),
    Uint8Array.of(KEY_BYTES),
    new Uint8Array(KEY_BYTES),
  );

/** A command is known to a device that offers its feature. */
const known = (
  id: string,
  clause: string,
  says: string,
  features: readonly (keyof typeof bit)[],
  run: (nic: Nic, bench: Bench) => Promise<void>,
): Check => ({
  id,
  clauses: [clause],
  types,
  settings: modern,
  says,
  run(bench) {
    for (const name of features) bench.needs(bit[name], name);
    return run(new Nic(bench, [bit.controlQueue, ...features.map((name) => bit[name])]), bench);
  },
});

/** A network device with several queues, and what a driver may set of them. */
export const networkSteeringChecks: readonly Check[] = [
  {
    id: 'network-pairs-in-use',
    clauses: ['NET-CVQ-17', 'NET-CVQ-18'],
    types,
    says: 'after PAIRS_SET frames leave by each pair, and a flow is received on the pair by which it left',
    async run(bench) {
      const nic = new Nic(bench, [], { pairs: 2 });
      await setPairs(nic, 'NET-CVQ-17', 2);
      for (const pair of [1, 0]) {
        const flow = flows[pair]!;
        const sent = await nic.send('NET-CVQ-17', packetTo(peer, flow, true), {}, pair);
        bench.check('NET-CVQ-17', sent.length === 1, `a frame sent by pair ${pair}`, 'none');
        const buffers = await nic.receive(packetTo(everybody, flow));
        const pairs = buffers.map((each) => each.pair).join();
        bench.check(
          'NET-CVQ-18',
          pairs === `${pair}`,
          `the flow on pair ${pair}`,
          pairs === '' ? 'nowhere' : pairs,
        );
      }
    },
  },
  {
    id: 'network-first-pair-first',
    clauses: ['NET-CVQ-23'],
    types,
    says: 'before PAIRS_SET, after a reset too, frames are received on the first pair only',
    async run(bench) {
      const before = new Nic(bench, [], { pairs: 2 });
      await setPairs(before, 'NET-CVQ-23', 2);
      const pairs = await pairsOf(new Nic(bench, [], { pairs: 2 }));
      const others = pairs.filter((pair) => pair !== 0).length;
      bench.equal('NET-CVQ-23', 'frames on other pairs than the first', others, 0);
    },
  },
  {
    id: 'network-pairs-no-longer-in-use',
    clauses: ['NET-CVQ-24'],
    types,
    says: 'once PAIRS_SET to fewer pairs is handed back frames come on those only',
    async run(bench) {
      const nic = new Nic(bench, [], { pairs: 2 });
      await setPairs(nic, 'NET-CVQ-24', 2);
      for (const flow of flows) await nic.send('NET-CVQ-24', packetTo(peer, flow, true), {}, 1);
      await setPairs(nic, 'NET-CVQ-24', 1);
      const others = (await pairsOf(nic)).filter((pair) => pair !== 0).length;
      bench.equal('NET-CVQ-24', 'frames on the second pair', others, 0);
    },
  },
  {
    id: 'network-receive-queues-in-reset',
    clauses: ['NET-CVQ-25'],
    types,
    settings: modern,
    says: 'a frame goes to another queue where its own is in reset, and nowhere when all are',
    async run(bench) {
      bench.needs(feature.ringReset, 'RING_RESET');
      const clause = 'NET-CVQ-25';
      const nic = new Nic(bench, [], { pairs: 2 });
      await setPairs(nic, clause, 2);
      const [flow] = flows;
      await nic.send(clause, packetTo(peer, flow!, true), {}, 1);
      nic.running.driver.resetQueue(networkQueue.receive(1));
      const buffers = await nic.receive(packetTo(everybody, flow!));
      const pairs = buffers.map((each) => each.pair).join();
      bench.check(
        clause,
        pairs === '0',
        'the frame on the pair that is left',
        pairs === '' ? 'nowhere' : pairs,
      );
      nic.running.driver.resetQueue(networkQueue.receive(0));
      bench.equal(
        clause,
        'buffers used while all queues are in reset',
        (await nic.receive(frameTo(everybody))).length,
        0,
      );
    },
  },
  {
    id: 'network-hash-report-is-set',
    clauses: ['NET-RX-34', 'NET-CVQ-26'],
    types,
    settings: modern,
    says: 'a device with HASH_REPORT knows RSS_CONFIG where it has RSS, and HASH_CONFIG otherwise',
    async run(bench) {
      bench.needs(bit.hashReport, 'HASH_REPORT');
      const rss = bench.offers(bit.rss);
      const nic = new Nic(bench, [bit.controlQueue, bit.hashReport, ...(rss ? [bit.rss] : [])]);
      if (rss) await nic.obeys('NET-RX-34', multiQueue, rssConfig, steering(0));
      else await nic.obeys('NET-CVQ-26', multiQueue, hashConfig, hashing(0));
    },
  },
  known(
    'network-rss',
    'NET-CVQ-29',
    'with RSS what is not classified comes on the queue that was named for it',
    ['rss'],
    async (nic, bench) => {
      await nic.obeys('NET-CVQ-29', multiQueue, rssConfig, steering(0));
      const buffers = await nic.receive(frameTo(everybody));
      const pairs = buffers.map(({ pair }) => pair).join();
      bench.check('NET-CVQ-29', pairs === '0', 'the frame on pair 0', pairs === '' ? 'nowhere' : pairs);
    },
  ),
  known(
    'network-rss-contexts',
    'NET-CVQ-30',
    'a device with RSS contexts has at least one',
    ['rss', 'rssContext'],
    async (nic, bench) => {
      const bytes = await nic.query('NET-CVQ-30', rssContext, networkRssContextCommand.capabilityGet, 2);
      bench.equal('NET-CVQ-30', 'ack of the query', bytes[0]!, networkAck.ok);
      bench.check('NET-CVQ-30', readLe(bytes, 1, 2) >= 1, 'max_rss_contexts of at least 1', '0');
    },
  ),
  known(
    'network-hash-tunnel',
    'NET-RX-35',
    'a device with HASH_TUNNEL switches inner hashes off, and refuses tunnels that it does not have',
    ['hashReport', 'hashTunnel'],
    async (nic, bench) => {
      const { set } = networkHashTunnelCommand;
      await nic.obeys('NET-RX-35', hashTunnel, set, le(4, 0));
      const ack = await nic.command('NET-RX-35', hashTunnel, set, le(4, 0x80000000));
      bench.equal('NET-RX-35', 'ack of a tunnel that is none', ack, networkAck.error);
    },
  ),
  known(
    'network-coalescing',
    'NET-CVQ-33',
    'a device with VQ_NOTF_COAL tells 0 after a reset, takes what it is told, and refuses queues that are none',
    ['notificationCoalescing', 'queueNotificationCoalescing'],
    async (nic, bench) => {
      const clause = 'NET-CVQ-33';
      const { transmitSet, queueGet } = networkCoalescingCommand;
      const get = (queue: number) => nic.query(clause, coalescing, queueGet, 8, join(le(2, queue), le(2, 0)));
      const first = await get(1);
      bench.equal(clause, 'ack of VQ_GET', first[0]!, networkAck.ok);
      for (const at of [1, 5]) bench.equal(clause, 'parameters after a reset', readLe(first, at, 4), 0);
      await nic.obeys(clause, coalescing, transmitSet, join(le(4, 8), le(4, 0)));
      bench.equal(clause, 'max_packets of queue 1', readLe(await get(1), 1, 4), 8);
      bench.equal(
        clause,
        'ack of VQ_GET for a queue that is none',
        (await get(0x7fff))[0]!,
        networkAck.error,
      );
    },
  ),
  known(
    'network-statistics',
    'NET-CVQ-34',
    'a device with DEVICE_STATS says which it has, and refuses types and queues that are none',
    ['deviceStatistics'],
    async (nic, bench) => {
      const clause = 'NET-CVQ-34';
      const { query, get } = networkStatisticsCommand;
      const bytes = await nic.query(clause, statistics, query, 8);
      bench.equal(clause, 'ack of the query', bytes[0]!, networkAck.ok);
      for (const [queue, wanted] of [
        [0x7fff, 1],
        [0, 0x8000],
      ] as const) {
        const asked = join(le(2, queue), new Uint8Array(6), le(8, wanted));
        const answer = await nic.query(clause, statistics, get, 256, asked);
        bench.equal(
          clause,
          `ack of types 0x${wanted.toString(16)} of queue ${queue}`,
          answer[0]!,
          networkAck.error,
        );
      }
    },
  ),
];
