import type { Width } from '../../../core/index.ts';
import {
  MTU_RANGE,
  NETWORK_SPEED_UNKNOWN,
  networkConfig,
  networkDependencies,
  networkDuplex,
  networkFeature,
  networkStatus,
  QUEUE_PAIRS_RANGE,
  unmetDependency,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check, Setting } from '../check.ts';

const types = ['network'];
const legacy: readonly Setting[] = ['legacy'];
const modern: readonly Setting[] = ['modern', 'packed'];
const bit = networkFeature;

const field = (bench: Bench, name: keyof typeof networkConfig) => {
  const { offset, width } = networkConfig[name];
  return bench.config(offset, width as Width);
};

/** A frame of MTU bytes goes through any path of IPv6. */
const USUAL_MTU = 1280;
const MOST_MEGABITS = 0x7fffffff;
const LEAST_KEY = 40;
const LEAST_TABLE = 128;

/** One feature is offered with another only. */
const together = (
  id: string,
  clause: string,
  says: string,
  offered: keyof typeof bit,
  needed: keyof typeof bit,
): Check => ({
  id,
  clauses: [clause],
  types,
  settings: modern,
  says,
  run(bench) {
    if (bench.offers(bit[offered]))
      bench.check(clause, bench.offers(bit[needed]), `${needed} offered with ${offered}`, 'it is not');
  },
});

/** A field that is there with some features is in a range. */
const inRange = (
  id: string,
  clause: string,
  name: keyof typeof networkConfig,
  features: readonly (keyof typeof bit)[],
  [least, most]: readonly [number, number],
): Check => ({
  id,
  clauses: [clause],
  types,
  says: `${name} is from ${least} to ${most}`,
  run(bench) {
    if (!features.some((feature) => bench.offers(bit[feature])))
      bench.skip(`${features.join(' or ')} is not offered`);
    const value = field(bench, name);
    bench.check(clause, value >= least && value <= most, `${name} from ${least} to ${most}`, `${value}`);
  },
});

/** Fields stay while something happens. */
async function stays(
  bench: Bench,
  clause: string,
  names: readonly (keyof typeof networkConfig)[],
): Promise<void> {
  const before = names.map((name) => field(bench, name));
  const compare = (what: string) => {
    for (const [i, name] of names.entries())
      bench.equal(clause, `${name} ${what}`, field(bench, name), before[i]!);
  };
  const running = bench.start({ features: [bit.mtu, bit.speedDuplex, bit.status] });
  await bench.ask(running, clause);
  compare('after a frame was sent');
  bench.transport.disconnect();
  bench.transport.reset();
  compare('after a reset');
}

/** What a network device offers, and what its configuration shows. */
export const networkConfigChecks: readonly Check[] = [
  together(
    'network-ipsec',
    'NET-FEAT-01',
    'IPSEC is offered with OUT_NET_HEADER',
    'ipsec',
    'outerNetworkHeader',
  ),
  {
    id: 'network-dependencies',
    clauses: ['NET-FEAT-02'],
    types,
    says: 'each feature is offered with those that it needs',
    run(bench) {
      const unmet = unmetDependency(bench.offered(), networkDependencies);
      const seen = unmet === null ? '' : `feature ${unmet[0]} without ${unmet[1].join(' or ')}`;
      bench.check('NET-FEAT-02', unmet === null, 'no feature without what it needs', seen);
    },
  },
  {
    id: 'network-legacy-bits',
    clauses: ['LEG-NET-01'],
    types,
    settings: modern,
    // The old bits of receive coalescing, 41 and 42, are other features today.
    says: 'GSO is not offered to modern drivers',
    run: (bench) => bench.check('LEG-NET-01', !bench.offers(bit.gso), 'GSO not offered', 'it is'),
  },
  inRange(
    'network-pairs',
    'NET-CFG-01',
    'maxQueuePairs',
    ['multiQueue', 'rss'],
    [QUEUE_PAIRS_RANGE.first, QUEUE_PAIRS_RANGE.last],
  ),
  inRange('network-mtu', 'NET-CFG-02', 'mtu', ['mtu'], [MTU_RANGE.first, MTU_RANGE.last]),
  inRange('network-usual-mtu', 'NET-CFG-03', 'mtu', ['mtu'], [USUAL_MTU, MTU_RANGE.last]),
  {
    id: 'network-mtu-stays',
    clauses: ['NET-CFG-04'],
    types,
    says: 'the MTU does not change',
    run(bench) {
      bench.needs(bit.mtu, 'MTU');
      return stays(bench, 'NET-CFG-04', ['mtu']);
    },
  },
  inRange('network-rss-key', 'NET-CFG-07', 'rssMaxKeySize', ['rss', 'hashReport'], [LEAST_KEY, 0xff]),
  inRange('network-rss-table', 'NET-CFG-08', 'rssMaxTableLength', ['rss'], [LEAST_TABLE, 0xffff]),
  {
    id: 'network-speed',
    clauses: ['NET-CFG-10', 'NET-CFG-11'],
    types,
    says: 'speed is one, or not known; duplex is half, full, or not known',
    run(bench) {
      bench.needs(bit.speedDuplex, 'SPEED_DUPLEX');
      const [speed, duplex] = [field(bench, 'speed'), field(bench, 'duplex')];
      const known = speed <= MOST_MEGABITS || speed === NETWORK_SPEED_UNKNOWN;
      const range = `a speed up to 0x7fffffff, or all ones`;
      bench.check('NET-CFG-10', known, range, `0x${speed.toString(16)}`);
      const values = Object.values(networkDuplex) as readonly number[];
      bench.check('NET-CFG-11', values.includes(duplex), 'duplex 0, 1 or 0xff', `${duplex}`);
    },
  },
  {
    id: 'network-speed-stays',
    clauses: ['NET-CFG-12'],
    types,
    says: 'speed and duplex do not change while the link is up',
    run(bench) {
      bench.needs(bit.speedDuplex, 'SPEED_DUPLEX');
      return stays(bench, 'NET-CFG-12', ['speed', 'duplex']);
    },
  },
  together(
    'network-hash-report',
    'NET-CFG-13',
    'HASH_REPORT is offered with CTRL_VQ',
    'hashReport',
    'controlQueue',
  ),
  together(
    'network-receive-extra',
    'NET-CFG-14',
    'CTRL_RX_EXTRA is offered with CTRL_VQ',
    'controlReceiveExtra',
    'controlQueue',
  ),
  {
    id: 'network-config-of-legacy-drivers',
    clauses: ['LEG-NET-02'],
    types,
    settings: legacy,
    says: "a legacy driver reads status and max_virtqueue_pairs in the guest's order",
    run(bench) {
      bench.needs(bit.status, 'STATUS');
      const { linkUp, announce } = networkStatus;
      const status = field(bench, 'status');
      const known = (status & ~(linkUp | announce)) === 0;
      bench.check('LEG-NET-02', known, 'a status of its two bits', `0x${status.toString(16)}`);
    },
  },
];
