import { ResourceError } from './errors.ts';

/** Where a kind of BAR may be put: [start, end). */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** Addresses that somebody has: [start, end). */
export interface Claim {
  readonly start: number;
  readonly end: number;
}

/** Index of the first of ascending claims that ends after an address. */
function firstAfter(claims: readonly Claim[], address: number): number {
  let low = 0;
  let high = claims.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (claims[middle]!.end > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The addresses of one space: who has which, and what is still free for BARs, each aligned to its size. */
export class AddressPool {
  /** What is taken, ascending and apart: claims that overlap or touch are one. */
  readonly #taken: Claim[] = [];
  /** Where the search goes on in a window, so that neighbours on the bus are neighbours in the space. */
  readonly #next = new Map<Window, number>();

  constructor(claims: readonly Claim[] = []) {
    for (const claim of claims) this.keep(claim);
  }

  isFree({ start, end }: Claim): boolean {
    const claim = this.#taken[firstAfter(this.#taken, start)];
    return claim === undefined || end <= claim.start;
  }

  /** Takes what somebody has already. */
  keep({ start, end }: Claim): void {
    const taken = this.#taken;
    // One that ends where this begins is joined too.
    let first = firstAfter(taken, start);
    if (first > 0 && taken[first - 1]!.end === start) first--;
    let after = first;
    while (after < taken.length && taken[after]!.start <= end) after++;
    const joined =
      first === after
        ? { start, end }
        : { start: Math.min(start, taken[first]!.start), end: Math.max(end, taken[after - 1]!.end) };
    taken.splice(first, after - first, joined);
  }

  /**
   * Finds `size` bytes in a window, at a multiple of `align`: after those taken last, or else in the first hole from its start.
   * @throws ResourceError naming `what` when there is none.
   */
  take(window: Window, size: number, what: string, align = size): number {
    const at =
      this.#search(this.#next.get(window) ?? window.start, window.end, size, align) ??
      this.#search(window.start, window.end, size, align);
    if (at === undefined) {
      const range = `0x${window.start.toString(16)}..0x${window.end.toString(16)}`;
      throw new ResourceError(`${what} of ${size} bytes: no room is left in ${range}`);
    }
    this.keep({ start: at, end: at + size });
    this.#next.set(window, at + size);
    return at;
  }

  /** First free place from `from` on. Address 0 is none: a BAR that holds it counts as one without address. */
  #search(from: number, end: number, size: number, align: number): number | undefined {
    let at = Math.max(align, Math.ceil(from / align) * align);
    for (let next = firstAfter(this.#taken, at); at + size <= end; next++) {
      const claim = this.#taken[next];
      if (claim === undefined || claim.start >= at + size) return at;
      at = Math.max(at, Math.ceil(claim.end / align) * align);
    }
    return undefined;
  }
}
