import type { Arbitrary } from 'fast-check';
import { rawDescriptor as at, type RawDescriptor } from '../conformance/rings/index.ts';
import { FOUR_GIB } from '../core/index.ts';
import { BLOCK_BARRIER, blockRequestType, DESCRIPTOR_BYTES, descriptorFlag } from '../virtio/layout/index.ts';
import { fc } from './fast-check.ts';
import { printed } from './printed.ts';
import { formatEdit, type RingEdit } from './ring-edits.ts';

/** What the edits are drawn around. */
export interface RingEditOptions {
  /** Descriptors of the queue. */
  readonly size: number;
  /** Places worth pointing at: the ring's own parts, edges of memory, buffers. */
  readonly addresses: readonly number[];
  /** Where request headers are put, of 16 bytes each. */
  readonly headers: readonly number[];
  /** Memory for data, of 2 KiB each, and for status bytes. */
  readonly buffers: readonly number[];
  /** Addresses right after memory that the device may reach: buffers end there, or one byte further. */
  readonly ends?: readonly number[];
  /** Tables that indirect descriptors of a wild chain point at; their lengths go to 32768 descriptors. */
  readonly tables?: readonly number[];
}

const lengths = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 16, 512, 1024) },
  { weight: 2, arbitrary: fc.constantFrom(0, 2, 15, 17, 20, 21, 32, 48, 513, 528, 4096, 16384, 16400) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff) },
  { weight: 1, arbitrary: fc.nat(4096) },
);

const low = fc.integer({ min: 0, max: 0xffffffff });

const halves = (address: number) => ({
  addressLow: address % FOUR_GIB,
  addressHigh: Math.floor(address / FOUR_GIB),
});

/** Where a buffer of `length` bytes may be: at a place, ending flush with one, near either, or anywhere at all. */
function addressesAround(places: readonly number[], length: number) {
  const delta = fc.oneof(fc.constantFrom(0, 0, 1, -1), fc.integer({ min: -20, max: 20 }));
  const near = fc
    .tuple(fc.constantFrom(...places), fc.boolean(), delta)
    .map(([place, flush, off]) => halves(Math.max(0, place + off - (flush ? length : 0))));
  const high = fc.constantFrom(0, 1, 0x1fffff, 0x200000, 0xffffffff);
  return fc.oneof(
    { weight: 8, arbitrary: near },
    { weight: 1, arbitrary: fc.record({ addressLow: low, addressHigh: high }) },
  );
}

function rawDescriptors(options: RingEditOptions): Arbitrary<RawDescriptor> {
  const flags = fc.oneof({ weight: 6, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: fc.nat(0xffff) });
  const next = fc.oneof(
    { weight: 6, arbitrary: fc.nat(options.size) },
    { weight: 1, arbitrary: fc.nat(0xffff) },
  );
  return lengths.chain((length) =>
    fc
      .tuple(addressesAround(options.addresses, length), flags, next)
      .map(([address, bits, index]) => ({ ...address, length, flags: bits, next: index })),
  );
}

type ChainEdit = RingEdit & { edit: 'chain' };

/** A block request as it should be, or nearly: every framing, data of whole sectors as a rule. */
function wellFormed({ size, headers, buffers, ends = [] }: RingEditOptions): Arbitrary<ChainEdit> {
  const types = Object.values(blockRequestType);
  const data = fc
    .tuple(
      fc.constantFrom(...buffers, ...ends),
      fc.constantFrom(512, 512, 1024, 2048, 20, 492),
      fc.constantFrom(0, 1),
    )
    .map(([place, length, over]) => [place - (ends.includes(place) ? length - over : 0), length] as const);
  return fc
    .record({
      head: fc.nat(size - 1),
      header: fc.constantFrom(...headers),
      type: fc.constantFrom<number>(blockRequestType.in, blockRequestType.out, ...types),
      sector: fc.nat(33),
      data: fc.array(data, { maxLength: 3 }),
      status: fc.constantFrom(...buffers),
      indirect: fc.constantFrom(false, false, true),
    })
    .map(({ head, header, type, sector, data: pieces, status, indirect }) => {
      const writable = type === blockRequestType.out ? 0 : descriptorFlag.write;
      return {
        edit: 'chain' as const,
        head,
        indirect,
        request: { type, sector },
        back: null,
        descriptors: [
          at(header, 16, 0),
          ...pieces.map(([address, length]) => at(address, length, writable)),
          at(status, 1, descriptorFlag.write),
        ],
      };
    });
}

const DESCRIPTORS = [1, 2, 3, 4, 5, 6, 1024, 1025, 32768, 32768];

/** What a chain may end with: nothing more, an indirect descriptor, or a way back into itself. */
function endings({ size, tables = [] }: RingEditOptions) {
  const nothing = fc.constant({ more: [] as RawDescriptor[], back: null as number | null });
  const loop = fc.nat(size - 1).map((back) => ({ more: [], back }));
  if (tables.length === 0) return fc.oneof(nothing, nothing, loop);
  const indirect = fc
    .tuple(fc.constantFrom(...tables), fc.constantFrom(...DESCRIPTORS))
    .map(([table, count]) => at(table, DESCRIPTOR_BYTES * count, descriptorFlag.indirect))
    .map((last) => ({ more: [last], back: null }));
  return fc.oneof(nothing, nothing, loop, indirect);
}

/** Readable descriptors before writable ones, or of one kind only, and nothing else in order. */
function wildChain(options: RingEditOptions): Arbitrary<ChainEdit> {
  const part = fc
    .tuple(rawDescriptors(options), fc.boolean())
    .map(([raw, writable]) => ({ ...raw, flags: writable ? descriptorFlag.write : 0 }));
  const header = fc.constantFrom(...options.headers).map((address) => at(address, 16, 0));
  return fc
    .record({
      head: fc.nat(options.size - 1),
      first: fc.option(header, { freq: 2 }),
      parts: fc.array(part, { maxLength: 4 }),
      oneKind: fc.boolean(),
      indirect: fc.boolean(),
      ending: endings(options),
    })
    .map(({ head, first, parts, oneKind, indirect, ending }) => {
      const rest = oneKind
        ? parts.map((raw) => ({ ...raw, flags: first === null ? descriptorFlag.write : 0 }))
        : parts.sort((a, b) => a.flags - b.flags);
      const descriptors = [...(first === null ? [] : [first]), ...rest, ...ending.more];
      return { edit: 'chain' as const, head, descriptors, indirect, request: null, back: ending.back };
    });
}

/** Anything that a guest may do to a ring, with what a device expects the likelier. */
export const ringEdits = (options: RingEditOptions): Arbitrary<RingEdit> =>
  anyEdit(options).map((edit) => printed({ ...edit }, formatEdit));

function anyEdit(options: RingEditOptions): Arbitrary<RingEdit> {
  const { size, addresses, headers } = options;
  const index = fc.nat(size - 1);
  const types = fc.constantFrom(...Object.values(blockRequestType), 7, BLOCK_BARRIER, 0xffffffff);
  const sectors = fc.oneof(fc.nat(40), fc.constantFrom(0x7fffff, 0xffffffff));
  return fc.oneof(
    { weight: 28, arbitrary: wellFormed(options) },
    { weight: 10, arbitrary: wildChain(options) },
    {
      weight: 2,
      arbitrary: fc.record({
        edit: fc.constant('descriptor' as const),
        index,
        indirect: fc.boolean(),
        raw: rawDescriptors(options),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        edit: fc.constant('expose' as const),
        head: fc.oneof({ weight: 5, arbitrary: index }, { weight: 1, arbitrary: fc.nat(0xffff) }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ edit: fc.constant('index' as const), value: fc.nat(0xffff) }) },
    { weight: 1, arbitrary: fc.record({ edit: fc.constant('flags' as const), value: fc.nat(3) }) },
    {
      weight: 1,
      arbitrary: fc.record({ edit: fc.constant('used-event' as const), value: fc.nat(2 * size) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        edit: fc.constant('header' as const),
        address: fc.constantFrom(...headers),
        type: types,
        sector: sectors,
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...addresses), fc.nat(63), fc.nat(255))
        .map(([address, offset, value]) => ({ edit: 'byte' as const, address: address + offset, value })),
    },
  );
}
