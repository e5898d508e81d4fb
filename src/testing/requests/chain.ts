import { type FieldWidth, FOUR_GIB, type Register, type RegisterMap, sizeOf } from '../../core/index.ts';

/** For whom a request is written down. */
export interface RequestOccasion {
  /** The driver speaks virtio 1.x; by default it does. */
  readonly modern?: boolean;
  /** Byte order of the guest: that of fields of a legacy driver's requests. By default little-endian. */
  readonly littleEndian?: boolean;
}

/** One buffer of a chain. */
export interface RequestBuffer {
  /** What it holds: less than `length` where a hostile driver claims more, nothing where the device is to write. */
  readonly content: Uint8Array;
  /** Bytes that its descriptor claims. */
  readonly length: number;
  readonly writable: boolean;
}

/** Where a field of a structure stands in the readable bytes of a chain. */
export interface RequestField {
  readonly name: string;
  readonly offset: number;
  readonly width: FieldWidth;
  readonly littleEndian: boolean;
}

/** A request as the device gets it. */
export interface RequestChain {
  readonly queue: number;
  readonly buffers: readonly RequestBuffer[];
  readonly fields: readonly RequestField[];
}

const NOTHING = new Uint8Array();

export const readableBuffer = (content: Uint8Array): RequestBuffer => ({
  content,
  length: content.length,
  writable: false,
});
export const writableBuffer = (length: number): RequestBuffer => ({
  content: NOTHING,
  length,
  writable: true,
});

/** Puts one number into bytes, as a field of `width` bytes; one of 64 bits is below 2^53. */
export function putField(
  bytes: Uint8Array,
  { offset, width, littleEndian }: Pick<RequestField, 'offset' | 'width' | 'littleEndian'>,
  value: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (width === 1) view.setUint8(offset, value);
  else if (width === 2) view.setUint16(offset, value, littleEndian);
  else if (width === 4) view.setUint32(offset, value, littleEndian);
  else {
    const [low, high] = [value % FOUR_GIB, Math.floor(value / FOUR_GIB)];
    view.setUint32(offset, littleEndian ? low : high, littleEndian);
    view.setUint32(offset + 4, littleEndian ? high : low, littleEndian);
  }
}

type FieldValue = number | ArrayLike<number>;

/** Writes a request down, structure by structure, and remembers where the fields are. */
export class ChainWriter {
  readonly modern: boolean;
  readonly littleEndian: boolean;
  readonly #buffers: RequestBuffer[] = [];
  readonly #fields: RequestField[] = [];
  #piece: Uint8Array[] = [];
  #length = 0;

  constructor({ modern = true, littleEndian = true }: RequestOccasion) {
    this.modern = modern;
    this.littleEndian = modern || littleEndian;
  }

  /** A structure of a table, `length` bytes of it; a field that is not named is 0, and one that the cut goes through is left out. */
  structure(
    map: RegisterMap,
    values: Readonly<Record<string, FieldValue>>,
    length: number,
    littleEndian = this.littleEndian,
  ): this {
    const bytes = new Uint8Array(length);
    for (const [name, register] of Object.entries(map)) {
      if (register.offset + sizeOf(register) > length) continue;
      this.#field(bytes, name, register, values[name] ?? 0, littleEndian);
    }
    return this.bytes(bytes);
  }

  #field(
    bytes: Uint8Array,
    name: string,
    register: Register,
    value: FieldValue,
    littleEndian: boolean,
  ): void {
    const { offset, width, count } = register;
    if (typeof value !== 'number') bytes.set(Array.from(value).slice(0, count), offset);
    else putField(bytes, { offset, width, littleEndian }, value);
    this.#fields.push({ name, offset: this.#length + offset, width, littleEndian });
  }

  /** One number that stands in no table. */
  number(name: string, width: FieldWidth, value: number, littleEndian = this.littleEndian): this {
    const bytes = new Uint8Array(width);
    putField(bytes, { offset: 0, width, littleEndian }, value);
    this.#fields.push({ name, offset: this.#length, width, littleEndian });
    return this.bytes(bytes);
  }

  bytes(bytes: Uint8Array): this {
    this.#piece.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** What follows stands in a buffer of its own. */
  cut(): this {
    const length = this.#piece.reduce((sum, bytes) => sum + bytes.length, 0);
    const content = new Uint8Array(length);
    let at = 0;
    for (const bytes of this.#piece) {
      content.set(bytes, at);
      at += bytes.length;
    }
    if (length > 0) this.#buffers.push(readableBuffer(content));
    this.#piece = [];
    return this;
  }

  /** The chain, with so many bytes in each writable buffer; of 0 there is none. */
  chain(queue: number, writable: readonly number[]): RequestChain {
    this.cut();
    const room = writable.filter((length) => length > 0).map(writableBuffer);
    return { queue, buffers: [...this.#buffers, ...room], fields: this.#fields };
  }
}

/** Bytes that tell places and requests apart. */
export const patternBytes = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + (i >> 8)) & 0xff);
