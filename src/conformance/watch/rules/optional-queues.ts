import {
  balloonFeature,
  balloonQueue,
  blockFeature,
  consoleFeature,
  consoleQueue,
  networkFeature,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import { cites, seen, type WatchRule } from '../rule.ts';

/** By device type: features of which a queue needs one; none where it needs nothing, or is nobody's. */
const needs: Readonly<Record<string, (fn: FunctionModel, queue: number) => readonly number[]>> = {
  block: (_, queue) => (queue > 0 ? [blockFeature.multiQueue] : []),
  network: (_, queue) =>
    queue === 2
      ? [networkFeature.controlQueue, networkFeature.multiQueue, networkFeature.rss]
      : queue > 2
        ? [networkFeature.multiQueue, networkFeature.rss]
        : [],
  console: (_, queue) => (queue >= consoleQueue.controlReceive ? [consoleFeature.multiport] : []),
  // Which one of the later queues has which number is read in two ways.
  balloon: (_, queue) =>
    queue >= balloonQueue.statistics
      ? [balloonFeature.statisticsQueue, balloonFeature.freePageHint, balloonFeature.pageReporting]
      : [],
};

export const optionalQueuesChapter: readonly WatchRule[] = [
  {
    id: 'queue-without-feature',
    clauses: cites('BF-FEAT-03'),
    level: 'must',
    says: 'a queue was used whose feature was not accepted',
    on: ['kick'],
    when: ({ fn, queue }) => {
      const features = fn.type === null ? [] : (needs[fn.type.name]?.(fn, queue!.index) ?? []);
      if (fn.adminFirst !== null && queue!.index >= fn.adminFirst) return null;
      return features.length > 0 && features.every((bit) => fn.lacks(bit))
        ? seen('queue number', queue!.index)
        : null;
    },
  },
];
