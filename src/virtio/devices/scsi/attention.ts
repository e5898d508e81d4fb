import type { Stateful } from '../../../core/index.ts';
import { type Sense, scsiSense } from '../../layout/index.ts';

type Code = { readonly key: number; readonly asc: number; readonly ascq: number };

const same = (a: Sense, b: Sense) => a.asc === b.asc && a.ascq === b.ascq;

/**
 * Unit attention conditions of one logical unit that its initiator has not heard of, oldest first. Each waits once,
 * however often it came up: a guest that never asks cannot make the list grow.
 */
export class UnitAttentions implements Stateful {
  #waiting: Sense[] = [];

  raise(sense: Sense): void {
    if (!this.#waiting.some((each) => same(each, sense))) this.#waiting.push(sense);
  }

  /** A reset makes everything before it old news. */
  raiseReset(sense: Sense): void {
    this.#waiting = [sense];
  }

  /** Takes the oldest, or null. */
  take(): Sense | null {
    return this.#waiting.shift() ?? null;
  }

  /** REPORT LUNS tells what this condition would. */
  lunsReported(): void {
    this.#waiting = this.#waiting.filter((each) => !same(each, scsiSense.reportedLunsChanged));
  }

  save(): Code[] {
    return this.#waiting.map(({ key, asc, ascq }) => ({ key, asc, ascq }));
  }

  load(state: Code[]): void {
    this.#waiting = state.map(({ key, asc, ascq }) => ({ key, asc, ascq }));
  }
}
