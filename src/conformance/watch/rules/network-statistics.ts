import {
  NETWORK_CONTROL_BYTES,
  NETWORK_STATISTICS_HEADER_BYTES,
  NETWORK_STATISTICS_REQUEST_BYTES,
  networkControl,
  networkControlClass,
  networkStatisticsCommand,
  networkStatisticsRequest,
  networkStatisticsTypes,
} from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import type { Violation, WatchRule } from '../rule.ts';
import { roleOf, roleOfIndex } from '../types/network.ts';
import { bytes, ofChain, requestRules } from './requests.ts';

const rule = requestRules('network');

/** Calls `each` with every queue that GET asks statistics of, and its types by their bits, until something is wrong. */
function ofEveryQueue(
  now: Moment,
  each: (queue: number, has: (bit: number) => boolean) => Violation | null,
): Violation | null {
  const { chain, fn, queue } = now;
  if (
    roleOf(fn, queue!) !== 'control' ||
    chain.u8(networkControl.class.offset) !== networkControlClass.statistics ||
    chain.u8(networkControl.command.offset) !== networkStatisticsCommand.get
  )
    return null;
  const { queue: index, types } = networkStatisticsRequest;
  for (let at = NETWORK_CONTROL_BYTES; at < chain.readable; at += NETWORK_STATISTICS_REQUEST_BYTES) {
    const asked = chain.u16(at + index.offset);
    const wrong =
      asked < 0
        ? null
        : each(asked, (bit) => (chain.u8(at + types.offset + (bit >>> 3)) & (1 << (bit & 7))) !== 0);
    if (wrong !== null) return wrong;
  }
  return null;
}

const BITS = 64;

/** What a driver asks of a device's statistics. */
export const networkStatisticsChapter: readonly WatchRule[] = [
  rule(
    'network-statistics-types',
    'NET-CVQ-35',
    'must',
    'statistics of a kind that the queue has none of',
    (now) =>
      ofEveryQueue(now, (queue, has) => {
        const role = roleOfIndex(now.fn, queue);
        for (let bit = 0; role !== null && bit < BITS; bit++) {
          const known = networkStatisticsTypes.some(([type, of]) => type === bit && of === role);
          if (has(bit) && !known) return ofChain(now, 'type', bit);
        }
        return null;
      }),
  ),
  rule(
    'network-statistics-room',
    'NET-CVQ-35',
    'must',
    'no room for the headers of the statistics',
    (now) => {
      // Beside the ack.
      let needed = 1;
      ofEveryQueue(now, (_, has) => {
        for (let bit = 0; bit < BITS; bit++) if (has(bit)) needed += NETWORK_STATISTICS_HEADER_BYTES;
        return null;
      });
      return needed > 1 && now.chain.writable < needed ? bytes(now, now.chain.writable) : null;
    },
  ),
];
