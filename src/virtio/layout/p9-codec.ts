import { NO_TAG, p9Header } from './p9.ts';
import {
  type P9FieldKind,
  type P9Message,
  type P9MessageName,
  type P9Qid,
  p9Messages,
} from './p9-messages.ts';

interface Kinds {
  readonly u8: number;
  readonly u16: number;
  readonly u32: number;
  readonly u64: bigint;
  readonly string: string;
  readonly strings: readonly string[];
  readonly qid: P9Qid;
  readonly qids: readonly P9Qid[];
  readonly data: Uint8Array;
}

/** Fields of a message by name. */
export type P9Fields<N extends P9MessageName> = {
  readonly [F in keyof (typeof p9Messages)[N]['fields']]: (typeof p9Messages)[N]['fields'][F] extends infer K extends
    P9FieldKind
    ? Kinds[K]
    : never;
};

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** Bytes that are written one after the other, little-endian. */
export class P9Writer {
  readonly #bytes: number[] = [];

  uint(value: number, width: 1 | 2 | 4): this {
    for (let i = 0; i < width; i++) this.#bytes.push((value >>> (8 * i)) & 0xff);
    return this;
  }

  u64(value: bigint): this {
    return this.uint(Number(value & 0xffffffffn), 4).uint(Number((value >> 32n) & 0xffffffffn), 4);
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  string(value: string): this {
    const bytes = utf8.encode(value);
    return this.uint(bytes.length, 2).raw(bytes);
  }

  qid({ type, version, path }: P9Qid): this {
    return this.uint(type, 1).uint(version, 4).u64(path);
  }

  get length(): number {
    return this.#bytes.length;
  }

  take(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads what a {@link P9Writer} wrote. Past the end everything is 0 or empty, and `ok` is false. */
export class P9Reader {
  ok = true;
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  raw(length: number): Uint8Array {
    if (length > this.left) {
      this.ok = false;
      return new Uint8Array();
    }
    this.at += length;
    return this.#bytes.slice(this.at - length, this.at);
  }

  uint(width: 1 | 2 | 4): number {
    let value = 0;
    for (const [i, byte] of this.raw(width).entries()) value += byte * 2 ** (8 * i);
    return value;
  }

  u64(): bigint {
    const low = this.uint(4);
    return (BigInt(this.uint(4)) << 32n) | BigInt(low);
  }

  string(): string {
    return text.decode(this.raw(this.uint(2)));
  }

  qid(): P9Qid {
    return { type: this.uint(1), version: this.uint(4), path: this.u64() };
  }

  /** As many elements as a 16-bit count says; none past the end. */
  list<T>(read: () => T): T[] {
    const found: T[] = [];
    for (let count = this.uint(2); count > 0 && this.ok; count--) found.push(read());
    return found;
  }
}

const writers: { readonly [K in P9FieldKind]: (to: P9Writer, value: Kinds[K]) => void } = {
  u8: (to, value) => to.uint(value, 1),
  u16: (to, value) => to.uint(value, 2),
  u32: (to, value) => to.uint(value, 4),
  u64: (to, value) => to.u64(value),
  string: (to, value) => to.string(value),
  strings: (to, values) => {
    to.uint(values.length, 2);
    for (const value of values) to.string(value);
  },
  qid: (to, value) => to.qid(value),
  qids: (to, values) => {
    to.uint(values.length, 2);
    for (const value of values) to.qid(value);
  },
  data: (to, value) => to.uint(value.length, 4).raw(value),
};

const readers: { readonly [K in P9FieldKind]: (from: P9Reader) => Kinds[K] } = {
  u8: (from) => from.uint(1),
  u16: (from) => from.uint(2),
  u32: (from) => from.uint(4),
  u64: (from) => from.u64(),
  string: (from) => from.string(),
  strings: (from) => from.list(() => from.string()),
  qid: (from) => from.qid(),
  qids: (from) => from.list(() => from.qid()),
  data: (from) => from.raw(from.uint(4)),
};

/** A message as bytes, its size and type before it. @param tag by default the one of a version message. */
export function encodeP9<N extends P9MessageName>(name: N, fields: P9Fields<N>, tag = NO_TAG): Uint8Array {
  const message: P9Message = p9Messages[name];
  const body = new P9Writer();
  const values = fields as Readonly<Record<string, never>>;
  for (const [field, kind] of Object.entries(message.fields)) writers[kind](body, values[field]!);
  const size = p9Header.bytes + body.length;
  return new P9Writer().uint(size, 4).uint(message.type, 1).uint(tag, 2).raw(body.take()).take();
}

/** The type of a message, 0 where there is none. */
export const p9Type = (bytes: Uint8Array) => bytes[p9Header.type] ?? 0;
export const p9Tag = (bytes: Uint8Array) => bytes[p9Header.tag]! | (bytes[p9Header.tag + 1]! << 8);

/** The fields of a message; null where it has another type, or is too short. */
export function decodeP9<N extends P9MessageName>(name: N, bytes: Uint8Array): P9Fields<N> | null {
  const message: P9Message = p9Messages[name];
  if (p9Type(bytes) !== message.type) return null;
  const from = new P9Reader(bytes, p9Header.bytes);
  const fields: Record<string, unknown> = {};
  for (const [field, kind] of Object.entries(message.fields)) fields[field] = readers[kind](from);
  return from.ok ? (fields as P9Fields<N>) : null;
}
