import { feature } from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { MemoryWatch, strayedNowhere } from '../memory-watch.ts';
import { type Prepared, RingUse } from '../ring-use.ts';

const split = ['legacy', 'modern'] as const;

/** Answers of the type are the same each time, for the same request. */
const repeats = ({ type }: Bench) => type.name !== 'entropy';

/** A legacy driver and device that have not agreed on ANY_LAYOUT keep to rules of their types (LEG-FRM-01). */
function needsAnyLayout(bench: Bench): void {
  if (!bench.modern) bench.needs(feature.anyLayout, 'ANY_LAYOUT');
}

/** Pieces that fit into the smallest ring together. */
const MOST_PIECES = 6;
const evenly = (length: number, pieces: number) =>
  Array.from({ length: Math.min(pieces, length) - 1 }, (_, i) =>
    Math.floor((length * (i + 1)) / Math.min(pieces, length)),
  );

/** Ways to cut each part of a request. */
const framings: readonly { readonly name: string; cuts(length: number): readonly number[] }[] = [
  { name: 'cut after the first byte', cuts: (length) => (length < 2 ? [] : [1]) },
  { name: 'cut before the last byte', cuts: (length) => (length < 2 ? [] : [length - 1]) },
  { name: 'cut in three', cuts: (length) => evenly(length, MOST_PIECES / 2) },
  { name: 'cut after byte 7', cuts: (length) => (length < 8 ? [] : [7]) },
];

/** The pieces in which a legacy driver has to give the request: block requests have their status by itself (LEG-BLK-02). */
const classic: Readonly<Record<string, (length: number, writable: boolean) => readonly number[]>> = {
  block: (length, writable) => (writable ? [length - 1] : []),
  network: (_, writable) => (writable ? [] : [10]),
};

/** What a device wrote into a buffer that was filled with something. */
interface FilledAnswer {
  readonly fill: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** Answers are one and the same; bytes that no device wrote do not count, whatever the length says (SPL-USED-02). */
function alike(answers: readonly FilledAnswer[]): boolean {
  const [first] = answers as readonly [FilledAnswer, ...FilledAnswer[]];
  const same = (i: number) => answers.every(({ bytes }) => bytes[i] === first.bytes[i]);
  const left = (i: number) => answers.every(({ bytes, fill }) => bytes[i] === fill);
  return (
    answers.every(({ length }) => length === first.length) && first.bytes.every((_, i) => same(i) || left(i))
  );
}

/** Descriptors and the buffers behind them. */
export const chainChecks: readonly Check[] = [
  {
    id: 'writes-only-where-allowed',
    clauses: ['SPL-DESC-01', 'SPL-DESC-04', 'PKD-DESC-01'],
    says: 'nothing is written but writable buffers and what the ring leaves to the device',
    async run(bench) {
      const use = new RingUse(bench);
      const { writable, list } = use.prepare();
      use.ring.expose(list);
      const watch = new MemoryWatch(bench);
      use.kick();
      await use.used(use.by('SPL-DESC-01', 'PKD-DESC-01'));
      await bench.lull();
      strayedNowhere(use, watch, [writable]);
    },
  },
  {
    id: 'writable-content-no-matter',
    clauses: ['SPL-DESC-02', 'PKD-DESC-02'],
    says: 'what stands in a writable buffer before makes no difference',
    async run(bench) {
      const use = new RingUse(bench);
      const clause = use.by('SPL-DESC-02', 'PKD-DESC-02');
      if (use.request.inBytes === 0) bench.skip('the request has no writable part');
      if (!repeats(bench)) bench.skip('no two answers are the same');
      const answers: FilledAnswer[] = [];
      // The first answer after a reset may be another: a SCSI unit tells of the reset.
      await use.serve(clause);
      for (const fill of [0, 0xff, 0x5a]) {
        const prepared = use.prepare({ fill });
        const used = await use.serve(clause, prepared);
        answers.push({ fill, length: used.length, bytes: use.written(prepared, used) });
      }
      const same = alike(answers);
      bench.check(clause, same, 'one answer to one request', 'another, when the buffer held other bytes');
    },
  },
  {
    id: 'used-element-before-index',
    clauses: ['SPL-USED-01'],
    settings: split,
    says: 'the used element is there when the used index moves',
    async run(bench) {
      const use = new RingUse(bench);
      const clause = 'SPL-USED-01';
      for (let round = 0; round < 3; round++) {
        const name = use.ring.expose(use.prepare().list);
        use.kick();
        const { id, length } = await use.used(clause);
        bench.equal(clause, 'id in the used element', id, name);
        use.lengthFits(clause, { id, length, at: 0 });
      }
    },
  },
  {
    id: 'written-as-far-as-said',
    clauses: ['SPL-USED-02'],
    settings: split,
    says: 'as many bytes as the used length says were written, from the first writable one on',
    async run(bench) {
      const use = new RingUse(bench);
      const clause = 'SPL-USED-02';
      if (use.request.inBytes === 0) bench.skip('the request has no writable part');
      // A byte that was not written shows each time what it held before.
      const fills = [0xa5, 0x5a, 0x3c, 0xc3];
      let stale: Set<number> | null = null;
      for (const fill of fills) {
        const prepared = use.prepare({ fill });
        const used = await use.serve(clause, prepared);
        use.lengthFits(clause, used);
        const bytes = use.written(prepared, used);
        const left = [...bytes.keys()].filter((i) => bytes[i] === fill && stale?.has(i) !== false);
        stale = new Set(left);
      }
      const [first] = stale!;
      bench.check(
        clause,
        first === undefined,
        'all bytes written that the length counts',
        `byte ${first} was not`,
      );
    },
  },
  {
    id: 'framing-does-not-matter',
    clauses: ['SPL-FRM-01', 'PKD-SG-07'],
    says: 'a request may be cut into descriptors anywhere',
    async run(bench) {
      needsAnyLayout(bench);
      const use = new RingUse(bench, { ringFeatures: [] });
      const clause = use.by('SPL-FRM-01', 'PKD-SG-07');
      const answer = async (prepared: Prepared) => {
        const used = await use.serve(clause, prepared);
        use.lengthFits(clause, used);
        return repeats(bench) ? `${used.length}: ${use.written(prepared, used)}` : '';
      };
      await use.serve(clause);
      const whole = await answer(use.prepare());
      for (const { name, cuts } of framings) {
        const cut = await answer(use.prepare({ cuts }));
        bench.check(clause, cut === whole, 'the answer to the request in one piece', `another, ${name}`);
      }
    },
  },
  {
    id: 'legacy-framing',
    clauses: ['LEG-FRM-01'],
    settings: ['legacy'],
    says: 'without ANY_LAYOUT requests in the pieces that their type asks for are served',
    async run(bench) {
      const use = new RingUse(bench, { without: [feature.anyLayout], ringFeatures: [] });
      const cuts = classic[bench.type.name];
      const used = await use.serve('LEG-FRM-01', use.prepare(cuts === undefined ? {} : { cuts }));
      use.lengthFits('LEG-FRM-01', used);
    },
  },
  {
    id: 'legacy-ring-layout',
    clauses: ['LEG-VRING-03', 'LEG-VEND-01'],
    settings: ['legacy'],
    says: "descriptors, available and used ring follow each other from the queue's page on, in the guest's byte order",
    async run(bench) {
      const use = new RingUse(bench);
      const { ring } = use;
      ring.expose(use.prepare().list);
      use.kick();
      const used = await use.used('LEG-VRING-03');
      const index = ring.place.device + 2;
      const bytes = bench.memory.ram.read(index, 2);
      bench.check(
        'LEG-VEND-01',
        bytes[0] === 1 && bytes[1] === 0,
        'used index 1, low byte first',
        `bytes ${bytes}`,
      );
      bench.equal('LEG-VEND-01', 'id in the used element', used.id, 0);
    },
  },
];
