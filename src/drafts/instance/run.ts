import { OptionError, VirtiolabError } from '../../core/index.ts';
import type { DraftDocument } from '../document/document.ts';
import { modelOf, type PlacedStructure } from '../model.ts';
import { loadOf, loadTypes } from './loads.ts';
import { shrink } from './shrink.ts';
import { type Drawn, type Step, sequence, stepText } from './steps.ts';
import { type Subject, type SubjectMaker, subjectsOf } from './subjects.ts';
import { cannotRun, tableOf } from './table.ts';

/** A number of runs, or a seed, that is none. */
export class DraftRunOptionError extends OptionError {}

export interface DraftRunOptions {
  /** The same seed draws the same sequences. By default 1. */
  readonly seed?: number;
  /** Sequences. By default 200. */
  readonly runs?: number;
  /** Told after each sequence. */
  readonly progress?: (done: number, of: number) => void;
}

/** The shortest sequence found that a driver can tell the worlds apart by. */
export interface DraftCounterexample {
  /** Where the difference was seen. */
  readonly world: string;
  /** Steps, in the draft's own names; the last is the one that differs. */
  readonly steps: readonly string[];
  /** What differs. */
  readonly what: string;
  /** What a legacy function in I/O space answers. */
  readonly expected: string;
  readonly seen: string;
  /** Which of the sequences it was shrunk from. */
  readonly seed: number;
}

/** What came of running a draft. */
export interface DraftRun {
  /** Why it was not run; empty where it was. */
  readonly reasons: readonly string[];
  /** Device type that was put to work. */
  readonly device: string | null;
  readonly worlds: readonly string[];
  /** Choices that the document leaves open, and what was taken. */
  readonly assumed: readonly string[];
  readonly seed: number;
  readonly runs: number;
  readonly counterexamples: readonly DraftCounterexample[];
}

const DEFAULT_RUNS = 200;
const STEPS = 60;
/** Counterexamples of a world, each of something else. */
const MOST_FOUND = 4;
const MOST = 1_000_000;

interface Difference {
  readonly at: number;
  readonly what: string;
  readonly expected: string;
  readonly seen: string;
}

/** First byte at which two drivers' memories differ, or -1. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

const shown = (seen: readonly string[]) => (seen.length === 0 ? 'nothing' : seen.join(', '));

const memoryOf = ({ ram }: Subject) => ram.ranges[0]!.bytes;

function compareMemory(a: Subject, b: Subject, at: number): Difference | null {
  const [x, y] = [memoryOf(a), memoryOf(b)];
  const offset = firstDifference(x, y);
  if (offset < 0) return null;
  const what = `memory of the driver at 0x${offset.toString(16)}`;
  return { at, what, expected: String(x[offset]), seen: String(y[offset]) };
}

/** A step in one world: what was seen, or how it gave up. */
function attempt(subject: Subject, step: Step): readonly string[] {
  try {
    return subject.perform(step);
  } catch (error) {
    if (!(error instanceof VirtiolabError)) throw error;
    return [`gave up: ${error.message}`];
  }
}

/** At the end the device does what it still has to do. */
const whole = (steps: readonly Step[]): readonly Step[] => [...steps, { do: 'work' }];

/** What a difference in a step is a difference of: one is told once. */
const keyOf = (step: Step) => ('register' in step ? `${step.do} ${step.register}` : step.do);

/** Where a world first differs from the reference in something that is not known of it, or null. */
function compare(
  steps: readonly Step[],
  reference: Subject,
  world: Subject,
  known: ReadonlySet<string>,
): Difference | null {
  for (const [at, step] of whole(steps).entries()) {
    const [expected, seen] = [shown(attempt(reference, step)), shown(attempt(world, step))];
    if (known.has(keyOf(step))) continue;
    if (expected !== seen) return { at, what: 'what the driver sees', expected, seen };
    const memory = step.do === 'work' ? compareMemory(reference, world, at) : null;
    if (memory !== null) return memory;
  }
  return null;
}

/** Steps that say the same with less. */
function simpler(step: Step): Step[] {
  if (step.do === 'write')
    return [0, 1].filter((value) => value < step.value).map((value) => ({ ...step, value }));
  if (step.do === 'read-config' || step.do === 'write-config')
    return step.offset === 0 ? [] : [{ ...step, offset: 0 }];
  return [];
}

/** A world beside the reference, and what was found of it. */
class Watched {
  readonly name: string;
  readonly found: DraftCounterexample[] = [];
  readonly #reference: SubjectMaker;
  readonly #world: SubjectMaker;
  readonly #structure: PlacedStructure;
  readonly #known = new Set<string>();

  constructor(reference: SubjectMaker, world: SubjectMaker, structure: PlacedStructure) {
    this.name = world.name;
    this.#reference = reference;
    this.#world = world;
    this.#structure = structure;
  }

  #differs(steps: readonly Step[]): Difference | null {
    return compare(steps, this.#reference.make(), this.#world.make(), this.#known);
  }

  /** A register that is known not to keep what it is given is given nothing any more: what follows from that is no news. */
  #news(steps: readonly Step[]): readonly Step[] {
    return steps.filter((step) => step.do !== 'write' || !this.#known.has(keyOf({ ...step, do: 'read' })));
  }

  /** Holds the world against the reference; a sequence by which it differs is shrunk, and told in the draft's names. */
  watch(drawn: readonly Step[], seed: number): void {
    const steps = this.#news(drawn);
    if (this.found.length === MOST_FOUND || this.#differs(steps) === null) return;
    const least = shrink(steps, (list) => this.#differs(list) !== null, simpler);
    const { at, ...difference } = this.#differs(least)!;
    const told = whole(least).slice(0, at + 1);
    const texts = told.map((step) => stepText(step, this.#structure));
    this.found.push({ world: this.name, steps: texts, ...difference, seed });
    this.#known.add(keyOf(told.at(-1)!));
  }
}

const checked = (option: string, value: number, least: number): number => {
  if (!Number.isInteger(value) || value < least || value > MOST)
    throw new DraftRunOptionError(option, value, `a whole number of ${least}..${MOST}`);
  return value;
};

/**
 * Makes functions of a draft, drives them, and puts them behind the translator: a driver must not be able to tell them from a
 * legacy function in I/O space. Sequences are drawn; those by which a world differs, each in something else, are shrunk.
 * @throws DraftRunOptionError
 */
export function runDraft(document: DraftDocument, options: DraftRunOptions = {}): DraftRun {
  const seed = checked('seed', options.seed ?? 1, 0);
  const runs = checked('runs', options.runs ?? DEFAULT_RUNS, 1);
  const table = tableOf(modelOf(document));
  const not = (reasons: readonly string[]): DraftRun => ({
    reasons,
    device: null,
    worlds: [],
    assumed: [],
    seed,
    runs: 0,
    counterexamples: [],
  });
  if (cannotRun(table)) return not(table.reasons);
  const load = loadOf(Object.keys(table.draft.deviceIds));
  if (load === null) return not([`it has an id for none of ${loadTypes.join(', ')}`]);
  const [reference, ...others] = subjectsOf(table, document.rules ?? {}, load);
  const watched = others.map((world) => new Watched(reference, world, table.structure));
  let drawn: Drawn;
  try {
    for (const world of others) world.make();
    drawn = { page: load.page, configBytes: load.make().config.length };
  } catch (error) {
    if (error instanceof VirtiolabError) return not([error.message]);
    throw error;
  }
  for (let run = 0; run < runs; run++) {
    const steps = sequence(seed + run, STEPS, drawn);
    for (const world of watched) world.watch(steps, seed + run);
    options.progress?.(run + 1, runs);
  }
  return {
    reasons: [],
    device: load.type,
    worlds: [reference, ...others].map(({ name }) => name),
    assumed: table.assumed,
    seed,
    runs,
    counterexamples: watched.flatMap(({ found }) => found),
  };
}
