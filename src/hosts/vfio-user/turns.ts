import type { Scheduler, Task } from '../../core/index.ts';

/**
 * Work of a device waits until the access that caused it is answered: a client that waits for an answer may be the one whose
 * memory the work needs.
 */
export class Turns implements Scheduler {
  readonly #tasks: Task[] = [];
  /** Somebody who can go on later is told that there is work. */
  onWork: () => void = () => {};
  #running = false;

  submit(task: Task): void {
    this.#tasks.push(task);
    if (!this.#running && this.#tasks.length === 1) this.onWork();
  }

  get waiting(): boolean {
    return this.#tasks.length > 0;
  }

  pause(): boolean {
    const task = this.#tasks.shift();
    task?.run();
    return task !== undefined;
  }

  /**
   * Runs tasks that wait, and those that come meanwhile, up to `most`; others go on later.
   * @param after is called behind each, and says whether others have to wait. @returns whether any ran
   */
  run(after: () => boolean, most = 64): boolean {
    if (this.#running) return false;
    this.#running = true;
    let ran = 0;
    try {
      for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
        task.run();
        ran++;
        if (after() || ran === most) break;
      }
    } finally {
      this.#running = false;
    }
    if (this.waiting) this.onWork();
    return ran > 0;
  }

  /** Forgets what waits, as when the state behind it is replaced by a loaded one. */
  clear(): void {
    for (const task of this.#tasks.splice(0)) task.dropped?.();
  }
}
