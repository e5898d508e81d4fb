/** Neighbouring pages: the number of the first, and how many. */
export interface PageRange {
  readonly first: number;
  readonly count: number;
}

/** Pages of one piece of the bitmap: 128 MiB of memory in 4 KiB. */
const PIECE_PAGES = 0x8000;

/**
 * A set of pages by number: a bitmap in pieces, made where a page is added. Whoever adds only pages that exist bounds it by
 * the size of memory.
 */
export class PageSet {
  readonly #pieces = new Map<number, Uint32Array>();
  #size = 0;

  /** Pages in the set. */
  get size(): number {
    return this.#size;
  }

  has(page: number): boolean {
    const piece = this.#pieces.get(Math.floor(page / PIECE_PAGES));
    if (piece === undefined) return false;
    const bit = page % PIECE_PAGES;
    return ((piece[bit >> 5]! >>> (bit & 31)) & 1) !== 0;
  }

  /** @returns false when the page was in the set already. */
  add(page: number): boolean {
    if (this.has(page)) return false;
    const index = Math.floor(page / PIECE_PAGES);
    let piece = this.#pieces.get(index);
    if (piece === undefined) this.#pieces.set(index, (piece = new Uint32Array(PIECE_PAGES / 32)));
    const bit = page % PIECE_PAGES;
    piece[bit >> 5]! |= 1 << (bit & 31);
    this.#size++;
    return true;
  }

  /** @returns false when the page was not in the set. */
  remove(page: number): boolean {
    if (!this.has(page)) return false;
    const bit = page % PIECE_PAGES;
    this.#pieces.get(Math.floor(page / PIECE_PAGES))![bit >> 5]! &= ~(1 << (bit & 31));
    this.#size--;
    return true;
  }

  clear(): void {
    this.#pieces.clear();
    this.#size = 0;
  }

  /** The set as ranges, ascending; neighbours are joined. */
  ranges(): PageRange[] {
    const found: { first: number; count: number }[] = [];
    for (const index of [...this.#pieces.keys()].sort((a, b) => a - b)) {
      const piece = this.#pieces.get(index)!;
      for (const [word, bits] of piece.entries())
        for (let bit = 0; bits >>> bit !== 0 && bit < 32; bit++) {
          if (((bits >>> bit) & 1) === 0) continue;
          const page = index * PIECE_PAGES + word * 32 + bit;
          const last = found.at(-1);
          if (last !== undefined && last.first + last.count === page) last.count++;
          else found.push({ first: page, count: 1 });
        }
    }
    return found;
  }

  save(): number[] {
    return this.ranges().flatMap(({ first, count }) => [first, count]);
  }

  load(numbers: readonly number[]): void {
    this.clear();
    for (let i = 0; i < numbers.length; i += 2)
      for (let page = numbers[i]!; page < numbers[i]! + numbers[i + 1]!; page++) this.add(page);
  }
}
