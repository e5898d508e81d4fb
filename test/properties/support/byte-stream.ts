/** Bytes that tell port, direction and place apart. */
export class ByteStream {
  readonly #seed: number;
  sent: number[] = [];
  got: number[] = [];
  /** Bytes on their way may have been lost: at the end, or anywhere. */
  mayEnd = false;
  mayLose = false;

  constructor(seed: number) {
    this.#seed = seed;
  }

  next(length: number): Uint8Array {
    const made = Uint8Array.from({ length }, (_, i) => {
      const at = this.sent.length + i;
      return (Math.imul(at + 1, 2654435761) >>> 21) ^ (this.#seed * 37);
    });
    this.sent.push(...made);
    return made;
  }

  /** @throws when what came out is not what went in. */
  check(what: string, whole: boolean): void {
    let at = 0;
    for (const [i, byte] of this.got.entries()) {
      while (this.mayLose && at < this.sent.length && this.sent[at] !== byte) at++;
      if (this.sent[at] !== byte) throw new Error(`${what}: byte ${i} is ${byte}, not ${this.sent[at]}`);
      at++;
    }
    if (whole && !this.mayEnd && !this.mayLose && at !== this.sent.length)
      throw new Error(`${what}: ${at} of ${this.sent.length} bytes came`);
  }
}
