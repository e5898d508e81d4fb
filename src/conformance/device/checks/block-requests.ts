import {
  BLOCK_BARRIER,
  BLOCK_UNMAP,
  blockConfig,
  blockFeature,
  blockLifetime,
  blockLifetimeLast,
  blockRequestType,
  blockZoneRequestType,
  SECTOR_BYTES,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { equalBytes, pattern, readLe } from '../bytes.ts';
import type { Check, Setting } from '../check.ts';
import { Disk, segment } from '../types/block.ts';

const types = ['block'];
const legacy: readonly Setting[] = ['legacy'];
const {
  in: read,
  out: write,
  flush,
  flushOut,
  getLifetime,
  discard,
  writeZeroes,
  secureErase,
} = blockRequestType;
const SECTOR = SECTOR_BYTES;

/** Requests with segments, and the features that they want. */
const segmented = [
  ['DISCARD', blockFeature.discard, discard],
  ['WRITE_ZEROES', blockFeature.writeZeroes, writeZeroes],
  ['SECURE_ERASE', blockFeature.secureErase, secureErase],
] as const;

/** A disk that may be written. */
function writable(bench: Bench, features: readonly number[] = []): Disk {
  if (bench.offers(blockFeature.readOnly)) bench.skip('the disk is read-only');
  return new Disk(bench, features);
}

const unknownFlags = segmented.map(
  ([name, bit, type]): Check => ({
    id: `block-unknown-flags-${name.toLowerCase().replace('_', '-')}`,
    clauses: ['BLK-OP-17'],
    types,
    says: `a flag of ${name} that means nothing makes the request unsupported`,
    async run(bench) {
      bench.needs(bit, name);
      const disk = new Disk(bench, [bit]);
      for (const flags of [2, 0x80000000])
        await disk.expect('BLK-OP-17', 'unsupported', type, { data: segment(0, 1, flags) });
    },
  }),
);

/** Requests of a block device. */
export const blockRequestChecks: readonly Check[] = [
  {
    id: 'block-read-only',
    clauses: ['BLK-OP-16'],
    types,
    says: 'a write to a read-only disk ends with IOERR, and nothing is written',
    async run(bench) {
      bench.needs(blockFeature.readOnly, 'RO');
      const disk = new Disk(bench, [blockFeature.readOnly]);
      const before = await disk.expect('BLK-OP-16', 'ok', read, { sector: 1, inBytes: SECTOR });
      await disk.expect('BLK-OP-16', 'ioError', write, { sector: 1, data: pattern(SECTOR, 1) });
      const after = await disk.expect('BLK-OP-16', 'ok', read, { sector: 1, inBytes: SECTOR });
      bench.check('BLK-OP-16', equalBytes(after, before), 'the sector as before', 'other content');
    },
  },
  ...unknownFlags,
  {
    id: 'block-discard-unmap',
    clauses: ['BLK-OP-18'],
    types,
    says: 'a discard that asks for unmap is unsupported',
    async run(bench) {
      bench.needs(blockFeature.discard, 'DISCARD');
      const disk = new Disk(bench, [blockFeature.discard]);
      await disk.expect('BLK-OP-18', 'unsupported', discard, { data: segment(0, 1, BLOCK_UNMAP) });
    },
  },
  {
    id: 'block-write-zeroes',
    clauses: ['BLK-OP-20'],
    types,
    says: 'what was written with zeroes reads as zeroes, with unmap or without, and its neighbours stay',
    async run(bench) {
      bench.needs(blockFeature.writeZeroes, 'WRITE_ZEROES');
      const disk = writable(bench, [blockFeature.writeZeroes]);
      const content = pattern(4 * SECTOR, 9);
      for (const flags of [0, BLOCK_UNMAP]) {
        await disk.expect('BLK-OP-20', 'ok', write, { sector: 8, data: content });
        await disk.expect('BLK-OP-20', 'ok', writeZeroes, { data: segment(9, 2, flags) });
        const after = await disk.expect('BLK-OP-20', 'ok', read, { sector: 8, inBytes: 4 * SECTOR });
        const expected = content.slice().fill(0, SECTOR, 3 * SECTOR);
        bench.check('BLK-OP-20', equalBytes(after, expected), 'zeroes in two sectors', 'other content');
      }
    },
  },
  {
    id: 'block-may-unmap',
    clauses: ['BLK-OP-21'],
    types,
    says: 'write_zeroes_may_unmap says yes or no',
    run(bench) {
      bench.needs(blockFeature.writeZeroes, 'WRITE_ZEROES');
      const value = bench.config(blockConfig.writeZeroesMayUnmap.offset, 1);
      bench.check('BLK-OP-21', value <= 1, 'write_zeroes_may_unmap of 0 or 1', `${value}`);
    },
  },
  {
    id: 'block-lifetime',
    clauses: ['BLK-OP-24'],
    types,
    says: 'a device with LIFETIME tells its metrics, and none of them is a reserved value',
    async run(bench) {
      bench.needs(blockFeature.lifetime, 'LIFETIME');
      const disk = new Disk(bench, [blockFeature.lifetime]);
      const bytes = await disk.expect('BLK-OP-24', 'ok', getLifetime, { inBytes: 6 });
      const { preEolInfo, estimate } = blockLifetimeLast;
      for (const [name, { offset }] of Object.entries(blockLifetime)) {
        const value = readLe(bytes, offset, 2);
        const last = name === 'preEolInfo' ? preEolInfo : estimate;
        bench.check('BLK-OP-24', value <= last, `${name} of at most ${last}`, `${value}`);
      }
    },
  },
  {
    id: 'block-zone-requests-without-zoned',
    clauses: ['BLK-OP-25'],
    types,
    says: 'without ZONED each zone request is unsupported',
    async run(bench) {
      const disk = new Disk(bench);
      for (const type of Object.values(blockZoneRequestType)) {
        const parts = type === blockZoneRequestType.append ? { data: pattern(SECTOR, 1) } : {};
        await disk.expect('BLK-OP-25', 'unsupported', type, { inBytes: 64, ...parts });
      }
    },
  },
  {
    id: 'block-request-of-legacy-drivers',
    clauses: ['LEG-BLK-07'],
    types,
    settings: legacy,
    says: "a legacy driver's request is read in the guest's order",
    async run(bench) {
      const disk = new Disk(bench);
      await disk.expect('LEG-BLK-07', 'ok', read, { sector: 1, inBytes: SECTOR });
      await disk.expect('LEG-BLK-07', 'ok', blockRequestType.getId, { inBytes: 20 });
    },
  },
  {
    id: 'block-priority-of-legacy-drivers',
    clauses: ['LEG-BLK-09'],
    types,
    settings: legacy,
    says: "a legacy driver's request with a priority is served",
    async run(bench) {
      const disk = new Disk(bench);
      await disk.expect('LEG-BLK-09', 'ok', read, { reserved: 0x4004, inBytes: SECTOR });
    },
  },
  {
    id: 'block-flush-out',
    clauses: ['LEG-BLK-10'],
    types,
    settings: legacy,
    says: 'a request of type 5 is a flush',
    async run(bench) {
      bench.needs(blockFeature.flush, 'FLUSH');
      const disk = new Disk(bench, [blockFeature.flush]);
      await disk.expect('LEG-BLK-10', 'ok', flush);
      await disk.expect('LEG-BLK-10', 'ok', flushOut);
    },
  },
  {
    id: 'block-barrier',
    clauses: ['LEG-BLK-11'],
    types,
    settings: legacy,
    says: 'a request with the barrier bit ends after those before it and before those after it',
    async run(bench) {
      bench.needs(blockFeature.barrier, 'BARRIER');
      const release = await bench.hands.holdWork?.();
      const disk = writable(bench, [blockFeature.barrier]);
      const sector = (at: number) => ({ sector: at, data: pattern(SECTOR, at) });
      const posted = [
        disk.post(write, sector(1)),
        disk.post(write + BLOCK_BARRIER, sector(2)),
        disk.post(write, sector(3)),
      ];
      await bench.lull();
      release?.();
      for (const [i, { head }] of posted.entries()) {
        const used = await bench.taken(disk.running.driver, disk.queue, 'LEG-BLK-11');
        const number = posted.findIndex((each) => each.head === used.head) + 1;
        bench.check('LEG-BLK-11', used.head === head, `request ${i + 1}`, `request ${number}`);
      }
    },
  },
];
