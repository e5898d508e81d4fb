import {
  type Expect,
  expectAt,
  flag,
  list,
  map,
  optional,
  record,
  shape,
  text,
  u32,
  u53,
  type ValueOf,
} from '../../../core/index.ts';
import { balloonCommand, balloonStatistic } from '../../layout/index.ts';

/** Entries of one buffer of statistics that are looked at: far more than there are tags. */
export const MAX_STATISTICS = 256;

const tags: readonly number[] = Object.values(balloonStatistic);

/** Pages of 4096 bytes, as the number of the first and how many, ascending; none touches the next. */
const pages = list(u53);

function relatePages(name: string, numbers: readonly number[], expect: Expect): void {
  expect(numbers.length % 2 === 0, name, numbers.length, 'pairs of first page and count');
  for (let i = 0, end = -1; i < numbers.length; i += 2) {
    const [first, count] = [numbers[i]!, numbers[i + 1]!];
    expect(first > end, `${name}[${i}]`, first, `more than ${end}`);
    expect(count > 0 && first + count <= 2 ** 52, `${name}[${i + 1}]`, count, '1 or more, up to page 2^52');
    end = first + count;
  }
}

export const statisticsState = record(
  'balloon-statistics',
  1,
  {
    /** By name or tag; 64 bits, in decimal digits. */
    values: map(text(20)),
    /** Buffers since the reset. */
    buffers: u53,
    /** Tags of the second buffer, ascending, with commas between them; null before it came. */
    subset: optional(text(6 * MAX_STATISTICS)),
    /** The host has asked, and the buffer is not handed back yet. */
    asked: flag,
    /** Buffers that are held. */
    held: u53,
  },
  {
    relate({ values, subset, asked, held }, expect) {
      for (const [name, digits] of Object.entries(values)) {
        const is64Bits = /^(0|[1-9]\d*)$/.test(digits) && BigInt(digits) < 2n ** 64n;
        const isTag = /^(0|[1-9]\d*)$/.test(name) && Number(name) <= 0xffff && !tags.includes(Number(name));
        expect(isTag || Object.hasOwn(balloonStatistic, name), 'values', name, 'names and further tags');
        expect(is64Bits, `values.${name}`, digits, 'a number of 64 bits in decimal digits');
      }
      const isRow = subset === null || /^(\d+(,\d+)*)?$/.test(subset);
      expect(isRow, 'subset', subset, 'tags with commas between them');
      expect(!asked || held > 0, 'asked', asked, 'false: no buffer is held');
    },
  },
);

const { stop, firstRound } = balloonCommand;

export const hintsState = record(
  'free-page-hints',
  1,
  {
    /** Hinted since hinting began. */
    pages,
    /** What the configuration shows. */
    shown: u32,
    /** The id of the last round. */
    last: u32,
    /** The round that the driver announced, and whether it is within it. */
    announced: u32,
    within: flag,
  },
  {
    relate({ pages: hinted, last, shown, announced, within }, expect) {
      relatePages('pages', hinted, expect);
      expect(last >= firstRound - 1, 'last', last, `${firstRound - 1} or more`);
      expect(shown < firstRound || shown === last, 'shown', shown, `no round, or the last one, ${last}`);
      expect(
        announced === stop || announced >= firstRound,
        'announced',
        announced,
        `${stop}, or ${firstRound} or more`,
      );
      expect(!within || announced !== stop, 'within', within, 'false: no round was announced');
    },
  },
);

export const balloonState = record(
  'balloon',
  1,
  {
    shape,
    inflated: pages,
    reported: pages,
    /** The count that the driver wrote last, and the bits of one that it is writing. */
    actual: u32,
    actualBits: u32,
    statistics: statisticsState,
    hints: hintsState,
  },
  {
    relate({ inflated, reported, actualBits }, expect) {
      relatePages('inflated', inflated, expect);
      relatePages('reported', reported, expect);
      const begun = actualBits >>> 24 === 0;
      expect(begun, 'actualBits', actualBits, 'no bits of the highest byte, which ends a count');
    },
  },
);

export type SavedBalloon = ValueOf<typeof balloonState>;

/** @param end the first page beyond all that the device reaches. */
export function checkPages({ inflated, reported, hints }: SavedBalloon, path: string, end: number): void {
  for (const [name, numbers] of Object.entries({ inflated, reported, 'hints.pages': hints.pages })) {
    const last = (numbers.at(-2) ?? 0) + (numbers.at(-1) ?? 0);
    expectAt(path)(last <= end, name, numbers, `pages below ${end}`);
  }
}
