import type { Chain, NetworkDevice, VirtioFunction } from '../../virtio/index.ts';
import {
  networkAck,
  networkControl,
  networkControlClass,
  networkFeature,
  networkMacCommand,
  networkMultiQueueCommand,
  networkReceiveMode,
} from '../../virtio/layout/index.ts';
import type { DeviceMutant } from './mutant.ts';
import { mutateHandling } from './ring-parts.ts';
import { offers, readableOf, readsBackwards, seesOtherwise } from './tricks.ts';

const type = 'network';
const bit = networkFeature;
const { receive, mac, announce, multiQueue } = networkControlClass;

const isControl = ({ queue }: Chain, { device }: VirtioFunction) =>
  queue === (device.has(bit.multiQueue) ? device.queues.services.length - 1 : 2);

/** Commands of a kind are said to be carried out, and are not. */
const forgets =
  (commandClass: number, command: number, say: number = networkAck.ok) =>
  (fn: VirtioFunction): void =>
    mutateHandling(fn, (chain, honest) => {
      const bytes = readableOf(chain, chain.readableBytes);
      const same =
        isControl(chain, fn) &&
        bytes[networkControl.class.offset] === commandClass &&
        bytes[networkControl.command.offset] === command;
      if (!same) honest();
      else {
        chain.write(0, Uint8Array.of(say), 0, 1);
        fn.device.complete(chain, 1);
      }
    });

/** A feature is offered that the device knows nothing of. */
const offering =
  (...bits: readonly number[]) =>
  (fn: VirtioFunction): void =>
    offers(fn, { with: bits });

const network = (sample: { readonly behaviour: unknown }) => sample.behaviour as NetworkDevice;

type Row = readonly [
  name: string,
  breaks: readonly string[],
  says: string,
  device: NonNullable<DeviceMutant['device']>,
  setting?: DeviceMutant['setting'],
];

const rows: readonly Row[] = [
  [
    'never-promiscuous',
    ['NET-CVQ-01'],
    'PROMISC does nothing',
    forgets(receive, networkReceiveMode.promiscuous),
  ],
  ['any-unicast', ['NET-CVQ-02'], 'NOUNI does nothing', forgets(receive, networkReceiveMode.noUnicast)],
  [
    'tables-outlive-reset',
    ['NET-CVQ-05'],
    'a reset leaves the tables of addresses',
    (_, sample) => {
      const { filter } = network(sample);
      const reset = filter.reset.bind(filter);
      filter.reset = (address) => {
        const [unicast, multicast] = [filter.unicast.save(), filter.multicast.save()];
        reset(address);
        filter.unicast.load(unicast);
        filter.multicast.load(multicast);
      };
    },
  ],
  ['no-tables', ['NET-CVQ-06'], 'MAC_TABLE_SET does nothing', forgets(mac, networkMacCommand.tableSet)],
  [
    'tables-match-all',
    ['NET-CVQ-08'],
    'each address is taken for one of the tables',
    (_, sample) => void (network(sample).filter.unicast.matches = () => true),
  ],
  [
    'address-not-shown',
    ['NET-CVQ-07'],
    'the configuration shows the old address',
    (_, sample) => void (network(sample).macAddressSet = () => {}),
  ],
  [
    'drops-tags',
    ['NET-CVQ-12', 'NET-CVQ-13'],
    'frames with a tag are dropped',
    (_, sample) => {
      const { filter } = network(sample);
      const passes = filter.passes.bind(filter);
      filter.passes = (bytes, at, ...rest) => bytes[at + 12] !== 0x81 && passes(bytes, at, ...rest);
    },
  ],
  ['announces-on', ['NET-CVQ-15'], 'ANNOUNCE stays', forgets(announce, 0)],
  [
    'sends-by-one-pair',
    ['NET-CVQ-17'],
    'what is sent by the second pair is lost',
    (fn) =>
      mutateHandling(fn, (chain, honest) => {
        if (chain.queue === 3) fn.device.complete(chain, 0);
        else honest();
      }),
  ],
  [
    'steers-nowhere',
    ['NET-CVQ-18'],
    'every flow is received on the first pair',
    forgets(multiQueue, networkMultiQueueCommand.pairsSet),
  ],
  [
    'all-pairs-at-once',
    ['NET-CVQ-23', 'NET-CVQ-24'],
    'all pairs are in use from the start, and stay so',
    (fn, sample) => {
      const device = network(sample);
      const set = device.setQueuePairs.bind(device);
      device.setQueuePairs = () => set(2);
      const started = device.negotiated.bind(device);
      device.negotiated = () => {
        started();
        if (fn.device.has(bit.multiQueue)) set(2);
      };
    },
    'modern',
  ],
  [
    'waits-for-queues-in-reset',
    ['NET-CVQ-25'],
    'a frame for a queue in reset goes nowhere else',
    ({ device }) => {
      const queue = device.queue.bind(device);
      const always = new Map<number, ReturnType<typeof queue>>();
      device.queue = (index) => {
        const ring = queue(index);
        if (ring?.ready === true && !always.has(index))
          always.set(index, { ...ring, ready: true } as typeof ring);
        return always.get(index) ?? ring;
      };
    },
    'modern',
  ],
  [
    'hash-report-in-name',
    ['NET-CVQ-26'],
    'HASH_REPORT is offered, and HASH_CONFIG refused',
    offering(bit.hashReport),
  ],
  [
    'rss-in-name',
    ['NET-RX-34', 'NET-CVQ-29'],
    'RSS and HASH_REPORT are offered, and RSS_CONFIG is refused',
    offering(bit.rss, bit.hashReport),
  ],
  [
    'contexts-in-name',
    ['NET-CVQ-30'],
    'RSS contexts are offered, and there are none',
    offering(bit.rss, bit.rssContext),
  ],
  [
    'tunnel-hashes-in-name',
    ['NET-RX-35'],
    'HASH_TUNNEL is offered, and refused',
    offering(bit.rss, bit.hashReport, bit.hashTunnel),
  ],
  [
    'coalescing-in-name',
    ['NET-CVQ-33'],
    'coalescing is offered, and refused',
    offering(bit.notificationCoalescing, bit.queueNotificationCoalescing),
  ],
  [
    'statistics-in-name',
    ['NET-CVQ-34'],
    'statistics are offered, and there are none',
    offering(bit.deviceStatistics),
  ],
  [
    'half-an-address',
    ['LEG-NET-03'],
    'of an address that is written the last bytes are lost',
    (_, sample) => {
      const device = network(sample);
      const { config } = device;
      const half = () => Uint8Array.from({ length: 6 }, (_each, i) => (i < 3 ? config.little.read(i, 1) : 0));
      config.onWrite('mac', () => config.setBytes('mac', half()));
    },
    'legacy',
  ],
  [
    'address-for-show',
    ['LEG-NET-08'],
    'an address that is written is shown, and no more',
    (_, sample) => network(sample).config.onWrite('mac', () => {}),
    'legacy',
  ],
  [
    'long-header',
    ['LEG-NET-05'],
    'the header has 12 bytes for legacy drivers without MRG_RXBUF',
    (fn, sample) => seesOtherwise(fn, sample, { legacyDriver: () => false }),
    'legacy',
  ],
  [
    'reads-backwards',
    ['LEG-NET-04', 'LEG-NET-07', 'LEG-NET-09', 'LEG-NET-10', 'LEG-NET-11'],
    'a little-endian legacy driver is taken for a big-endian one',
    readsBackwards,
    'legacy',
  ],
];

/** Network devices that are wrong in what a driver tells them. */
export const networkControlMutants: readonly DeviceMutant[] = rows.map(
  ([name, breaks, says, device, setting]) => ({
    name: `network-${name}`,
    breaks,
    says,
    type,
    device,
    ...(setting === undefined ? {} : { setting }),
  }),
);
