import type { DraftModel } from '../model.ts';

/**
 * `error`: the draft cannot be built as it stands, or what is built does harm. `warning`: it can, and somebody will be sorry.
 * `question`: two readers would build different things.
 */
export type DraftLevel = 'error' | 'warning' | 'question';

/** Tells that something was found. `path` is the place in the document. */
export type Say = (path: string, message: string) => void;

/** A static check. */
export interface DraftCheck {
  readonly level: DraftLevel;
  /** Clauses of virtio 1.4 by id, or a section of PCI or PCI Express; null where there is none to cite. */
  readonly clause: string | null;
  /** What it is about, for a reader of the list of checks. */
  readonly about: string;
  run(model: DraftModel, say: Say): void;
}

export type DraftChecks = Readonly<Record<string, DraftCheck>>;

/** What a check found in a draft. */
export interface DraftFinding {
  readonly check: string;
  readonly level: DraftLevel;
  readonly clause: string | null;
  readonly path: string;
  readonly message: string;
}

export const hex = (value: number, digits = 0): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** The name without case and without what joins words: `queue_select` and `queueSelect` are one. */
export const plainName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Those that have a name which one before them has, too. */
export function duplicates<T>(items: readonly T[], nameOf: (item: T) => string): [item: T, index: number][] {
  const seen = new Set<string>();
  return items.flatMap((item, i) => {
    const name = nameOf(item);
    if (seen.has(name)) return [[item, i] as [T, number]];
    seen.add(name);
    return [];
  });
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Pairs that share bytes, each once, where every later one is named with the one that reaches furthest. One pass over sorted spans. */
export function overlaps<T extends Span>(spans: readonly T[]): [first: T, second: T][] {
  const sorted = spans.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start);
  const pairs: [T, T][] = [];
  let furthest: T | null = null;
  for (const span of sorted) {
    if (furthest !== null && span.start < furthest.end) pairs.push([furthest, span]);
    if (furthest === null || span.end > furthest.end) furthest = span;
  }
  return pairs;
}
