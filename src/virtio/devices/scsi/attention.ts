import { type Sense, scsiSense } from '../../layout/index.ts';
import type { SavedScsi } from './state.ts';

type SavedAttentions = SavedScsi['units'][number]['attentions'];

const same = (a: Sense, b: Sense) => a.asc === b.asc && a.ascq === b.ascq;

/**
 * Unit attention conditions of one logical unit that its initiator has not heard of, oldest first. Each waits once,
 * however often it came up: a guest that never asks cannot make the list grow.
 */
export class UnitAttentions {
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

  save(): SavedAttentions {
    return this.#waiting.map(({ key, asc, ascq }) => ({ key, asc, ascq }));
  }

  load(saved: SavedAttentions): void {
    this.#waiting = saved.map(({ key, asc, ascq }) => ({ key, asc, ascq }));
  }
}
