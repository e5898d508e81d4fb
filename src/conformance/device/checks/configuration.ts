import {
  balloonConfig,
  blockConfig,
  blockFeature,
  commonConfig,
  deviceStatus,
  featureBits,
  isrStatus,
  networkConfig,
  scsiConfig,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import {
  type ConfigPart,
  changingFeatures,
  greet,
  modernBench,
  negotiate,
  offeredWords,
  readParts,
  shownParts,
  statusOf,
  usesMessages,
} from '../probe.ts';

const legacy = ['legacy'] as const;
const modern = ['modern'] as const;
const { acknowledge, driver } = deviceStatus;

const at = ({ name, offset, width }: ConfigPart) => `${name}, ${width} bytes at ${offset}`;

/** All of it reads as it is expected to. */
function same(
  bench: Bench,
  clause: string,
  parts: readonly ConfigPart[],
  seen: readonly number[],
  expected: readonly number[],
): void {
  for (const [i, part] of parts.entries()) bench.equal(clause, at(part), seen[i]!, expected[i]!);
}

/** A field that legacy drivers write, and a value for it. */
interface WritableField {
  readonly field: { readonly offset: number; readonly width: number };
  readonly value: number;
  /** Bit that has to be offered. */
  readonly needs?: number;
}

const writableFields: Readonly<Record<string, WritableField>> = {
  network: { field: { ...networkConfig.mac, width: 1 }, value: 0x5a },
  block: { field: blockConfig.writeback, value: 0, needs: blockFeature.configWriteCache },
  balloon: { field: balloonConfig.actual, value: 0x1234 },
  scsi: { field: scsiConfig.senseSize, value: 64 },
};

/** Device configuration: when it can be read and written, and who is told that it changed. */
export const configurationChecks: readonly Check[] = [
  {
    id: 'configuration-before-features',
    clauses: ['BF-CFG-06'],
    settings: modern,
    says: 'configuration reads before FEATURES_OK as it does afterwards',
    run(bench) {
      const parts = shownParts(bench);
      const offered = featureBits(offeredWords(bench));
      bench.transport.reset();
      const early = [readParts(bench, parts)];
      for (const value of [acknowledge, acknowledge | driver]) {
        bench.put(statusOf(bench), value);
        early.push(readParts(bench, parts));
      }
      if (!negotiate(bench, offered)) bench.skip('the device does not accept all that it offers');
      const later = readParts(bench, parts);
      for (const seen of early) same(bench, 'BF-CFG-06', parts, seen, later);
    },
  },
  {
    id: 'legacy-configuration-order',
    clauses: ['LEG-CFG-01'],
    settings: legacy,
    says: 'configuration has the byte order of the guest, here little-endian, as by the modern interface',
    run(bench) {
      const other = modernBench(bench);
      const parts = shownParts(other);
      same(bench, 'LEG-CFG-01', parts, readParts(bench, parts), readParts(other, parts));
    },
  },
  {
    id: 'legacy-configuration-widths',
    clauses: ['LEG-LAY-04'],
    settings: legacy,
    says: 'configuration reads the same by any width',
    run(bench) {
      for (const part of shownParts(bench)) {
        const whole = bench.config(part.offset, part.width);
        for (const width of [1, 2] as const) {
          if (width >= part.width) continue;
          let pieces = 0;
          for (let i = part.width - width; i >= 0; i -= width)
            pieces = pieces * 2 ** (8 * width) + bench.config(part.offset + i, width);
          bench.equal('LEG-LAY-04', `${at(part)}, read by ${width}`, pieces, whole);
        }
      }
    },
  },
  {
    id: 'legacy-configuration-early-writes',
    clauses: ['LEG-INIT-02'],
    settings: legacy,
    types: Object.keys(writableFields),
    says: 'what is written into configuration before any feature was looked at counts',
    run(bench) {
      const { field, value, needs } = writableFields[bench.type.name]!;
      if (needs !== undefined) bench.needs(needs, `feature ${needs} of the type`);
      const width = field.width as 1 | 4;
      greet(bench);
      bench.registers.config.write(field.offset, width, value);
      const seen = bench.config(field.offset, width);
      bench.equal('LEG-INIT-02', `configuration at ${field.offset}, as it was written`, seen, value);
    },
  },
  {
    id: 'configuration-change-told',
    clauses: ['OPER-01'],
    says: 'the driver is told that the configuration changed',
    async run(bench) {
      const change = bench.hand('changeConfig');
      const { signals } = bench.start({ features: changingFeatures(bench) });
      await change();
      await bench.until('OPER-01', 'a notification of the change', () => signals.config > 0);
    },
  },
  {
    id: 'configuration-change-in-isr',
    clauses: ['PCI-ISR-02'],
    says: 'ISR shows that the configuration changed, once the driver is told, with messages too',
    async run(bench) {
      const change = bench.hand('changeConfig');
      const { signals } = bench.start({ features: changingFeatures(bench) });
      bench.registers.isr();
      await change();
      await bench.until('PCI-ISR-02', 'a notification of the change', () => signals.config > 0);
      // Without MSI-X the driver has read it, and was told by it.
      if (!usesMessages(bench)) return;
      const isr = bench.registers.isr();
      bench.check(
        'PCI-ISR-02',
        (isr & isrStatus.configuration) !== 0,
        'bit 1 of ISR',
        `0x${isr.toString(16)}`,
      );
    },
  },
  {
    id: 'generation-follows-changes',
    clauses: ['PCI-COM-06'],
    settings: modern,
    says: 'config_generation differs once a changed value was read',
    async run(bench) {
      const change = bench.hand('changeConfig');
      const parts = shownParts(bench);
      bench.start({ features: changingFeatures(bench) });
      const old = readParts(bench, parts);
      const before = bench.get(commonConfig.configGeneration);
      await change();
      await bench.lull();
      const now = readParts(bench, parts);
      if (now.every((value, i) => value === old[i])) bench.skip('the configuration shows no change');
      const after = bench.get(commonConfig.configGeneration);
      bench.check('PCI-COM-06', after !== before, `a generation other than ${before}`, `${after}`);
    },
  },
];
