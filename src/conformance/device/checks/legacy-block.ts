import {
  deviceStatus,
  feature,
  legacyHeader,
  legacyVectors,
  NO_VECTOR,
  RING_SUPPRESS,
  usedRing,
} from '../../../virtio/layout/index.ts';
import type { Check } from '../check.ts';
import {
  enableMsix,
  greet,
  modernBench,
  msixAt,
  offeredWords,
  queueNumbers,
  queueSize,
  readParts,
  selectQueue,
  shownParts,
} from '../probe.ts';
import { RingUse } from '../ring-use.ts';

const settings = ['legacy'] as const;
const { acknowledge, driver } = deviceStatus;

/** The legacy register block. */
export const legacyBlockChecks: readonly Check[] = [
  {
    id: 'legacy-header-in-bar0',
    clauses: ['LEG-LAY-01'],
    settings,
    says: 'the legacy header is in the first I/O BAR, BAR0',
    passive: true,
    run(bench) {
      if (bench.subject.draft !== undefined) bench.skip('its block is where the draft has it');
      const first = bench.found.bars.find(({ kind }) => kind === 'io');
      const seen =
        first === undefined ? 'the function has no I/O BAR' : `the first I/O BAR is BAR${first.index}`;
      bench.check('LEG-LAY-01', first?.index === 0, 'BAR0 in I/O space', seen);
    },
  },
  {
    id: 'legacy-header-order',
    clauses: ['LEG-LAY-06'],
    settings,
    says: 'the registers of the legacy header are where its table has them',
    run(bench) {
      const holds = (name: keyof typeof legacyHeader, value: number) =>
        bench.equal('LEG-LAY-06', name, bench.get(legacyHeader[name]), value);
      greet(bench);
      holds('deviceStatus', acknowledge | driver);
      const { queue } = bench.small();
      const size = queueSize(bench, queue);
      bench.check('LEG-LAY-06', size !== 0, `a size of queue ${queue}`, '0');
      const offered = bench.get(legacyHeader.deviceFeatures);
      const wanted = (offered & ~(1 << feature.unused)) >>> 0;
      bench.put(legacyHeader.driverFeatures, wanted);
      holds('driverFeatures', wanted);
      holds('queueAddress', 0);
      const page = bench.memory.allocate(0x8000, 4096) / 4096;
      bench.put(legacyHeader.queueAddress, page);
      holds('queueAddress', page);
      holds('queueSelect', queue);
      holds('queueSize', size);
      holds('deviceFeatures', offered);
      holds('driverFeatures', wanted);
      holds('isrStatus', 0);
    },
  },
  {
    id: 'legacy-header-little-endian',
    clauses: ['LEG-LAY-05'],
    settings,
    says: 'the legacy header is little-endian, as the common configuration is',
    run(bench) {
      const other = modernBench(bench);
      const common = offeredWords(bench)[0]! & offeredWords(other)[0]!;
      for (const queue of queueNumbers(other)) {
        const size = queueSize(other, queue);
        bench.equal('LEG-LAY-05', `size of queue ${queue}`, queueSize(bench, queue), size);
      }
      greet(bench);
      bench.put(legacyHeader.driverFeatures, common);
      bench.equal('LEG-LAY-05', 'driver features', bench.get(legacyHeader.driverFeatures), common);
    },
  },
  {
    id: 'legacy-vectors-with-msix',
    clauses: ['LEG-LAY-07', 'LEG-LAY-09'],
    settings,
    says: 'vector registers stand at 20 and 22 while MSI-X is on, and configuration right behind the header',
    run(bench) {
      const at = msixAt(bench);
      const { configMsixVector, queueMsixVector } = legacyVectors;
      const main = bench.registers.main;
      const parts = Object.keys(bench.type.config).length === 0 ? [] : shownParts(bench);
      enableMsix(bench, at, false);
      const off = readParts(bench, parts);
      enableMsix(bench, at, true);
      selectQueue(bench, queueNumbers(bench)[0] ?? 0);
      for (const [name, { offset }] of Object.entries({ configMsixVector, queueMsixVector })) {
        bench.equal('LEG-LAY-07', `${name} at ${offset}`, main.read(offset, 2), NO_VECTOR);
        main.write(offset, 2, 0);
        bench.equal('LEG-LAY-07', `${name} at ${offset}, mapped to vector 0`, main.read(offset, 2), 0);
        main.write(offset, 2, NO_VECTOR);
      }
      const on = readParts(bench, parts);
      for (const [i, { name, offset }] of parts.entries())
        bench.equal('LEG-LAY-09', `${name} at ${24 + offset}, with MSI-X`, on[i]!, off[i]!);
      if (bench.subject.draft !== undefined) return;
      enableMsix(bench, at, false);
      const again = readParts(bench, parts);
      for (const [i, { name, offset }] of parts.entries())
        bench.equal('LEG-LAY-09', `${name} at ${20 + offset}, without MSI-X again`, again[i]!, off[i]!);
    },
  },
  {
    id: 'legacy-ring-alignment',
    clauses: ['LEG-VQ-01'],
    settings,
    says: 'the used ring of a legacy queue begins at the next 4096 bytes',
    async run(bench) {
      const use = new RingUse(bench, { ringFeatures: [] });
      const { place } = use.ring;
      use.ring.expose(use.prepare().list);
      use.kick();
      const index = place.device + usedRing.index.offset;
      const bytes = () => bench.memory.ram.read(index, 2);
      await bench.until('LEG-VQ-01', `a used index at 0x${index.toString(16)}`, () =>
        bytes().some((byte) => byte !== 0),
      );
    },
  },
  {
    id: 'legacy-size-is-fixed',
    clauses: ['LEG-VQ-03'],
    settings,
    says: 'the size of a legacy queue cannot be written',
    run(bench) {
      greet(bench);
      for (const queue of queueNumbers(bench)) {
        const size = queueSize(bench, queue);
        for (const value of [size >> 1, 2 * size, 0]) {
          bench.put(legacyHeader.queueSize, value);
          bench.equal(
            'LEG-VQ-03',
            `size of queue ${queue}, ${value} having been written`,
            queueSize(bench, queue),
            size,
          );
        }
      }
    },
  },
  {
    id: 'notify-on-empty',
    clauses: ['LEG-RF-02'],
    settings,
    says: 'with NOTIFY_ON_EMPTY the driver is told when a queue runs dry, though it wants no interrupts',
    async run(bench) {
      bench.needs(feature.notifyOnEmpty, 'NOTIFY_ON_EMPTY');
      const use = new RingUse(bench, { ringFeatures: [], transportFeatures: [feature.notifyOnEmpty] });
      use.ring.writer.setFlags(RING_SUPPRESS);
      await use.serve('LEG-RF-02');
      await bench.until('LEG-RF-02', 'an interrupt, as the queue is empty', () => use.interrupts > 0);
    },
  },
];
