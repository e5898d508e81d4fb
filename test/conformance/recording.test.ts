import { describe, expect, it } from 'vitest';
import { clauses } from '../../src/conformance/catalogue/index.ts';
import { judgeRecording, recordingRules } from '../../src/conformance/recording/index.ts';
import type { AccessEvent, Register, RegisterMap, Width } from '../../src/core/index.ts';
import { commonConfig, legacyHeader, legacyHeaderWithVectors } from '../../src/virtio/index.ts';

type Access = readonly [operation: 'read' | 'write', register: string, value: number];

const events = (window: 'legacy' | 'common', map: RegisterMap, accesses: readonly Access[]): AccessEvent[] =>
  accesses.map(([operation, name, value]) => {
    const { offset, width } = map[name] as Register;
    return {
      ...{
        kind: 'access',
        space: 'memory',
        operation,
        address: 0xc0000000 + offset,
        width: width as Width,
        value,
      },
      ...{ target: `00:04.0 BAR4 ${window}`, offset, posted: false },
    };
  });
const common = (...accesses: Access[]) => events('common', commonConfig, accesses);
const legacy = (...accesses: Access[]) =>
  events('legacy', { ...legacyHeader, ...legacyHeaderWithVectors }, accesses);

const outcomesOf = (accesses: readonly AccessEvent[]) =>
  judgeRecording(accesses).filter(({ outcome }) => outcome !== 'SKIP');
const found = (accesses: readonly AccessEvent[]) =>
  outcomesOf(accesses)
    .filter(({ outcome }) => outcome === 'FAIL')
    .map(({ check, clause, access }) => [check, clause, access]);

/** What a device shows that does all as it should; the same, with one value wrong. */
const cases: readonly (readonly [clause: string, check: string, good: AccessEvent[], bad: AccessEvent[]])[] =
  [
    [
      'BF-RST-01',
      'recorded-reset',
      common(
        ['write', 'deviceStatus', 0],
        ['read', 'deviceStatus', 1],
        ['read', 'deviceStatus', 0],
        ['write', 'deviceStatus', 1],
      ),
      common(
        ['write', 'deviceStatus', 0],
        ['read', 'deviceStatus', 0],
        ['read', 'deviceStatus', 1],
        ['write', 'deviceStatus', 1],
      ),
    ],
    [
      'PCI-COM-07',
      'recorded-status',
      common(['write', 'deviceStatus', 11], ['read', 'deviceStatus', 0x43]),
      common(['write', 'deviceStatus', 11], ['read', 'deviceStatus', 9]),
    ],
    [
      'PCI-COM-07',
      'recorded-status',
      common(['write', 'deviceStatus', 3], ['read', 'deviceStatus', 3]),
      common(['write', 'deviceStatus', 3], ['read', 'deviceStatus', 7]),
    ],
    [
      'LEG-LAY-06',
      'recorded-status',
      legacy(['write', 'deviceStatus', 3], ['read', 'deviceStatus', 3]),
      legacy(['write', 'deviceStatus', 3], ['read', 'deviceStatus', 1]),
    ],
    [
      'BF-FEAT-13',
      'recorded-features',
      common(
        ['write', 'deviceFeatureSelect', 1],
        ['read', 'deviceFeature', 1],
        ['write', 'deviceFeatureSelect', 0],
        ['read', 'deviceFeature', 7],
        ['write', 'deviceFeatureSelect', 1],
        ['read', 'deviceFeature', 1],
      ),
      common(['write', 'deviceFeatureSelect', 1], ['read', 'deviceFeature', 1], ['read', 'deviceFeature', 3]),
    ],
    [
      'BF-FEAT-13',
      'recorded-features',
      legacy(['read', 'deviceFeatures', 5], ['read', 'deviceFeatures', 5]),
      legacy(['read', 'deviceFeatures', 5], ['read', 'deviceFeatures', 4]),
    ],
    [
      'RF-14',
      'recorded-version-1',
      common(['write', 'deviceFeatureSelect', 1], ['read', 'deviceFeature', 0x101]),
      common(['write', 'deviceFeatureSelect', 1], ['read', 'deviceFeature', 0x100]),
    ],
    [
      'PCI-COM-04',
      'recorded-driver-features',
      common(
        ['write', 'deviceFeatureSelect', 0],
        ['read', 'deviceFeature', 6],
        ['write', 'driverFeatureSelect', 0],
        ['write', 'driverFeature', 15],
        ['read', 'driverFeature', 6],
      ),
      common(
        ['write', 'deviceFeatureSelect', 0],
        ['read', 'deviceFeature', 6],
        ['write', 'driverFeatureSelect', 0],
        ['write', 'driverFeature', 2],
        ['read', 'driverFeature', 6],
      ),
    ],
    [
      'PCI-COM-14',
      'recorded-queue-size',
      common(
        ['write', 'queueSelect', 0],
        ['read', 'queueSize', 64],
        ['write', 'queueSize', 8],
        ['read', 'queueSize', 8],
      ),
      common(['write', 'queueSelect', 0], ['read', 'queueSize', 64], ['read', 'queueSize', 8]),
    ],
    [
      'LEG-VQ-03',
      'recorded-queue-size',
      legacy(
        ['write', 'queueSelect', 0],
        ['read', 'queueSize', 64],
        ['write', 'queueSize', 8],
        ['read', 'queueSize', 64],
      ),
      legacy(
        ['write', 'queueSelect', 0],
        ['read', 'queueSize', 64],
        ['write', 'queueSize', 8],
        ['read', 'queueSize', 8],
      ),
    ],
    [
      'PCI-COM-08',
      'recorded-queue-enable',
      common(
        ['write', 'deviceStatus', 0],
        ['write', 'queueSelect', 0],
        ['read', 'queueEnable', 0],
        ['write', 'queueEnable', 1],
        ['read', 'queueEnable', 1],
      ),
      common(['write', 'deviceStatus', 0], ['write', 'queueSelect', 0], ['read', 'queueEnable', 1]),
    ],
    [
      'PCI-MSIX-06',
      'recorded-vectors',
      common(
        ['write', 'queueSelect', 0],
        ['write', 'queueMsixVector', 1],
        ['read', 'queueMsixVector', 0xffff],
      ),
      common(['write', 'queueSelect', 0], ['write', 'queueMsixVector', 1], ['read', 'queueMsixVector', 2]),
    ],
    [
      'PCI-MSIX-07',
      'recorded-vectors',
      common(['write', 'deviceStatus', 0], ['read', 'configMsixVector', 0xffff]),
      common(['write', 'deviceStatus', 0], ['read', 'configMsixVector', 0]),
    ],
  ];

describe('what a recording shows of a device', () => {
  it.each(cases)('%s by %s', (clause, check, good, bad) => {
    expect(found(good)).toEqual([]);
    expect(outcomesOf(good).map((each) => each.check)).toContain(check);
    expect(found(bad)).toEqual([[check, clause, bad.length]]);
  });

  it('is judged by clauses that there are, each of which a case breaks', () => {
    const broken = new Set(cases.map(([clause]) => clause));
    for (const { clauses: its } of recordingRules)
      for (const clause of its)
        expect([clause, clauses.get(clause)?.party, broken.has(clause)]).toEqual([
          clause,
          expect.stringMatching(/device|both/),
          true,
        ]);
  });

  it('that begins in the middle accuses nobody', () => {
    expect(
      outcomesOf(
        common(
          ['read', 'deviceStatus', 15],
          ['read', 'queueEnable', 1],
          ['read', 'queueMsixVector', 3],
          ['read', 'driverFeature', 9],
        ),
      ),
    ).toEqual([]);
  });

  it('to which nothing happened is no occasion for anything', () => {
    expect(judgeRecording([])).toEqual([]);
  });
});
