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

/** The addresses of one space: who has which, and what is still free for BARs, each aligned to its size. */
export class AddressPool {
  readonly #claims: Claim[];
  /** Where the search goes on in a window, so that neighbours on the bus are neighbours in the space. */
  readonly #next = new Map<Window, number>();

  constructor(claims: readonly Claim[] = []) {
    this.#claims = [...claims];
  }

  isFree({ start, end }: Claim): boolean {
    return this.#claims.every((claim) => claim.end <= start || end <= claim.start);
  }

  /** Takes what somebody has already. */
  keep(claim: Claim): void {
    this.#claims.push(claim);
  }

  /**
   * Finds `size` bytes, a power of two, in a window: after those taken last, or else in the first hole from its start.
   * @throws ResourceError naming `what` when there is none.
   */
  take(window: Window, size: number, what: string): number {
    const at =
      this.#search(this.#next.get(window) ?? window.start, window.end, size) ??
      this.#search(window.start, window.end, size);
    if (at === undefined) {
      const range = `0x${window.start.toString(16)}..0x${window.end.toString(16)}`;
      throw new ResourceError(`${what} of ${size} bytes: no room is left in ${range}`);
    }
    this.keep({ start: at, end: at + size });
    this.#next.set(window, at + size);
    return at;
  }

  /** First free place from `from` on. Address 0 is none: a BAR that holds it counts as one without address. */
  #search(from: number, end: number, size: number): number | undefined {
    let at = Math.max(size, Math.ceil(from / size) * size);
    while (at + size <= end) {
      const claim = this.#claims.find((each) => each.end > at && each.start < at + size);
      if (claim === undefined) return at;
      at = Math.ceil(claim.end / size) * size;
    }
    return undefined;
  }
}
