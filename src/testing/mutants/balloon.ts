import type { BalloonDevice, Chain, VirtioDevice } from '../../virtio/index.ts';
import {
  BALLOON_PAGE_BYTES,
  balloonCommand,
  balloonConfig,
  balloonFeature,
  balloonQueue,
  balloonStatistic,
  balloonStatisticEntry,
} from '../../virtio/layout/index.ts';
import type { DeviceMutant, MutantAccess } from './mutant.ts';
import { mutateHandling } from './ring-parts.ts';
import { configOffset, readableOf, readsBackwards, swapped } from './tricks.ts';

const type = 'balloon';

const clearPage = (device: VirtioDevice, address: number) =>
  device.dma!.write(address, new Uint8Array(BALLOON_PAGE_BYTES), 0, BALLOON_PAGE_BYTES);

/** The page that a request to inflate or deflate names first: its address. */
const pageOf = (chain: Chain) =>
  new DataView(readableOf(chain, 4).buffer).getUint32(0, true) * BALLOON_PAGE_BYTES;

const tagsOf = (chain: Chain): number[] => {
  const { bytes } = balloonStatisticEntry;
  const { buffer, length } = readableOf(chain, chain.readableBytes);
  return Array.from({ length: length / bytes }, (_, i) => new DataView(buffer).getUint16(i * bytes, true));
};

const isStatistics = ({ queue }: Chain) => queue === balloonQueue.statistics;

/** The first configuration that a legacy driver sees has its fields the other way round. */
const bigEndian = ({ offset }: { readonly offset: number }) => ({
  read: (access: MutantAccess, value: number) =>
    access.width === 4 && (configOffset(access) === offset || configOffset(access, false) === offset)
      ? swapped(value, 4)
      : value,
});

/** Balloons that are wrong. */
export const balloonMutants: readonly DeviceMutant[] = [
  {
    name: 'balloon-ignores-untold-drivers',
    breaks: ['BAL-FEAT-04', 'LEG-BAL-01'],
    says: 'a driver without MUST_TELL_HOST is taken, and then not served',
    type,
    device: (fn) =>
      mutateHandling(fn, (_, honest) => {
        if (fn.device.has(balloonFeature.mustTellHost)) honest();
      }),
  },
  {
    name: 'balloon-clears-at-deflation',
    breaks: ['LEG-BAL-02'],
    says: 'a page that is deflated is cleared, in use as it may be',
    type,
    device: (fn) =>
      mutateHandling(fn, (chain, honest) => {
        if (chain.queue === balloonQueue.deflate) clearPage(fn.device, pageOf(chain));
        honest();
      }),
  },
  {
    name: 'balloon-clears-the-next-page',
    breaks: ['BAL-OP-12'],
    says: 'with a page that comes into the balloon the one behind it is cleared',
    type,
    device: (fn) =>
      mutateHandling(fn, (chain, honest) => {
        clearPage(fn.device, pageOf(chain) + BALLOON_PAGE_BYTES);
        honest();
      }),
  },
  {
    name: 'balloon-config-big-endian',
    breaks: ['LEG-BAL-03'],
    says: 'num_pages is big-endian for legacy drivers',
    type,
    setting: 'legacy',
    bus: () => bigEndian(balloonConfig.numPages),
  },
  {
    name: 'balloon-takes-actual-by-bytes',
    breaks: ['LEG-BAL-06'],
    says: 'each byte of actual counts at once',
    type,
    device(_, { behaviour, hands }) {
      const { config } = behaviour as BalloonDevice;
      hands.actualPages = () => config.get('actual');
    },
  },
  {
    name: 'balloon-drops-unknown-statistics',
    breaks: ['BAL-STAT-08'],
    says: 'statistics with an unknown tag among them are dropped',
    type,
    device: (fn) =>
      mutateHandling(fn, (chain, honest) => {
        const known: readonly number[] = Object.values(balloonStatistic);
        if (!isStatistics(chain) || tagsOf(chain).every((tag) => known.includes(tag))) honest();
      }),
  },
  {
    name: 'balloon-wants-statistics-in-order',
    breaks: ['BAL-STAT-09'],
    says: 'statistics that do not come by ascending tags are dropped',
    type,
    device: (fn) =>
      mutateHandling(fn, (chain, honest) => {
        const ascending = (tags: readonly number[]) => tags.every((tag, i) => i === 0 || tag > tags[i - 1]!);
        if (!isStatistics(chain) || ascending(tagsOf(chain))) honest();
      }),
  },
  {
    name: 'balloon-takes-first-statistics',
    breaks: ['LEG-BAL-08'],
    says: "a legacy driver's first statistics count",
    type,
    device: ({ device }) => void Object.defineProperty(device, 'legacyDriver', { get: () => false }),
  },
  {
    name: 'balloon-reads-backwards',
    breaks: ['LEG-BAL-07', 'LEG-BAL-09'],
    says: 'a little-endian legacy driver is taken for a big-endian one',
    type,
    setting: 'legacy',
    device: readsBackwards,
  },
  {
    name: 'balloon-never-stops',
    breaks: ['BAL-FPH-02'],
    says: 'the command id stays when hints are of no use any more',
    type,
    device: (_, { behaviour }) => void ((behaviour as BalloonDevice).hints.stop = () => {}),
  },
  {
    name: 'balloon-never-done',
    breaks: ['BAL-FPH-06'],
    says: 'STOP is shown instead of DONE',
    type,
    device(_, { behaviour }) {
      const { hints } = behaviour as BalloonDevice;
      hints.done = () => hints.stop();
    },
  },
  {
    name: 'balloon-one-round',
    breaks: ['BAL-FPH-03'],
    says: 'all rounds have the same id',
    type,
    bus: () => ({
      read: (access, value) =>
        configOffset(access) === balloonConfig.freePageHintCommandId.offset &&
        value > balloonCommand.firstRound
          ? balloonCommand.firstRound
          : value,
    }),
  },
  {
    name: 'balloon-takes-old-hints',
    breaks: ['BAL-FPH-04'],
    says: 'pages count whatever round they are hinted in',
    type,
    device(_, { behaviour }) {
      const { hints } = behaviour as BalloonDevice;
      hints.hint = (page) => {
        hints.pages.add(page);
        return true;
      };
    },
  },
  {
    name: 'balloon-clears-hinted-pages-late',
    breaks: ['BAL-FPH-05'],
    says: 'pages that were hinted are cleared after DONE',
    type,
    device(fn, { behaviour }) {
      const { hints } = behaviour as BalloonDevice;
      mutateHandling(fn, (_, honest) => {
        if (hints.commandId === balloonCommand.done)
          for (const { first } of hints.pages.ranges()) clearPage(fn.device, first * BALLOON_PAGE_BYTES);
        honest();
      });
    },
  },
  {
    name: 'balloon-clears-poisoned-pages',
    breaks: ['BAL-FPH-10'],
    says: 'pages that were reported become zero, whatever poison_val is',
    type,
    device: (_, { behaviour }) => void Object.defineProperty(behaviour, 'poison', { get: () => null }),
  },
];
