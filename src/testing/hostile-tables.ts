import type { Arbitrary } from 'fast-check';
import { type RawDescriptor, type RingWriter, rawDescriptor } from '../conformance/rings/index.ts';
import { DESCRIPTOR_BYTES, descriptorFlag } from '../virtio/layout/index.ts';
import { fc } from './fast-check.ts';
import { atLeast, oneAtLeast } from './options.ts';
import { printed } from './printed.ts';
import { applyEdit, formatEdit, type RingEdit } from './ring-edits.ts';

const { write: WRITE, indirect: INDIRECT, next: NEXT } = descriptorFlag;

/** What the tables are drawn around. */
export interface HostileTableOptions {
  /** Descriptors of the queue. */
  readonly size: number;
  readonly ring: 'split' | 'packed';
  /** Memory for data, of 2 KiB each. */
  readonly buffers: readonly number[];
  /** Where indirect tables are put: room for twice as many descriptors as the queue has, and four more. */
  readonly table: number;
  /** Where there is no memory; by default at 2^44, above every machine. */
  readonly beyond?: number;
}

/** A ring, or an indirect table, that no driver may make: what is wrong with it, and how it comes about. */
export interface HostileTable {
  readonly wrong: HostileTableKind;
  readonly edits: readonly RingEdit[];
  /** Where the edits put indirect tables. */
  readonly table: number;
}

const BEYOND = 2 ** 44;
const MOST_BYTES = 2048;
const ODD_BYTES = [1, 2, 4, 8, 12, 15] as const;
const EVERYTHING = 0xffffffff;

type ChainEdit = RingEdit & { edit: 'chain' };

const chain = (
  head: number,
  descriptors: readonly RawDescriptor[],
  more: Partial<Pick<ChainEdit, 'indirect' | 'back'>> = {},
): RingEdit => ({ edit: 'chain', head, descriptors, indirect: false, request: null, back: null, ...more });

const inTable = (index: number, raw: RawDescriptor): RingEdit => ({
  edit: 'descriptor',
  index,
  indirect: true,
  raw,
});

/** Drawn parts that kinds are made of. */
class Parts {
  readonly options: HostileTableOptions;
  readonly beyond: number;
  readonly head: Arbitrary<number>;
  readonly length: Arbitrary<number> = fc.integer({ min: 1, max: MOST_BYTES });
  readonly address: Arbitrary<number>;
  readonly readable: Arbitrary<RawDescriptor>;
  readonly writable: Arbitrary<RawDescriptor>;

  constructor(options: HostileTableOptions) {
    this.options = options;
    this.beyond = options.beyond ?? BEYOND;
    this.head = fc.nat(options.size - 1);
    this.address = fc.constantFrom(...options.buffers);
    this.readable = this.descriptor(0);
    this.writable = this.descriptor(WRITE);
  }

  descriptor(flags: number, length = this.length, address = this.address): Arbitrary<RawDescriptor> {
    return fc.tuple(address, length).map(([at, bytes]) => rawDescriptor(at, bytes, flags));
  }

  /** Readable ones, and then writable ones: a chain as it should be. Each of them shrinks, however many there have to be. */
  good(least: number, most: number): Arbitrary<RawDescriptor[]> {
    const either = fc
      .tuple(fc.boolean(), this.address, this.length)
      .map(([writable, at, bytes]) => rawDescriptor(at, bytes, writable ? WRITE : 0));
    return fc
      .integer({ min: least, max: most })
      .chain((count) => fc.tuple(...Array.from({ length: count }, () => either)))
      .map((list) => list.toSorted((a, b) => a.flags - b.flags));
  }

  /** A descriptor that refers to a table of so many bytes. */
  reference(bytes: Arbitrary<number>, address = this.options.table): Arbitrary<RawDescriptor> {
    return bytes.map((length) => rawDescriptor(address, length, INDIRECT));
  }
}

/** Any of a list goes to any place of another. */
const inserted = (
  list: Arbitrary<RawDescriptor[]>,
  bad: Arbitrary<RawDescriptor>,
): Arbitrary<RawDescriptor[]> =>
  fc.tuple(list, bad, fc.nat(8)).map(([good, one, at]) => good.toSpliced(at % (good.length + 1), 0, one));

interface Row {
  readonly rings: readonly HostileTableOptions['ring'][];
  draw(parts: Parts): Arbitrary<RingEdit[]>;
}

const both = ['split', 'packed'] as const;
const single = (edit: Arbitrary<RingEdit>): Arbitrary<RingEdit[]> => edit.map((each) => [each]);

/** A chain in the ring or in a table, with something wrong about its descriptors. */
const wrongChain = (parts: Parts, list: Arbitrary<RawDescriptor[]>, indirect = fc.boolean()) =>
  single(
    fc
      .tuple(parts.head, list, indirect)
      .map(([head, descriptors, by]) => chain(head, descriptors, { indirect: by })),
  );

const rows = {
  'chain-with-loop': {
    rings: ['split'],
    draw: (parts: Parts) =>
      single(
        fc
          .tuple(parts.head, parts.good(1, 4), fc.nat(3))
          .map(([head, list, back]) =>
            chain(head, list, { back: (head + (back % list.length)) % parts.options.size }),
          ),
      ),
  },
  'list-without-end': {
    rings: ['packed'],
    draw: (parts: Parts) =>
      single(fc.tuple(parts.head, parts.good(1, 4)).map(([head, list]) => chain(head, list, { back: 0 }))),
  },
  'table-with-loop': {
    rings: ['split'],
    draw: (parts: Parts) =>
      single(
        fc
          .tuple(parts.head, parts.good(1, 4), fc.nat(3))
          .map(([head, list, back]) => chain(head, list, { indirect: true, back: back % list.length })),
      ),
  },
  'next-outside-table': {
    rings: ['split'],
    draw: (parts: Parts) =>
      single(
        fc
          .tuple(parts.head, parts.good(1, 3), fc.nat(0xff), fc.boolean())
          .map(([head, list, over, indirect]) =>
            chain(head, list, { indirect, back: (indirect ? list.length : parts.options.size) + over }),
          ),
      ),
  },
  'head-outside-table': {
    rings: ['split'],
    draw: ({ options: { size } }: Parts) =>
      single(fc.integer({ min: size, max: 0xffff }).map((head) => ({ edit: 'expose' as const, head }))),
  },
  'index-too-far-ahead': {
    rings: ['split'],
    draw: ({ options: { size } }: Parts) =>
      single(fc.integer({ min: size + 1, max: 0x7fff }).map((value) => ({ edit: 'index' as const, value }))),
  },
  'readable-after-writable': {
    rings: both,
    draw: (parts: Parts) =>
      wrongChain(
        parts,
        fc.tuple(parts.good(0, 2), parts.writable, parts.readable).map(([good, w, r]) => [...good, w, r]),
      ),
  },
  'buffers-of-no-bytes': {
    rings: both,
    draw: (parts: Parts) =>
      wrongChain(
        parts,
        inserted(
          parts.good(0, 3),
          fc.constantFrom(0, WRITE).chain((flags) => parts.descriptor(flags, fc.constant(0))),
        ),
      ),
  },
  'buffer-beyond-memory': {
    rings: both,
    draw: (parts: Parts) => {
      const far = fc.nat(0xffff).map((offset) => parts.beyond + offset);
      return wrongChain(
        parts,
        inserted(
          parts.good(0, 3),
          fc.constantFrom(0, WRITE).chain((flags) => parts.descriptor(flags, parts.length, far)),
        ),
      );
    },
  },
  'chain-of-too-many-bytes': {
    rings: both,
    draw: (parts: Parts) => {
      const long = parts.descriptor(WRITE, fc.integer({ min: EVERYTHING - MOST_BYTES, max: EVERYTHING }));
      return wrongChain(parts, fc.array(long, { minLength: 2, maxLength: 4 }));
    },
  },
  'chain-longer-than-queue': {
    rings: both,
    draw: (parts: Parts) => {
      const { size } = parts.options;
      return wrongChain(parts, parts.good(size + 1, size + 4), fc.constant(false));
    },
  },
  'table-longer-than-queue': {
    rings: both,
    draw: (parts: Parts) => {
      const { size } = parts.options;
      return wrongChain(parts, parts.good(size + 1, 2 * size + 4), fc.constant(true));
    },
  },
  'indirect-in-table': {
    rings: both,
    draw: (parts: Parts) =>
      wrongChain(
        parts,
        inserted(parts.good(0, 3), parts.reference(fc.constant(DESCRIPTOR_BYTES))),
        fc.constant(true),
      ),
  },
  'indirect-in-middle': {
    rings: both,
    draw: (parts: Parts) =>
      fc
        .tuple(parts.head, parts.readable, parts.good(1, 2), parts.good(0, 2))
        .map(([head, inside, after, before]) => [
          inTable(0, inside),
          chain(head, [
            ...before,
            rawDescriptor(parts.options.table, DESCRIPTOR_BYTES, INDIRECT | NEXT),
            ...after,
          ]),
        ]),
  },
  'table-of-odd-length': {
    rings: both,
    draw: (parts: Parts) =>
      fc
        .tuple(parts.head, parts.good(1, 3), fc.constantFrom(...ODD_BYTES))
        .chain(([head, list, odd]) =>
          parts
            .reference(fc.constant(DESCRIPTOR_BYTES * (list.length - 1) + odd))
            .map((reference) => [...list.map((raw, i) => inTable(i, raw)), chain(head, [reference])]),
        ),
  },
  'table-of-no-bytes': {
    rings: both,
    draw: (parts: Parts) =>
      wrongChain(
        parts,
        parts.reference(fc.constant(0)).map((one) => [one]),
        fc.constant(false),
      ),
  },
  'table-beyond-memory': {
    rings: both,
    draw: (parts: Parts) => {
      const bytes = fc.integer({ min: 1, max: 4 }).map((count) => DESCRIPTOR_BYTES * count);
      return wrongChain(
        parts,
        parts.reference(bytes, parts.beyond).map((one) => [one]),
        fc.constant(false),
      );
    },
  },
} as const satisfies Readonly<Record<string, Row>>;

export type HostileTableKind = keyof typeof rows;

/** What may be wrong, by the ring that it can be done to. */
export const hostileTableKinds = (ring: HostileTableOptions['ring']): readonly HostileTableKind[] =>
  (Object.keys(rows) as HostileTableKind[]).filter((kind) =>
    (rows[kind].rings as readonly string[]).includes(ring),
  );

/** `readable-after-writable: chain 0: W 0x300000+1, R 0x300000+1`. */
export const formatHostileTable = ({ wrong, edits }: HostileTable): string =>
  `${wrong}: ${edits.map(formatEdit).join('; ')}`;

/**
 * Descriptor tables and rings that no driver may make, of every kind that the ring can have: loops, indices and addresses that
 * lead out, buffers and tables of no bytes, tables in tables, the wrong order, more descriptors than the queue has.
 * @param kinds which ones; by default all. @throws OptionError
 */
export function hostileTables(
  options: HostileTableOptions,
  kinds: readonly HostileTableKind[] = hostileTableKinds(options.ring),
): Arbitrary<HostileTable> {
  oneAtLeast('kinds', kinds, hostileTableKinds(options.ring));
  atLeast('size', options.size, 1);
  oneAtLeast('buffers', options.buffers);
  const parts = new Parts(options);
  const { table } = options;
  return fc
    .oneof(...kinds.map((wrong) => rows[wrong].draw(parts).map((edits) => ({ wrong, edits, table }))))
    .map((each) => printed(each, formatHostileTable));
}

/** Writes a hostile table where a device will find it; the kick is the caller's. */
export function applyHostileTable(writer: RingWriter, { edits, table }: HostileTable): void {
  for (const edit of edits) applyEdit(writer, edit, table);
}
