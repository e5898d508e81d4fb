import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { accesses, ringEdits } from '../../src/testing/index.ts';
import {
  availableRingBytes,
  blockFeature,
  commonConfig,
  feature,
  legacyHeader,
  PACKED_EVENT_BYTES,
  usedRingBytes,
} from '../../src/virtio/layout/index.ts';
import { type HostileSetup, type HostileStep, Target } from './support/hostile.ts';
import { BUFFERS, EDGES, HEADERS, LONG_TABLE, WINDOWS } from './support/hostile-memory.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * A driver may put anything into a ring. Whatever it is, the device comes to an end, writes nothing that its DMA domain
 * does not grant, learns nothing of what it does not grant, and serves an ordinary driver after a reset.
 *
 * What pins this down is no second implementation but what memory itself shows: every access to a ring is counted
 * against a bound that the queue's size sets; bytes out of reach are compared with a copy; and each case runs twice with
 * other bytes out of reach, where memory, storage, interrupts and findings have to come out the same.
 */
interface Case {
  readonly setup: HostileSetup;
  readonly steps: readonly HostileStep[];
}

/** Ring parts anywhere about the edges, also ending flush with one; `bytes` long. */
const about = (bytes: number) =>
  fc
    .tuple(fc.constantFrom(...EDGES), fc.boolean(), fc.constantFrom(0, 0, 0, 2, 4, -2, -4, 1, 16, -16, 4096))
    .map(([edge, flush, delta]) => Math.max(0, edge + delta - (flush ? bytes : 0)));

/** A part that ends with a window, or not quite. */
const atTheEnd = (bytes: number) =>
  fc
    .tuple(fc.constantFrom(...WINDOWS), fc.constantFrom(0, 1, 2, 4, 8, 10, -2))
    .map(([{ start, length }, delta]) => start + length - bytes + delta);

const placed = (size: number, packed: boolean): fc.Arbitrary<readonly [number, number, number]> => {
  const areas = packed
    ? [PACKED_EVENT_BYTES, PACKED_EVENT_BYTES]
    : [availableRingBytes(size), usedRingBytes(size)];
  const parts = [16 * size, ...areas].map((bytes) => fc.oneof(about(bytes), atTheEnd(bytes)));
  const [table, available, used] = parts as [
    fc.Arbitrary<number>,
    fc.Arbitrary<number>,
    fc.Arbitrary<number>,
  ];
  const good = [0x1000, 0x1200, 0x2000] as const;
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(good) },
    // Parts on top of one another, and of the buffers.
    { weight: 1, arbitrary: fc.constant([0x3000, 0x3000, 0x3000] as const) },
    { weight: 1, arbitrary: table.map((at) => [at, good[1], good[2]] as const) },
    { weight: 2, arbitrary: available.map((at) => [good[0], at, good[2]] as const) },
    { weight: 2, arbitrary: used.map((at) => [good[0], good[1], at] as const) },
    { weight: 1, arbitrary: fc.tuple(table, available, used) },
  );
};

const features = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.notifyOnEmpty,
  feature.anyLayout,
  feature.inOrder,
  blockFeature.flush,
  blockFeature.configWriteCache,
];

const setupsOf = (
  way: fc.Arbitrary<HostileSetup['way']>,
  sizes: fc.Arbitrary<number>,
): fc.Arbitrary<HostileSetup> =>
  fc.tuple(way, sizes).chain(([by, queueSize]) =>
    fc.record({
      type: fc.constantFrom('block', 'entropy'),
      way: fc.constant(by),
      bigEndian: fc.boolean(),
      features: fc.subarray(features),
      queueSize: fc.constant(queueSize),
      held: fc.boolean(),
      late: fc.boolean(),
      observed: fc.boolean(),
      mends: fc.constantFrom(true, true, true, false),
      places: placed(queueSize, by === 'packed'),
      table: fc.oneof(fc.constant(0x3400), about(16), about(32), about(48)),
    }),
  );

const rings = [
  ['split', setupsOf(fc.constantFrom('legacy', 'modern'), fc.constantFrom(8, 8, 16, 4, 1))],
  ['packed', setupsOf(fc.constant('packed'), fc.constantFrom(8, 8, 7, 5, 12, 16, 3, 1))],
] as const;

function stepsOf(setup: HostileSetup): fc.Arbitrary<HostileStep> {
  const edits = ringEdits({
    size: setup.queueSize,
    addresses: [0x3600, 0x3800, setup.table, ...setup.places, ...EDGES],
    headers: HEADERS,
    buffers: BUFFERS,
    ends: WINDOWS.map(({ start, length }) => start + length),
    tables: [setup.table, LONG_TABLE],
  });
  const table = setup.way === 'legacy' ? legacyHeader : commonConfig;
  return fc.oneof<fc.WeightedArbitrary<HostileStep>[]>(
    { weight: 16, arbitrary: edits.map((edit) => ({ do: 'edit', edit })) },
    { weight: 10, arbitrary: fc.constant({ do: 'kick' }) },
    { weight: 2, arbitrary: fc.constant({ do: 'restart' }) },
    { weight: setup.held ? 6 : 1, arbitrary: fc.nat(3).map((pick) => ({ do: 'release', pick })) },
    { weight: 1, arbitrary: fc.constantFrom(0, 0, 1, 2, 3, 4).map((set) => ({ do: 'windows', set })) },
    { weight: 1, arbitrary: fc.boolean().map((on) => ({ do: 'master', on })) },
    { weight: 1, arbitrary: accesses(table).map((access) => ({ do: 'poke', access })) },
  );
}

const casesOf = (setups: fc.Arbitrary<HostileSetup>): fc.Arbitrary<Case> =>
  setups.chain((setup) =>
    fc.record({ setup: fc.constant(setup), steps: fc.array(stepsOf(setup), { maxLength: 48, size: 'max' }) }),
  );

async function run({ setup, steps }: Case): Promise<void> {
  const [one, other] = [new Target(setup, 0x00), new Target(setup, 0xff)];
  const last: HostileStep[] = [{ do: 'kick' }, ...steps.map(() => ({ do: 'release' as const, pick: 0 }))];
  for (const step of [...steps, ...last]) {
    one.step(step);
    other.step(step);
  }
  if (Buffer.compare(one.outcome(), other.outcome()) !== 0)
    throw new Error('what the function did depends on memory that it may not reach');
  await one.recover();
}

describe.each(rings)('any content of a %s ring', (_, setups) => {
  it(
    'ends, stays inside the DMA domain, and leaves a device that a reset mends',
    () => fc.assert(fc.asyncProperty(casesOf(setups), run), { numRuns: runs(250) }),
    PATIENCE,
  );
});
