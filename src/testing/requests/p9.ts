import type { Arbitrary } from 'fast-check';
import {
  encodeP9,
  isRequest,
  NO_FID,
  NO_TAG,
  type P9FieldKind,
  type P9Fields,
  type P9MessageName,
  p9Header,
  p9Messages,
  p9Queue,
  p9Version,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { oneAtLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { ChainWriter, type RequestChain, type RequestOccasion } from './chain.ts';

/** A message to a file server, and the bytes of room for its reply. */
export interface P9Request {
  readonly type: 'p9';
  readonly kind: P9RequestName;
  readonly tag: number;
  /** As `encodeP9` takes them. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly room: number;
}

export type P9RequestName = Extract<P9MessageName, `T${string}`>;

const names = Object.entries(p9Messages)
  .filter(([, { type }]) => isRequest(type))
  .map(([name]) => name as P9RequestName);

/** Files and folders that are walked to: one that is there, and some that hardly are. */
const NAMES = ['greeting', '.', '..', 'folder', 'a'] as const;
const FIDS = 4;
const MOST_BYTES = 512;
const MSIZES = [8192, 4096, 65536] as const;

const kinds: Readonly<Record<P9FieldKind, Arbitrary<unknown>>> = {
  u8: fc.nat(0xff),
  u16: fc.nat(FIDS),
  u32: fc.nat(0xff),
  u64: fc.nat(0xffff).map(BigInt),
  string: fc.constantFrom('', 'root'),
  strings: fc.array(fc.constantFrom(...NAMES), { maxLength: 3 }),
  qid: fc.constant({ type: 0, version: 0, path: 0n }),
  qids: fc.constant([]),
  data: fc.uint8Array({ maxLength: MOST_BYTES }),
};

/** Fields for which not every value of their kind makes sense. */
const special: Readonly<Record<string, Arbitrary<unknown>>> = {
  fid: fc.nat(FIDS),
  newfid: fc.nat(FIDS),
  afid: fc.constant(NO_FID),
  nUname: fc.constantFrom(0, 1000),
  msize: fc.constantFrom(...MSIZES),
  version: fc.constantFrom(p9Version.linux, p9Version.unix, p9Version.plain),
  count: fc.nat(MOST_BYTES),
  flags: fc.constantFrom(0, 1, 2),
};

function valueText(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `[${value.join(' ')}]`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** `Tread fid 1, offset 0, count 16; tag 0, room for 64 bytes`. */
export function formatP9Request({ kind, tag, fields, room }: P9Request): string {
  const texts = Object.entries(fields).map(([name, value]) => `${name} ${valueText(value)}`);
  return `${kind}${texts.length === 0 ? '' : ` ${texts.join(', ')}`}; tag ${tag}, room for ${room} bytes`;
}

export interface P9RequestOptions {
  /** Which messages; by default every one that a driver sends. */
  readonly messages?: readonly P9RequestName[];
}

/** Messages of 9P2000.L that a driver sends, by the table of messages. Fids, tags and offsets are small, so that they meet. */
export function p9Requests({ messages = names }: P9RequestOptions = {}): Arbitrary<P9Request> {
  return fc
    .constantFrom(...oneAtLeast('messages', messages, names))
    .chain((kind) => {
      const fields = Object.entries(p9Messages[kind].fields).map(
        ([name, of]) => [name, special[name] ?? kinds[of as P9FieldKind]] as const,
      );
      return fc.record({
        type: fc.constant('p9' as const),
        kind: fc.constant(kind),
        tag: kind === 'Tversion' ? fc.constant(NO_TAG) : fc.nat(FIDS),
        fields: fc.record(Object.fromEntries(fields)),
        room: fc.integer({ min: p9Header.bytes + 4, max: 2 * MOST_BYTES }),
      });
    })
    .map((request) => printed(request, formatP9Request));
}

/** The message in one buffer, and room for the reply in another. */
export function p9Chain(
  { kind, tag, fields, room }: P9Request,
  occasion: RequestOccasion = {},
): RequestChain {
  const bytes = encodeP9(kind, fields as P9Fields<typeof kind>, tag);
  const writer = new ChainWriter(occasion);
  // Whatever the guest is, the protocol is little-endian.
  const { size, type, tag: at } = p9Header;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  writer.number('size', 4, view.getUint32(size, true), true);
  writer.number('type', 1, bytes[type]!).number('tag', 2, view.getUint16(at, true), true);
  return writer.bytes(bytes.subarray(p9Header.bytes)).chain(p9Queue.request, [room]);
}
