import type { Arbitrary } from 'fast-check';
import {
  type DraftBlock,
  type DraftDocument,
  type DraftField,
  type DraftSpace,
  documentOfDraft,
} from '../../drafts/index.ts';
import { draft2023 } from '../../mmr/index.ts';
import { VIRTIO_VENDOR_ID } from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { oneAtLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { formatDraftDocument } from './format.ts';

/** What drafts are drawn of: registers of their own, or the legacy block in a memory BAR. */
export type DraftKind = 'registers' | 'legacy-block';

const PAGE = 4096;
const MMR_IDS = Object.entries(draft2023.deviceIds);
const NAMES = ['doorbell', 'status', 'control', 'select', 'size', 'address', 'vector', 'token'] as const;
/** Offsets that an I/O BAR has room for. */
const IO_BYTES = 256;

/** Registers of natural alignment, one behind the other, in a BAR in memory where a read may clear. */
const fields: Arbitrary<DraftField[]> = fc
  .array(
    fc.record({
      name: fc.constantFrom(...NAMES),
      width: fc.constantFrom<1 | 2 | 4>(4, 2, 1),
      access: fc.constantFrom<'ro' | 'rw' | 'rc'>('ro', 'rw', 'rc'),
      reset: fc.nat(0xff),
      count: fc.option(fc.integer({ min: 2, max: 6 }), { freq: 5, nil: undefined }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((rows) => {
    let end = 0;
    return rows.map(({ name, width, count = 1, ...rest }, i) => {
      const offset = Math.ceil(end / width) * width;
      end = offset + width * count;
      return { name: `${name} ${i}`, offset, width, ...(count === 1 ? {} : { count }), ...rest };
    });
  });

const spaces: Arbitrary<DraftSpace[]> = fc
  .uniqueArray(fc.nat(0x7f), { maxLength: 4 })
  .map((numbers) =>
    numbers.length === 0
      ? []
      : [{ name: 'opcode', width: 1, values: numbers.map((value, i) => ({ name: `command ${i}`, value })) }],
  );

const lengthOf = (list: readonly DraftField[]) => {
  const last = list.at(-1)!;
  return last.offset! + last.width! * (last.count ?? 1);
};

const place = (list: readonly DraftField[]): Arbitrary<DraftBlock> =>
  fc
    .record({
      bar: fc.nat(5),
      page: fc.nat(3),
      io: fc.constantFrom(false, false, true),
      prefetchable: fc.boolean(),
    })
    .map(({ bar, page, io, prefetchable }) => {
      const block = { name: 'block', structure: 'registers', bar };
      if (io && lengthOf(list) <= IO_BYTES) return { ...block, space: 'io', offset: 0 };
      const clears = list.some(({ access }) => access === 'rc');
      return {
        ...{ ...block, space: 'memory', offset: page * PAGE, length: PAGE, alignment: PAGE },
        ...(prefetchable && !clears ? { prefetchable } : {}),
      };
    });

const ids = fc.tuple(fc.constantFrom(...MMR_IDS), fc.subarray(MMR_IDS)).map(([first, more]) => ({
  vendor: VIRTIO_VENDOR_ID,
  devices: [first, ...more.filter((each) => each !== first)].map(([type, id]) => ({ type, id })),
}));

const ownRegisters: Arbitrary<DraftDocument> = fields.chain((list) =>
  fc.record({ ids, block: place(list), spaces }).map(
    ({ ids: its, block, spaces: numbers }): DraftDocument => ({
      ...{
        draft: 1,
        name: 'drawn',
        ids: its,
        structures: [{ name: 'registers', fields: list }],
        blocks: [block],
      },
      ...(numbers.length === 0 ? {} : { spaces: numbers }),
    }),
  ),
);

const legacyBlock: Arbitrary<DraftDocument> = fc
  .record({
    bar: fc.constantFrom<0 | 2 | 4>(0, 2, 4),
    pages: fc.nat(3),
    prefetchable: fc.constant(false),
    msixShift: fc.constantFrom('as-legacy' as const, 'fixed' as const),
    resetHandshake: fc.constantFrom('read-back' as const, 'none' as const),
  })
  .map(({ pages, ...choices }) =>
    documentOfDraft({ ...draft2023, ...choices, name: 'drawn', offset: pages * PAGE, offsetAlignment: PAGE }),
  );

const drawn: Readonly<Record<DraftKind, Arbitrary<DraftDocument>>> = {
  registers: ownRegisters,
  'legacy-block': legacyBlock,
};

const draftKinds = Object.keys(drawn) as readonly DraftKind[];

/**
 * Drafts in which the static checks find no error: ids, a structure of registers, a block of them in a BAR, a space of numbers;
 * or a reading of the MMR draft. Warnings and questions to the author there may be.
 * @throws OptionError for a kind that there is none of
 */
export const draftDocuments = (kinds: readonly DraftKind[] = draftKinds): Arbitrary<DraftDocument> =>
  fc
    .oneof(...oneAtLeast('kinds', kinds, draftKinds).map((kind) => drawn[kind]))
    .map((document) => printed({ ...document }, formatDraftDocument));
