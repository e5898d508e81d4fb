import { cites, seen, type WatchRule } from '../rule.ts';

/** Kicks of queues, whichever interface. */
export const kicksChapter: readonly WatchRule[] = [
  {
    id: 'kick-queue-not-set-up',
    clauses: cites('INIT-01 PCI-VQ-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'a kick for a queue that is not set up',
    on: ['kick'],
    when: ({ queue }) =>
      queue!.live === false && queue!.offered !== 0 && !queue!.resetting
        ? seen('queue number', queue!.index)
        : null,
  },
  {
    id: 'kick-absent-queue',
    clauses: cites('PCI-KICK-03'),
    level: 'must',
    says: 'a kick for a queue that does not exist',
    on: ['kick'],
    when: ({ queue }) => (queue!.offered === 0 ? seen('queue number', queue!.index) : null),
  },
];
