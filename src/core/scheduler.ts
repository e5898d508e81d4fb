/**
 * Work that hardware does later: serving a queue, finishing a request, delivering an interrupt. A task may be
 * submitted again only after it began to run; whoever owns it keeps that count.
 */
export interface Task {
  readonly label: string;
  run(): void;
  /** The scheduler forgot the task and will not run it: it may be submitted again. */
  dropped?(): void;
}

/** Decides when tasks run: each that was submitted once, or never, and then it is told so by {@link Task.dropped}. */
export interface Scheduler {
  submit(task: Task): void;
  /** Time passes: the task that has waited longest runs. @returns false when none waits. */
  pause?(): boolean;
}

/** So deep do tasks of {@link immediate} run within tasks. */
export const IMMEDIATE_DEPTH = 32;

/**
 * Runs tasks within the call that submits them, and tasks that those submit within them: what a driver does in its
 * interrupt handler is done when its access returns. Only where handlers lead to handlers {@link IMMEDIATE_DEPTH} deep, on
 * however many machines, what comes deeper waits in line until the innermost task has run: no stack overflows, and all is
 * done when the outermost access returns.
 */
class ImmediateScheduler implements Scheduler {
  #depth = 0;
  readonly #late: Task[] = [];

  submit(task: Task): void {
    if (this.#depth === IMMEDIATE_DEPTH) {
      this.#late.push(task);
      return;
    }
    this.#depth++;
    try {
      task.run();
    } finally {
      try {
        if (this.#late.length > 0) this.#runLate();
      } finally {
        this.#depth--;
      }
    }
  }

  /** One that throws keeps no other from running. */
  #runLate(): void {
    const errors: unknown[] = [];
    for (let task = this.#late.shift(); task !== undefined; task = this.#late.shift())
      try {
        task.run();
      } catch (error) {
        if (errors.length === 0) errors.push(error);
      }
    if (errors.length > 0) throw errors[0];
  }
}

/** Runs every task at once: the fastest legal device, and the default. */
export const immediate: Scheduler = new ImmediateScheduler();

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

  pause(): boolean {
    return this.release();
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
    for (const task of this.#tasks.splice(0)) task.dropped?.();
  }
}

/**
 * A task that is pending at most once, whatever number of times it is asked for: a device's bottom half. Asking while
 * it runs makes it run once more afterwards, so a nested request is neither lost nor run recursively, whatever the
 * scheduler. A scheduler holds it at most once, too, however often it is cancelled and asked for again.
 */
export class Work implements Task {
  #pending = false;
  #running = false;
  /** The scheduler has it, pending or not. */
  #submitted = false;

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
    this.#pending = true;
    if (!this.#running && !this.#submitted) this.#submit();
  }

  #submit(): void {
    this.#submitted = true;
    this.scheduler.submit(this);
  }

  run(): void {
    this.#submitted = false;
    // From the loop below, which goes on: a scheduler that runs it at once leaves nothing on the stack.
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#pending && !this.#submitted) {
        this.#pending = false;
        this.body();
        if (this.#pending) this.#submit();
      }
    } finally {
      this.#running = false;
      // The body threw: what was asked for meanwhile is to be done all the same.
      if (this.#pending && !this.#submitted) this.#submit();
    }
  }

  /** Drops a pending run, as a reset does. */
  cancel(): void {
    this.#pending = false;
  }

  dropped(): void {
    this.#submitted = this.#pending = false;
  }
}
