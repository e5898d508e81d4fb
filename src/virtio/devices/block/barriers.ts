/** What stands in line. */
export interface Ordered {
  /** All before it have ended when it starts, and it has ended when any after it starts. */
  readonly barrier: boolean;
  /** False once a reset has taken it back. */
  readonly live: boolean;
}

/** The order that legacy barriers ask for (LEG-BLK-11): requests go on at once, but around a barrier. */
export class BarrierOrder<R extends Ordered> {
  readonly #start: (request: R) => void;
  readonly #drop: (request: R) => void;
  readonly #running = new Set<R>();
  #waiting: R[] = [];
  #barrierRuns = false;
  #proceeding = false;

  /**
   * @param start begins a request, which {@link ended} is told of later.
   * @param drop is given a request that a reset killed before it began.
   */
  constructor(start: (request: R) => void, drop: (request: R) => void) {
    this.#start = start;
    this.#drop = drop;
  }

  submit(request: R): void {
    this.#waiting.push(request);
    this.#proceed();
  }

  /** A request has ended, whether or not it was ever submitted here. */
  ended(request: R): void {
    if (this.#running.delete(request)) this.#proceed();
  }

  /** Forgets what a reset has killed: nothing waits for it. */
  forgetDead(): void {
    for (const request of this.#running) if (!request.live) this.#running.delete(request);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ live }) => live);
    for (const request of waiting) if (!request.live) this.#drop(request);
    this.#proceed();
  }

  /** A request may end while it is started: the loop sees that, and nothing recurses. */
  #proceed(): void {
    if (this.#proceeding) return;
    this.#proceeding = true;
    for (;;) {
      if (this.#running.size === 0) this.#barrierRuns = false;
      const [next] = this.#waiting;
      if (next === undefined || this.#barrierRuns || (next.barrier && this.#running.size > 0)) break;
      this.#waiting.shift();
      this.#barrierRuns = next.barrier;
      this.#running.add(next);
      this.#start(next);
    }
    this.#proceeding = false;
  }
}
