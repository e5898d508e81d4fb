import { type DriverWatch, type Explanation, explain, formatExplanation } from 'virtiolab/conformance';
import { type Bus, formatFinding, sinkFor } from 'virtiolab/core';
import { Decoder, tap } from 'virtiolab/trace';
import { draftedDecoder } from '../parts/drafted-decoder.ts';
import { type FunctionViewer, viewersOf } from '../parts/function-view.ts';
import { areaAt, kickedQueue, openKick } from '../parts/kicks.ts';
import { queueViews } from '../parts/queue-view.ts';
import type { Followers, Stream } from '../parts/stream.ts';
import type { Column, FunctionView, View, WatchView } from '../protocol.ts';
import type { World } from './world.ts';

/** Of one move, so many accesses have a view of their own. */
const VIEWS_OF_A_MOVE = 400;
/** Views that are kept in all. */
const MOST_VIEWS = 2000;
/** Findings of the watch that are kept: a driver that errs does so all day. */
const MOST_FINDINGS = 300;

/** A world whose every access is heard, watched, and shown. */
export class Observed implements Followers {
  /** What the driver works on. */
  readonly bus: Bus;
  readonly findings: WatchView[] = [];
  /** Those that are not in the list. */
  moreFindings = 0;
  /** Accesses of the driver so far. */
  accesses = 0;
  readonly #world: World;
  readonly #stream: Stream;
  /** Null until the first move: its rules are loaded then. */
  #watch: DriverWatch | null = null;
  readonly #viewers: readonly FunctionViewer[];
  readonly #views = new Map<number, View>();
  #viewsOfMove = 0;
  /** Findings of the watch that were taken over. */
  #listened = 0;
  /** What a watch before this one has said: it began anew, and would say it again. */
  readonly #said = new Set<string>();
  #newest: View | null = null;
  #explanation: Explanation;

  constructor(world: World, stream: Stream) {
    this.#world = world;
    this.#stream = stream;
    const { type } = world.sample.behaviour;
    const [driver, ...others] = world.stages;
    const decoders = world.stages.map(({ machine, found, owner, drafted }) => {
      const decoder = new Decoder();
      decoder.add(machine, found, world.draft, [type]);
      if (owner !== null) decoder.add(machine, owner, world.draft);
      return drafted === null ? decoder : draftedDecoder(decoder, drafted);
    });
    const record = stream.sink('left', decoders[0]!);
    let ready = false;
    this.bus = tap(
      world.bus,
      (event) => {
        if (!ready) return;
        // After a kick time passes: what was on its way to the device arrives.
        if (event.kind === 'leave') this.arrive(true);
        this.#watch?.sink(event);
        record(event);
      },
      world.draft,
    );
    const found = stream.sink('right', decoders[0]!);
    driver.machine.events = sinkFor(['finding'], found);
    for (const [i, { machine, column }] of others.entries()) {
      const sink = stream.sink(column, decoders[i + 1]!);
      // What the translator does is not what arrives, where a draft stands between.
      machine.events = world.host === null ? sink : sinkFor(['finding'], sink);
      if (world.host !== null) world.host.sink = sink;
    }
    stream.followers = this;
    this.#viewers = world.stages.flatMap((stage) => viewersOf(stage, type, world.draft));
    this.#explanation = this.#look(() => this.#explain());
    ready = true;
    this.#views.set(0, this.now());
  }

  /** Looking at the machines is no part of what happens on them. */
  #look<T>(what: () => T): T {
    const { looking } = this.#stream;
    this.#setLooking(true);
    try {
      return what();
    } finally {
      this.#setLooking(looking);
    }
  }

  #setLooking(looking: boolean): void {
    this.#stream.looking = looking;
    for (const { drafted } of this.#world.stages) if (drafted !== null) drafted.bus.looking = looking;
  }

  /** Writes that a draft lets be late arrive. @param kicked only where one of them is a kick */
  arrive(kicked = false): void {
    if (this.#stream.looking) return;
    for (const { drafted } of this.#world.stages)
      if (drafted !== null && (!kicked || drafted.bus.kicked)) drafted.bus.arriveAll();
  }

  #explain(): Explanation {
    const [{ machine, found }] = this.#world.stages;
    return explain(machine, found, { types: [this.#world.sample.behaviour.type], draft: this.#world.draft });
  }

  /** A move begins: its first accesses are shown one by one. @param start what the watch knows of the driver's beginning */
  async begin(start: 'power-on' | 'unknown' = 'power-on'): Promise<void> {
    this.#viewsOfMove = 0;
    if (this.#watch !== null) return;
    const { watchOf } = await import('./watch.ts');
    this.#watch = watchOf(this.#world, start);
  }

  /** What stands now. */
  now(): View {
    return this.#look(() => {
      this.#explanation = this.#explain();
      const functions: FunctionView[] = this.#viewers.map((viewer) => viewer.view());
      const queues = queueViews(this.#explanation, this.#world.stages[0].machine.ram);
      return { seq: this.#stream.last, functions, queues, explanation: formatExplanation(this.#explanation) };
    });
  }

  /** What stood after an access, or after the last one before it of which that was kept; null where all of it was let go. */
  at(seq: number): View | null {
    const exact = this.#views.get(seq);
    if (exact !== undefined) return exact;
    let found: View | null = null;
    for (const [each, view] of this.#views) {
      if (each > seq) break;
      found = view;
    }
    return found;
  }

  began(...[, { register, value }, seq]: Parameters<Followers['began']>): void {
    const queue = kickedQueue(register, value);
    if (queue === null || this.#viewsOfMove > VIEWS_OF_A_MOVE) return;
    openKick(
      this.#stream,
      this.#look(() => this.#explain()),
      queue,
      seq,
    );
  }

  ended(seq: number, changed: boolean): void {
    this.accesses++;
    this.#listen(seq);
    if (++this.#viewsOfMove > VIEWS_OF_A_MOVE) return;
    // What was only read has changed nothing that is shown.
    const before = changed ? null : this.#newest;
    this.#newest = { ...(before ?? this.now()), seq };
    this.#views.set(seq, this.#newest);
    if (this.#views.size > MOST_VIEWS) this.#views.delete(this.#views.keys().next().value!);
  }

  /** Takes over what the watch has found since it was last asked. */
  #listen(seq: number): void {
    if (this.#stream.quiet) return;
    const findings = this.#watch?.report().findings ?? [];
    for (const finding of findings.slice(this.#listened)) {
      const text = formatFinding(finding);
      if (this.#said.has(text)) continue;
      if (this.findings.length === MOST_FINDINGS) {
        this.moreFindings++;
        continue;
      }
      this.findings.push({ level: finding.level, rule: finding.rule, clause: finding.clause, text, seq });
      this.#stream.add('left', 'watch', finding.level, { name: text, clause: finding.clause, root: seq });
    }
    this.#listened = findings.length;
  }

  /** Goes on behind another's stream as far as `seq`: what is shown of that stays. */
  continueFrom(before: Observed, seq: number): void {
    this.#listened = this.#watch?.report().findings.length ?? 0;
    this.findings.push(...before.findings.filter((each) => each.seq <= seq));
    for (const { text } of this.findings) this.#said.add(text);
    this.#views.clear();
    for (const [each, view] of before.#views) if (each <= seq) this.#views.set(each, view);
    this.#newest = this.now();
  }

  /** The driver is done: what is judged at the end. */
  finish(): void {
    this.#watch?.finish();
    this.#listen(this.#stream.last);
  }

  nameOf(column: Column, address: number): string {
    return column === 'left' ? areaAt(this.#explanation, address) : '';
  }
}
