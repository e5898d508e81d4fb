/** A queue, as far as it hands chains back. */
export interface Publisher {
  /** It is in its batch's list. */
  dirty: boolean;
  /** Makes visible what was completed, and interrupts. */
  publish(): void;
}

/** Collects what several queues complete, so that each publishes and interrupts once. */
export class Batch {
  /** Those from `#next` to `#end` have something to publish. It never gets shorter: nothing is allocated per batch. */
  readonly #dirty: Publisher[] = [];
  #next = 0;
  #end = 0;
  #depth = 0;
  /** Hears each time that all that was completed is published; mostly nobody does. */
  published: { settle(): void } | null = null;

  run(body: () => void): void {
    this.enter();
    try {
      body();
    } finally {
      this.leave();
    }
  }

  /** {@link run} for whoever must not make a function each time: {@link leave} follows whatever is thrown. */
  enter(): void {
    this.#depth++;
  }

  leave(): void {
    if (--this.#depth === 0) this.publish();
  }

  /**
   * Publishes now what was completed so far. An interrupt may bring the driver to kick: what that completes, and what is
   * left here, the inner call publishes.
   */
  publish(): void {
    try {
      while (this.#next < this.#end) {
        const queue = this.#dirty[this.#next++]!;
        queue.dirty = false;
        queue.publish();
      }
    } finally {
      // A driver's handler threw: the other queues are published all the same.
      if (this.#next < this.#end) this.publish();
      else {
        this.#next = this.#end = 0;
        if (this.published !== null) this.published.settle();
      }
    }
  }

  /** Nothing that was completed is to be published. */
  get idle(): boolean {
    return this.#depth === 0 && this.#end === 0;
  }

  completed(queue: Publisher): void {
    if (this.#depth === 0) {
      queue.publish();
      if (this.published !== null) this.published.settle();
    } else if (!queue.dirty) {
      queue.dirty = true;
      this.#dirty[this.#end++] = queue;
    }
  }
}
