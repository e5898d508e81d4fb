/** The clock of a machine, in nanoseconds since it was made: it goes on only when it is told to. */
export class SteppedClock {
  #now = 0;

  /** Goes on to a time; what is past, or more than a Number holds exactly, leaves it where it is. @returns the time it is. */
  advanceTo(nanoseconds: number): number {
    if (Number.isSafeInteger(nanoseconds)) this.#now = Math.max(this.#now, nanoseconds);
    return this.#now;
  }

  get now(): number {
    return this.#now;
  }
}
