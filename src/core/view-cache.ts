const VIEW_SLOTS = 1024;
/** Multiplicative hashing: neighbouring buffers of any spacing spread over the slots. */
const HASH_MULTIPLIER = 0x9e3779b1;
const HASH_SHIFT = 32 - Math.log2(VIEW_SLOTS);

/** A view with its place beside it: asking the array itself costs more than the copy of a header. */
class KnownView {
  readonly view: Uint8Array;
  readonly offset: number;
  readonly length: number;

  constructor(view: Uint8Array, offset: number, length: number) {
    this.view = view;
    this.offset = offset;
    this.length = length;
  }
}

const NONE = new KnownView(new Uint8Array(0), -1, 0);
/** What every cache has before its first view. */
const nothing: readonly KnownView[] = new Array(VIEW_SLOTS).fill(NONE);

/**
 * Views of one array, remembered by place: the typed arrays that `set` wants as its source. Buffers recur, so in
 * steady state nothing is allocated (a fresh view for each 512-byte copy costs more than the copy).
 */
export class ViewCache {
  readonly bytes: Uint8Array;
  #known = nothing as KnownView[];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The `length` bytes from `offset`; the caller has checked both. */
  view(offset: number, length: number): Uint8Array {
    const slot = Math.imul(offset, HASH_MULTIPLIER) >>> HASH_SHIFT;
    const known = this.#known[slot]!;
    if (known.offset === offset && known.length === length) return known.view;
    const view = this.bytes.subarray(offset, offset + length);
    if (this.#known === nothing) this.#known = [...nothing];
    this.#known[slot] = new KnownView(view, offset, length);
    return view;
  }
}
