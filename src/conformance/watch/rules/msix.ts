import { capabilityId, command, MSIX_ENTRY_BYTES } from '../../../pci/layout/index.ts';
import { NO_VECTOR } from '../../../virtio/layout/index.ts';
import { cites, seen, type WatchRule } from '../rule.ts';

/** Messages and their vectors. */
export const msixChapter: readonly WatchRule[] = [
  {
    id: 'vector-outside-table',
    clauses: cites('PCI-MSIX-13'),
    level: 'must',
    says: 'a vector was asked for that the table does not have',
    on: ['vector'],
    when: ({ fn, value }) =>
      fn.msix.vectors !== null && value !== NO_VECTOR && value >= fn.msix.vectors
        ? seen('vector', value)
        : null,
  },
  {
    id: 'vector-not-read-back',
    clauses: cites('PCI-MSIX-14'),
    level: 'must',
    says: 'the driver did not read back whether its vector was taken',
    on: ['start', 'queue-enable', 'kick'],
    when: ({ fn, queue }) => {
      if (!fn.whole) return null;
      if (queue?.vectorUnread === true && queue.vector !== NO_VECTOR) return seen('vector', queue.vector!);
      return fn.started && fn.configVectorUnread && fn.configVector !== NO_VECTOR
        ? seen('vector', fn.configVector!)
        : null;
    },
  },
  {
    id: 'vector-refused',
    clauses: cites('PCI-MSIX-14'),
    level: 'must',
    says: 'a queue was used although the device had refused its vector',
    on: ['kick'],
    when: ({ queue }) =>
      queue?.vectorAsked != null &&
      queue.vector === NO_VECTOR &&
      queue.vectorAsked !== NO_VECTOR &&
      !queue.vectorUnread
        ? seen('vector', queue.vectorAsked)
        : null,
  },
  {
    id: 'vector-without-msix',
    clauses: cites('PCI-MSIX-13'),
    level: 'note',
    says: 'a vector was asked for while MSI-X is off',
    on: ['vector'],
    when: ({ fn, value }) =>
      fn.msix.enabled === false &&
      value !== NO_VECTOR &&
      fn.places !== null &&
      !fn.places.has(capabilityId.msix)
        ? seen('vector', value)
        : null,
  },
  {
    id: 'no-way-to-interrupt',
    clauses: cites('PCI-VQ-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'note',
    says: 'MSI-X is on, and no queue was given a vector: the driver can only poll',
    on: ['start'],
    when: ({ fn }) => {
      if (fn.msix.enabled !== true || !fn.whole) return null;
      let live = 0;
      for (const queue of fn.queues.values()) {
        if (queue.live !== true) continue;
        live++;
        if (queue.vector !== null && queue.vector !== NO_VECTOR) return null;
      }
      return live > 0 ? seen('queues', live) : null;
    },
  },
  {
    id: 'vector-not-aimed',
    clauses: cites('PCI-MSIX-14'),
    level: 'note',
    says: 'a queue has a vector whose table entry was never written',
    on: ['kick'],
    when: ({ fn, queue }) =>
      queue?.vector != null &&
      queue.vector !== NO_VECTOR &&
      fn.msix.enabled === true &&
      fn.tableWrites.size > 0 &&
      !fn.tableWrites.has(queue.vector) &&
      queue.kicks === 1
        ? seen('vector', queue.vector)
        : null,
  },
  {
    id: 'interrupts-nowhere',
    clauses: cites('PCI-HND-02 PCI-HND-01'),
    level: 'note',
    says: 'MSI-X is off and INTx disabled: no interrupt can reach the driver',
    on: ['start'],
    when: ({ fn }) =>
      fn.msix.enabled === false &&
      fn.command !== null &&
      (fn.command & command.interruptDisable) !== 0 &&
      !fn.virtual
        ? seen('command bits', fn.command)
        : null,
  },
];

/** The entry of the vector table at an offset. */
export const entryAt = (offset: number) => Math.floor(offset / MSIX_ENTRY_BYTES);
