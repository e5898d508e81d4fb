import fc from 'fast-check';
import { FOUR_GIB } from '../../core/index.ts';
import {
  BLOCK_BARRIER,
  blockRequestType,
  DESCRIPTOR_BYTES,
  descriptorFlag,
} from '../../virtio/layout/index.ts';
import type { RawDescriptor, RingScribe } from './scribe.ts';

/** One thing that a guest may do to its ring. A list of these reaches any content whatsoever. */
export type RingEdit =
  | {
      /**
       * Descriptors linked one after another, the shape that a device expects, and exposed; indirect: in a table of their
       * own. With `request` the first one's buffer gets the header of a block request.
       */
      readonly edit: 'chain';
      readonly head: number;
      readonly descriptors: readonly RawDescriptor[];
      readonly indirect: boolean;
      readonly request: { readonly type: number; readonly sector: number } | null;
    }
  | {
      readonly edit: 'descriptor';
      readonly index: number;
      readonly indirect: boolean;
      readonly raw: RawDescriptor;
    }
  | { readonly edit: 'expose'; readonly head: number }
  | { readonly edit: 'index'; readonly value: number }
  | { readonly edit: 'flags'; readonly value: number }
  | { readonly edit: 'used-event'; readonly value: number }
  | { readonly edit: 'header'; readonly address: number; readonly type: number; readonly sector: number }
  | { readonly edit: 'byte'; readonly address: number; readonly value: number };

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
}

const lengths = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 16, 512, 1024) },
  { weight: 2, arbitrary: fc.constantFrom(0, 2, 15, 17, 20, 21, 32, 48, 513, 528, 4096, 16384, 16400) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff) },
  { weight: 1, arbitrary: fc.nat(4096) },
);

const low = fc.integer({ min: 0, max: 0xffffffff });

function addressesAround(places: readonly number[]) {
  const near = fc.tuple(
    fc.constantFrom(...places),
    fc.oneof(fc.constant(0), fc.integer({ min: -20, max: 20 })),
  );
  return fc.oneof(
    {
      weight: 8,
      arbitrary: near.map(([place, delta]) => {
        const address = Math.max(0, place + delta);
        return { addressLow: address % FOUR_GIB, addressHigh: Math.floor(address / FOUR_GIB) };
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        addressLow: low,
        addressHigh: fc.constantFrom(0, 1, 0x1fffff, 0x200000, 0xffffffff),
      }),
    },
  );
}

function rawDescriptors(options: RingEditOptions): fc.Arbitrary<RawDescriptor> {
  return fc
    .tuple(
      addressesAround(options.addresses),
      lengths,
      fc.oneof({ weight: 6, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
      fc.oneof({ weight: 6, arbitrary: fc.nat(options.size) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
    )
    .map(([address, length, flags, next]) => ({ ...address, length, flags, next }));
}

const at = (address: number, length: number, flags: number): RawDescriptor => ({
  addressLow: address % FOUR_GIB,
  addressHigh: Math.floor(address / FOUR_GIB),
  length,
  flags,
  next: 0,
});

type ChainEdit = RingEdit & { edit: 'chain' };

/** A block request as it should be, or nearly: every framing, data of whole sectors as a rule. */
function wellFormed({ size, headers, buffers }: RingEditOptions): fc.Arbitrary<ChainEdit> {
  const types = Object.values(blockRequestType);
  const data = fc.tuple(fc.constantFrom(...buffers), fc.constantFrom(512, 512, 1024, 2048, 20, 492));
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
        descriptors: [
          at(header, 16, 0),
          ...pieces.map(([address, length]) => at(address, length, writable)),
          at(status, 1, descriptorFlag.write),
        ],
      };
    });
}

/** Readable descriptors before writable ones, and nothing else in order. */
function wildChain(options: RingEditOptions): fc.Arbitrary<ChainEdit> {
  const part = fc
    .tuple(rawDescriptors(options), fc.boolean())
    .map(([raw, writable]) => ({ ...raw, flags: writable ? descriptorFlag.write : 0 }));
  const header = fc.constantFrom(...options.headers).map((address) => at(address, 16, 0));
  const parts = fc
    .tuple(fc.option(header, { freq: 4 }), fc.array(part, { minLength: 1, maxLength: 4 }))
    .map(([first, rest]) => [...(first === null ? [] : [first]), ...rest.sort((a, b) => a.flags - b.flags)]);
  return fc.record({
    edit: fc.constant('chain' as const),
    head: fc.nat(options.size - 1),
    descriptors: parts,
    indirect: fc.boolean(),
    request: fc.constant(null),
  });
}

/** Anything that a guest may do to a ring, with what a device expects the likelier. */
export function ringEdits(options: RingEditOptions): fc.Arbitrary<RingEdit> {
  const { size, addresses, headers } = options;
  const index = fc.nat(size - 1);
  const types = fc.constantFrom(...Object.values(blockRequestType), 7, BLOCK_BARRIER, 0xffffffff);
  const sectors = fc.oneof(fc.nat(40), fc.constantFrom(0x7fffff, 0xffffffff));
  return fc.oneof(
    { weight: 28, arbitrary: wellFormed(options) },
    { weight: 5, arbitrary: wildChain(options) },
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

/** Carries an edit out. `indirectTable` is where chains of that kind put their descriptors. */
export function applyEdit(scribe: RingScribe, edit: RingEdit, indirectTable: number): void {
  switch (edit.edit) {
    case 'chain': {
      const { descriptors, head, indirect, request } = edit;
      const [first] = descriptors;
      if (request !== null && first !== undefined)
        scribe.blockHeader(first.addressHigh * FOUR_GIB + first.addressLow, request.type, request.sector);
      for (const [i, raw] of descriptors.entries()) {
        const last = i === descriptors.length - 1;
        const place = indirect ? i : (head + i) & (scribe.size - 1);
        const next = indirect ? i + 1 : (place + 1) & (scribe.size - 1);
        const flags = (raw.flags & ~descriptorFlag.next) | (last ? 0 : descriptorFlag.next);
        scribe.descriptor(place, { ...raw, flags, next }, indirect ? indirectTable : scribe.place.descriptor);
      }
      if (indirect)
        scribe.descriptor(
          head,
          at(indirectTable, DESCRIPTOR_BYTES * descriptors.length, descriptorFlag.indirect),
        );
      scribe.expose(head);
      break;
    }
    case 'descriptor':
      scribe.descriptor(edit.index, edit.raw, edit.indirect ? indirectTable : scribe.place.descriptor);
      break;
    case 'expose':
      scribe.expose(edit.head);
      break;
    case 'index':
      scribe.availableIndex = edit.value;
      break;
    case 'flags':
      scribe.setFlags(edit.value);
      break;
    case 'used-event':
      scribe.setUsedEvent(edit.value);
      break;
    case 'header':
      scribe.blockHeader(edit.address, edit.type, edit.sector);
      break;
    case 'byte':
      scribe.put(edit.address, 1, edit.value);
      break;
  }
}
