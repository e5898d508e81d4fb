import { describe, expect, it, test } from 'vitest';
import { type HobbyMistakes, hobbyBlock } from './support/hobby.ts';
import { masterBus, rulesOf, type Watched, watched } from './support/watched.ts';

const DATA_WITHOUT_WRITE = 1;

function run(mistakes: HobbyMistakes, before: (it: Watched) => void = masterBus) {
  const it = watched();
  before(it);
  const port = it.fn.bars.find(({ index }) => index === 0)!.address;
  hobbyBlock(it.bus, port, it.fn.interruptLine, mistakes);
  return it.watch.finish().findings;
}

/** Classic mistakes: what is wrong, the rule that names it, and its clause. */
const mistakes: readonly (readonly [string, HobbyMistakes, rule: string, clause: string])[] = [
  ['no DRIVER_OK', { noDriverOk: true }, 'no-driver-ok', 'LEG-INIT-01'],
  [
    'DRIVER_OK after the first kick',
    { driverOkAfterKick: true },
    'legacy-kick-before-driver-ok',
    'LEG-INIT-01',
  ],
  ['a kick before status', { steps: [], kickFirst: true }, 'legacy-kick-before-driver', 'LEG-INIT-01'],
  ['no ACKNOWLEDGE', { steps: [2] }, 'no-acknowledge', 'LEG-INIT-01'],
  ['no DRIVER', { steps: [1] }, 'no-driver', 'LEG-INIT-01'],
  ['neither', { steps: [] }, 'no-acknowledge', 'LEG-INIT-01'],
  ['a kick before the queue address', { kickFirst: true }, 'kick-queue-not-set-up', 'LEG-INIT-01'],
  ['no queue address', { page: false }, 'kick-queue-not-set-up', 'LEG-INIT-01'],
  ['features after DRIVER_OK', { featuresAgain: true }, 'features-after-driver-ok', 'LEG-INIT-01'],
  ['features before DRIVER', { featuresFirst: true }, 'features-before-driver', 'LEG-INIT-01'],
  ['FEATURES_OK', { steps: [1, 3, 11] }, 'legacy-features-ok', 'LEG-INIT-01'],
  ['no reset', { reset: false }, 'no-reset', 'LEG-INIT-01'],
  ['a reset that is not read back', { readBack: false }, 'reset-not-read-back', 'BF-RST-03'],
  ['no feature write', { features: null }, 'no-feature-write', 'LEG-INIT-01'],
  [
    'features that were never read',
    { features: 0x200, readFeatures: false, reset: false },
    'features-not-read',
    'BF-FEAT-03',
  ],
  ['features that were not offered', { features: 1 << 22 }, 'features-not-offered', 'BF-FEAT-01'],
  ['bit 30', { features: 1 << 30 }, 'bit-30-accepted', 'LEG-RF-06'],
  ['ISR read twice', { isrTwice: true }, 'isr-read-twice', 'PCI-HND-01'],
  ['a ring off its page', { ringOffset: 0x100 }, 'legacy-ring-off-page', 'LEG-VQ-02'],
  ['a ring off its page by little', { ringOffset: 16 }, 'legacy-ring-off-page', 'LEG-VQ-02'],
  ['a used ring at 4 bytes', { usedAt4: true }, 'legacy-buffer-in-ring', 'LEG-VRING-02'],
  ['a queue size of its own', { ownSize: 16 }, 'legacy-own-queue-size', 'LEG-VQ-03'],
  ['a queue size of its own, written', { writeSize: 16 }, 'legacy-queue-size-written', 'LEG-VQ-03'],
  ['a queue size that was not read', { readSize: false }, 'legacy-queue-size-not-read', 'LEG-VRING-01'],
  ['a ring of the other byte order', { bigEndianRing: true }, 'legacy-ring-byte-order', 'LEG-VEND-01'],
  ['configuration at 24 without MSI-X', { configAt: 24 }, 'legacy-config-at-24', 'LEG-LAY-08'],
  ['a kick of no queue', { kickQueue: 7 }, 'kick-queue-not-set-up', 'LEG-INIT-01'],
  ['a kick of four bytes', { wideKick: true }, 'legacy-register-width', 'LEG-FEAT-04'],
  ['a status bit cleared', { steps: [1, 2] }, 'status-bit-cleared', 'BF-STAT-02'],
  ['NEEDS_RESET set', { steps: [1, 3, 67] }, 'needs-reset-written', 'BF-STAT-01'],
  [
    'data buffers without WRITE',
    { dataFlags: DATA_WITHOUT_WRITE },
    'block-read-into-readable',
    'LEG-FEAT-04',
  ],
  [
    'a readable buffer behind a writable one',
    { headerFlags: 3, dataFlags: 1 },
    'split-misordered',
    'SPL-FRM-03',
  ],
  ['a loop', { next: 0 }, 'split-loop', 'SPL-DESC-05'],
  ['a chain out of its table', { next: 999 }, 'split-outside', 'SPL-DESC-05'],
  ['a head that is none', { head: 999 }, 'split-head-outside', 'SPL-DESC-05'],
  ['an index too far on', { index: 999 }, 'split-index-back', 'SPL-AVL-01'],
  ['flags of the available ring', { availableFlags: 2 }, 'split-flags', 'SPL-UNS-01'],
  ['a buffer that is not in memory', { dataAddress: 0xf000_0000 }, 'buffer-out-of-reach', 'RF-05'],
  ['a table without its feature', { headerFlags: 4 }, 'split-indirect-unasked', 'SPL-IND-01'],
];

describe('a hobby driver', () => {
  it('that makes no mistake is told nothing', () => {
    expect(run({}).filter(({ level }) => level !== 'note')).toEqual([]);
  });

  test.each(mistakes)('%s', (_, wrong, rule, clause) => {
    const findings = run(wrong);
    expect(rulesOf(findings)).toContain(rule);
    expect(findings.find((each) => each.rule === rule)).toMatchObject({
      clause,
      party: 'driver',
      subject: 'virtio-blk',
    });
  });

  it('with bus mastering off', () => {
    expect(rulesOf(run({}, () => {}))).toContain('bus-master-off');
  });
});
