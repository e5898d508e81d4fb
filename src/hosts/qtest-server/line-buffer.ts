const LINE_FEED = 10;

/** Bytes as they come, taken line by line. */
export class LineBuffer {
  readonly #most: number;
  #pieces: Uint8Array[] = [];
  /** Pieces that have no line's end. */
  #searched = 0;
  /** Bytes in those. */
  #unfinished = 0;

  /** @param most bytes of a line. */
  constructor(most: number) {
    this.#most = most;
  }

  add(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
  }

  /** The next line without its end, a character a byte; null while there is no whole one, and after one that is too long. */
  next(): string | null {
    for (; this.#searched < this.#pieces.length; this.#searched++) {
      const piece = this.#pieces[this.#searched]!;
      const end = piece.indexOf(LINE_FEED);
      if (end < 0) {
        this.#unfinished += piece.length;
        continue;
      }
      if (this.#unfinished + end > this.#most) break;
      const line = Buffer.concat([...this.#pieces.splice(0, this.#searched), piece.subarray(0, end)]);
      this.#pieces[0] = piece.subarray(end + 1);
      this.#searched = this.#unfinished = 0;
      return line.toString('latin1');
    }
    return null;
  }

  /** Somebody sends a line that never ends. */
  get tooLong(): boolean {
    const next = this.#pieces[this.#searched];
    return this.#unfinished + (next === undefined ? 0 : next.indexOf(LINE_FEED)) > this.#most;
  }
}
