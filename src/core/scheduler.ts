/**
 * Work that hardware does later: serving a queue, finishing a request, delivering an interrupt. A task may be
 * submitted again only after it began to run; whoever owns it keeps that count.
 */
export interface Task {
  readonly label: string;
  run(): void;
}

/** Decides when tasks run. */
export interface Scheduler {
  submit(task: Task): void;
}

/** Runs every task at once: the fastest legal device, and the default. */
export const immediate: Scheduler = {
  submit(task) {
    task.run();
  },
};

/** Keeps tasks until a test lets them go, in any order it likes. */
export class HeldScheduler implements Scheduler {
  readonly #tasks: Task[] = [];

  get pending(): readonly Task[] {
    return this.#tasks;
  }

  submit(task: Task): void {
    this.#tasks.push(task);
  }

  /** Runs the pending task at `index` modulo their number. @returns false when none is pending. */
  release(index = 0): boolean {
    if (this.#tasks.length === 0) return false;
    const [task] = this.#tasks.splice(index % this.#tasks.length, 1);
    task!.run();
    return true;
  }

  /**
   * Runs tasks, and those that they submit, until none is left or `limit` have run.
   * @param choose index of the next task among `count`; by default the oldest.
   * @returns false when the limit ended it.
   */
  releaseAll(choose: (count: number) => number = () => 0, limit = 100_000): boolean {
    for (let ran = 0; ran < limit; ran++) if (!this.release(choose(this.#tasks.length))) return true;
    return this.#tasks.length === 0;
  }

  /** Forgets what is pending, as when the state behind it is replaced by a load. */
  clear(): void {
    this.#tasks.length = 0;
  }
}

/**
 * A task that is pending at most once, whatever number of times it is asked for: a device's bottom half. Asking while
 * it runs makes it run once more afterwards, so a nested request is neither lost nor run recursively.
 */
export class Work implements Task {
  #pending = false;
  #running = false;

  readonly label: string;
  readonly scheduler: Scheduler;
  readonly body: () => void;

  constructor(label: string, scheduler: Scheduler, body: () => void) {
    this.label = label;
    this.scheduler = scheduler;
    this.body = body;
  }

  get pending(): boolean {
    return this.#pending;
  }

  schedule(): void {
    if (this.#pending) return;
    this.#pending = true;
    if (!this.#running) this.scheduler.submit(this);
  }

  run(): void {
    if (this.#running || !this.#pending) return;
    this.#running = true;
    try {
      this.#pending = false;
      this.body();
    } finally {
      this.#running = false;
    }
    if (this.#pending) this.scheduler.submit(this);
  }

  /** Drops a pending run, as a reset does. */
  cancel(): void {
    this.#pending = false;
  }
}
