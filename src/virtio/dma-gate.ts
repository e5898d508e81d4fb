import type { Task } from '../core/index.ts';

/** Tasks that touch guest memory, and whether they may: those that may not yet wait here, in their order. */
export class DmaGate {
  /** Bus mastering is on. */
  enabled = false;
  #waiting: Task[] = [];

  /** Nothing waits. */
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Takes out what waits. */
  take(): Task[] {
    return this.#waiting.splice(0);
  }

  /** Runs what waits. After a reset too: a back end that waits must go on, and finds its chain dead. */
  open(): void {
    for (const task of this.take()) task.run();
  }

  wait(task: Task): void {
    this.#waiting.push(task);
  }
}
