import { ConfigImage } from '../../../driver/index.ts';
import { CONVENTIONAL_BYTES, capabilityId, EXTENDED_BYTES } from '../../../pci/layout/index.ts';
import {
  MODERN_DEVICE_ID_BASE,
  TRANSITIONAL_ID_RANGE,
  VIRTIO_VENDOR_ID,
} from '../../../virtio/layout/index.ts';
import type { ConfigClause } from '../../config/clauses.ts';
import { judgeConfig } from '../../config/judge.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';

function imageOf({ bus, found }: Bench): ConfigImage {
  const express = found.capabilities.some(({ id }) => id === capabilityId.express);
  return ConfigImage.taken(
    (offset, width) => bus.configRead(found.address, offset, width),
    express ? EXTENDED_BYTES : CONVENTIONAL_BYTES,
  );
}

/** Asks the judge of configuration spaces about some clauses. The first that is broken is named, all findings are told. */
function judge(bench: Bench, asked: readonly string[]): void {
  const findings = judgeConfig(imageOf(bench)).findings.filter(({ clause }) => asked.includes(clause));
  const [first] = findings;
  if (first === undefined) return;
  const told = findings.map(
    ({ clause, offset, message }) => `at 0x${offset.toString(16)}: ${message} (${clause})`,
  );
  bench.check(first.clause, false, 'a configuration space that keeps it', told.join('; '));
}

/** A check that is the judge's alone. */
const judged = (id: string, says: string, clauses: readonly ConfigClause[]): Check => ({
  id,
  clauses,
  says,
  passive: true,
  run: (bench) => judge(bench, clauses),
});

const hex = (value: number) => `0x${value.toString(16)}`;

const isTransitional = (id: number) => id >= TRANSITIONAL_ID_RANGE.first && id <= TRANSITIONAL_ID_RANGE.last;

/** What a function's configuration space shows, before any driver has touched it. */
export const configurationSpaceChecks: readonly Check[] = [
  {
    id: 'vendor-id',
    clauses: ['PCI-ID-02'],
    says: 'the vendor is 1AF4',
    passive: true,
    run: (bench) => bench.equal('PCI-ID-02', 'vendor id', bench.found.vendorId, VIRTIO_VENDOR_ID),
  },
  {
    id: 'device-id',
    clauses: ['PCI-ID-03', 'PCI-ID-05', 'LEG-ID-03'],
    says: 'the device id is the one of its type and of its interfaces',
    passive: true,
    run(bench) {
      const { type, subject, found } = bench;
      if (subject.draft !== undefined) bench.skip('its ids are those of the draft');
      const { typeNumber, transitionalId } = type;
      const modernId = MODERN_DEVICE_ID_BASE + typeNumber;
      const { deviceId } = found;
      const seen = `device id ${hex(deviceId)}`;
      if (subject.settings.includes('legacy'))
        bench.check(
          'LEG-ID-03',
          isTransitional(deviceId),
          `an id from ${hex(TRANSITIONAL_ID_RANGE.first)} to ${hex(TRANSITIONAL_ID_RANGE.last)}, as legacy drivers want one`,
          seen,
        );
      bench.check(
        'PCI-ID-03',
        deviceId === modernId || deviceId === transitionalId,
        transitionalId === null ? hex(modernId) : `${hex(modernId)} or ${hex(transitionalId)}`,
        seen,
      );
      if (!subject.settings.includes('legacy'))
        bench.check('PCI-ID-05', deviceId === modernId, `${hex(modernId)}, without a legacy interface`, seen);
    },
  },
  {
    id: 'p9-ids',
    clauses: ['P9-01', 'P9-02'],
    types: ['p9'],
    says: 'a 9P transport has the ids of type 9',
    passive: true,
    run(bench) {
      const { deviceId, subsystemId } = bench.found;
      if (bench.subject.draft !== undefined) bench.skip('its ids are those of the draft');
      const { typeNumber, transitionalId } = bench.type;
      if (isTransitional(deviceId)) {
        bench.equal('P9-02', 'device id', deviceId, transitionalId!);
        bench.equal('P9-02', 'subsystem id', subsystemId, typeNumber);
      } else bench.equal('P9-01', 'device id', deviceId, MODERN_DEVICE_ID_BASE + typeNumber);
    },
  },
  judged('ids-agree', 'revision and subsystem are what the device id promises', [
    'PCI-ID-06',
    'PCI-ID-07',
    'LEG-ID-01',
    'LEG-ID-02',
  ]),
  judged('legacy-bar', 'under ids of the legacy interface BAR0 is an I/O BAR', ['LEG-DET-01']),
  judged('capability-lists', 'both lists of capabilities end, and nothing in them overlaps', ['PCI-BUS-01']),
  judged('structure-capabilities', 'each capability of a structure is well-formed', [
    'PCI-CAP-02',
    'PCI-CAP-04',
    'PCI-CAP-15',
    'PCI-COM-01',
    'PCI-NOT-02',
    'PCI-NOT-03',
    'PCI-NOT-04',
    'PCI-DEV-02',
  ]),
  judged('structures-are-there', 'each structure of virtio 1.x has a capability', [
    'PCI-COM-02',
    'PCI-NOT-01',
    'PCI-ISR-01',
    'PCI-DEV-01',
    'PCI-CFGW-01',
  ]),
  judged('shared-memory-ids', 'shared memory regions have ids of their own', ['PCI-SHM-02']),
  judged('vendor-data', "vendor data is another vendor's, and a multiple of 4 bytes long", [
    'PCI-VND-03',
    'PCI-VND-04',
  ]),
  judged('vectors-at-least-two', 'MSI-X has two vectors at least', ['PCI-MSIX-01']),
];
