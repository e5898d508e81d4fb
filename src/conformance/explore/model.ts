import {
  deviceStatus,
  FEATURE_WORDS,
  hasFeature,
  NO_VECTOR,
  type QueueState,
} from '../../virtio/layout/index.ts';
import type { Bench } from '../device/index.ts';

/** What a device that keeps the clauses shows, as far as the moves so far tell. */
export class Model {
  readonly bench: Bench;
  /** The moves that were made. */
  readonly made: object[] = [];
  /** The device status as it was read last; it changes by writes only. */
  status = 0;
  /** Offered features by word, once they were read: they never change. */
  readonly offered = new Map<number, number>();
  /** Features that the driver wrote, by word. */
  readonly accepted = new Map<number, number>();
  /** Largest sizes of queues, once they were read after a reset: they never change. */
  readonly sizes = new Map<number, number>();
  /** Vectors by queue, and of configuration changes (-1), as the device showed them last. */
  readonly vectors = new Map<number, number>();
  /** Addresses of queue 0 that were written, by register. */
  readonly addresses = new Map<string, number>();
  /** Where queues are in their life, once it is no longer where a reset leaves them. */
  readonly queues = new Map<number, QueueState>();
  /** Fields of the device configuration as they were read last, and the generation then: by name. */
  readonly fields = new Map<string, { readonly value: number; readonly generation: number | null }>();

  constructor(bench: Bench) {
    this.bench = bench;
  }

  reset(): void {
    this.status = 0;
    this.accepted.clear();
    this.vectors.clear();
    this.addresses.clear();
    this.queues.clear();
    this.fields.clear();
  }

  vector(queue: number): number {
    return this.vectors.get(queue) ?? NO_VECTOR;
  }

  /** Null where the queue's size was not read yet. */
  queue(queue: number): QueueState | null {
    const size = this.sizes.get(queue);
    if (size === undefined) return null;
    return size === 0 ? 'absent' : (this.queues.get(queue) ?? 'unset');
  }

  /** The driver accepted a feature. */
  has(bit: number): boolean {
    return hasFeature(
      Array.from({ length: FEATURE_WORDS }, (_, word) => this.accepted.get(word) ?? 0),
      bit,
    );
  }

  /** Features may still be written. */
  get negotiating(): boolean {
    const { driver, featuresOk, failed } = deviceStatus;
    return (this.status & driver) !== 0 && (this.status & (featuresOk | failed)) === 0;
  }

  /** Has not begun to work. */
  get idle(): boolean {
    return (this.status & deviceStatus.driverOk) === 0;
  }
}

/** Something that a driver may do. Two numbers choose among its kinds. */
export interface Move {
  readonly name: string;
  readonly modernOnly: boolean;
  /** How many kinds each choice has that `b` stands for, the last one first in it; by default `b` is a number. */
  readonly choices?: readonly number[];
  /** What it can find broken. */
  readonly clauses: readonly string[];
  /** As the field writes it. */
  text(a: number, b: number): string;
  possible(model: Readonly<Model>, a: number, b: number): boolean;
  make(model: Model, a: number, b: number): void | Promise<void>;
}

/** Words of features that exist, and one beyond. */
export const featureWordsAndMore = FEATURE_WORDS + 1;

/** The choices that a number stands for. */
export function choicesIn(b: number, choices: readonly number[]): number[] {
  const found: number[] = [];
  for (const count of choices.toReversed()) {
    found.unshift(b % count);
    b = Math.floor(b / count);
  }
  return found;
}

/** The number that stands for choices. */
export const numberOf = (chosen: readonly number[], choices: readonly number[]): number =>
  choices.reduce((sum, count, i) => sum * count + chosen[i]!, 0);
