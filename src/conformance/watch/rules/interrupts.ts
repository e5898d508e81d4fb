import { isrStatus } from '../../../virtio/layout/index.ts';
import { BROKEN, cites, seen, type WatchRule } from '../rule.ts';

export const interruptsChapter: readonly WatchRule[] = [
  {
    id: 'isr-read-twice',
    clauses: cites('PCI-HND-01'),
    level: 'should',
    says: 'ISR was read twice for one interrupt: the second reading loses what the first one cleared',
    on: ['isr'],
    when: ({ fn }) =>
      fn.isr > 0 && fn.isrForInterrupt && fn.interrupts === 0 && !fn.polls ? seen('ISR bits', fn.isr) : null,
  },
  {
    id: 'isr-read-again',
    clauses: cites('PCI-HND-01'),
    level: 'note',
    says: 'ISR was read again at once after it had told of something: the second reading may lose what the first one cleared',
    on: ['isr'],
    when: ({ fn }) =>
      fn.isr > 0 && !fn.everInterrupted && !fn.polls && fn.started ? seen('ISR bits', fn.isr) : null,
  },
  {
    id: 'isr-read-with-msix',
    clauses: cites('PCI-ISR-06'),
    level: 'should',
    says: 'ISR was read while MSI-X is on, where it tells nothing',
    on: ['isr'],
    when: ({ fn }) => (fn.msix.enabled === true && fn.started && !fn.afterVector ? BROKEN : null),
  },
  {
    id: 'config-interrupt-passed-over',
    clauses: cites('PCI-HND-01 PCI-CHG-03'),
    level: 'note',
    says: 'ISR told of a configuration change, and the driver read no configuration after it',
    on: ['isr', 'end'],
    when: ({ fn }) => (fn.changeUnread && fn.started ? seen('ISR bits', isrStatus.configuration) : null),
  },
];
