import { type Bus, OptionError, type VirtiolabError } from 'virtiolab/core';
import type { DriverRing } from 'virtiolab/driver';
import { virtioFeature as feature } from 'virtiolab/layout';
import { ways } from 'virtiolab/mmr';
import { drivenTypes, type OpenDriver } from '../parts/drivers/index.ts';
import type { OwnDraft } from '../parts/own-draft.ts';
import { Stream } from '../parts/stream.ts';
import {
  type Choice,
  type Done,
  type Move,
  type MoveSpec,
  type Opened,
  OWN,
  type Row,
  type Setup,
  type View,
} from '../protocol.ts';
import { MistakenBus, mistakes } from './mistakes.ts';
import { Observed } from './observed.ts';
import { load, type Saved, SavedStates, save } from './saved-states.ts';
import { openWorld, readingsFor, ringsFor, type World, wayOf, waysFor } from './world.ts';

/** A driver whose device does not answer has waited long enough then; in this process all that is to happen has happened. */
const PATIENCE_MS = 200;

const common: readonly MoveSpec[] = [
  { name: 'up', label: 'Bring up', fields: [], by: 'driver' },
  { name: 'down', label: 'Reset', fields: [], by: 'driver' },
  { name: 'msix-on', label: 'MSI-X on', fields: [], by: 'driver' },
  { name: 'msix-off', label: 'MSI-X off', fields: [], by: 'driver' },
];

/** Comes behind the type's own. */
const again: MoveSpec = {
  name: 'again',
  label: 'The last one again',
  fields: [{ label: 'Times', value: 100, least: 1, most: 100_000 }],
  by: 'driver',
};
/** So many requests are made before the page gets its turn. */
const AT_A_TIME = 100;

/** A move, and the stretch of the stream that it made. */
interface Past {
  readonly move: Move;
  readonly first: number;
  readonly last: number;
}

/** One world, what was done in it, and what came of that. */
export class Session {
  readonly setup: Setup;
  readonly #own: OwnDraft | null;
  readonly #stream = new Stream();
  readonly #world: World;
  readonly #observed: Observed;
  readonly #post: (rows: readonly Row[]) => void;
  readonly #past: Past[] = [];
  #saved = new SavedStates();
  #driver: OpenDriver | null = null;
  #msix = true;

  /** @throws OptionError, UnknownSubjectError, and what building a function throws */
  private constructor(
    setup: Setup,
    lies: Parameters<typeof openWorld>[1],
    own: OwnDraft | null,
    post: (rows: readonly Row[]) => void,
  ) {
    this.setup = setup;
    this.#own = own;
    this.#post = post;
    const meters = { device: this.#stream.meter('left'), owner: this.#stream.meter('right') };
    this.#stream.looking = true;
    this.#world = openWorld(setup, lies, own, meters);
    this.#stream.looking = false;
    this.#observed = new Observed(this.#world, this.#stream);
  }

  /** @param post where rows go. @throws OptionError, UnknownSubjectError, and what building a function throws */
  static async open(setup: Setup, post: (rows: readonly Row[]) => void): Promise<Session> {
    const wrong = setup.mistakes.find((each) => mistakes.every(({ name }) => name !== each));
    if (wrong !== undefined)
      throw new OptionError('mistake', wrong, `one of ${mistakes.map(({ name }) => name).join(', ')}`);
    const own = await ownOf(setup);
    if (setup.lies.length === 0) return new Session(setup, [], own, post);
    const lies = (await import('./lies.ts')).liesNamed(setup.lies, setup.type);
    return new Session(setup, lies, own, post);
  }

  /** What the page can offer. */
  describe(types: readonly string[]): Opened {
    const { setup } = this;
    const draft = this.#own;
    const way = ways[wayOf(setup.way)];
    const own = Object.entries(drivenTypes[setup.type]!.moves).map(([name, { label, fields, by }]) => ({
      ...{ name, label, fields, by },
    }));
    return {
      setup,
      titles: way.translated ? { left: 'Guest', right: 'Host' } : { left: 'Driver', right: 'Device' },
      moves: [...common, ...own, again],
      ways: waysFor(setup.type).map((name): Choice => ({ name, says: ways[name].summary })),
      types,
      rings: ringsFor(wayOf(setup.way)),
      readings: [...readingsFor(wayOf(setup.way)), ...(draft === null ? [] : [OWN])],
      own: draft && {
        name: draft.name,
        ways: draft.ways,
        types: draft.types,
        assumed: draft.fn.assumed,
      },
      mistakes: mistakes.map(({ name, says }) => ({ name, says })),
    };
  }

  get moves(): readonly Move[] {
    return this.#past.map(({ move }) => move);
  }

  /** Does what a button says, and tells what came of it. Never throws. */
  async do(move: Move): Promise<Done> {
    const first = this.#stream.last + 1;
    await this.#observed.begin();
    this.#stream.add('left', 'mark', 'move', { name: this.#nameOf(move) });
    let [error, result]: [string | null, string] = [null, ''];
    try {
      result = await this.#perform(move);
    } catch (thrown) {
      error = (thrown as Error | VirtiolabError).message;
      this.#stream.add('left', 'mark', 'failed', { name: error });
    }
    this.#observed.arrive();
    this.#past.push({ move, first, last: this.#stream.last });
    this.#save();
    this.flush();
    return this.done(error, result);
  }

  #perform(move: Move): Promise<string> {
    return move.name === again.name ? this.#repeat(Number(move.values[0])) : patiently(this.#carryOut(move));
  }

  /** Keeps what stands between two moves, where a world can be put into that again. */
  #save(): void {
    const { setup } = this;
    // What lies keep to themselves is in no state.
    if (setup.lies.length > 0) return;
    const { rings: ringsOf } = drivenTypes[setup.type]!;
    if (ringsOf === undefined) return;
    const said = { moves: this.#past.length, msix: this.#msix };
    if (this.#driver === null) {
      this.#saved.add(save(this.#world, { ...said, driver: null }));
      return;
    }
    const base = this.#saved.lastWithoutDriver;
    const since = this.#past.slice(base?.moves ?? 0).map(({ move }) => move);
    const outside = ({ name }: Move) => drivenTypes[setup.type]!.moves[name]?.by === 'outside';
    // Of what happens outside a driver may take note.
    if (since.some(outside)) return;
    const rings = new Map<number, NonNullable<ReturnType<DriverRing['rest']>>>();
    for (const [queue, ring] of ringsOf(this.#driver).rings) {
      const rest = ring.rest();
      if (rest === null) return;
      rings.set(queue, rest);
    }
    const openers = since.filter(({ name }) => common.some((each) => each.name === name));
    this.#saved.add(save(this.#world, { ...said, driver: { base, openers, rings } }));
  }

  /**
   * The world as it was before the move that made an access: the nearest saved state is loaded, and the rest done again. What is
   * shown of it stays. @returns the session that goes on there, and the last row of it
   */
  async before(seq: number): Promise<{ session: Session; last: number }> {
    const kept = this.#past.filter((each) => each.last < seq);
    const last = kept.at(-1)?.last ?? 0;
    const session = await Session.open(this.setup, this.#post);
    session.#stream.quiet = true;
    const saved = this.#saved.nearest(kept.length);
    if (saved !== null) await session.#restore(saved);
    await session.#observed.begin(saved === null ? 'power-on' : 'unknown');
    session.#past.push(...kept.slice(0, saved?.moves ?? 0));
    for (const each of kept.slice(saved?.moves ?? 0)) {
      // One that failed then fails again.
      await session.#perform(each.move).catch(() => {});
      session.#observed.arrive();
      session.#past.push(each);
    }
    session.#stream.quiet = false;
    session.#stream.continueFrom(last);
    session.#observed.continueFrom(this.#observed, last);
    session.#saved = this.#saved.until(kept.length);
    return { session, last };
  }

  /** A driver comes as it came, and its rings go on where they stood. */
  async #restore(saved: Saved): Promise<void> {
    const { driver } = saved;
    if (driver !== null) {
      if (driver.base !== null) load(this.#world, driver.base);
      this.#msix = driver.base?.msix ?? true;
      for (const move of driver.openers) await this.#perform(move);
    }
    load(this.#world, saved);
    this.#msix = saved.msix;
    if (driver === null) return;
    const { rings } = drivenTypes[this.setup.type]!.rings!(this.#driver!);
    for (const [queue, rest] of driver.rings) rings.get(queue)!.resume(rest);
  }

  done(error: string | null, result: string): Done {
    const { findings, moreFindings } = this.#observed;
    const [last, up, msix] = [this.#stream.last, this.#driver !== null, this.#msix];
    return {
      error,
      result,
      last,
      view: this.#observed.now(),
      up,
      msix,
      findings: [...findings],
      moreFindings,
    };
  }

  flush(): void {
    const rows = this.#stream.take();
    if (rows.length > 0) this.#post(rows);
  }

  look(seq: number): View | null {
    return this.#observed.at(seq);
  }

  #nameOf({ name, values }: Move): string {
    const spec = this.describe([]).moves.find((each) => each.name === name);
    const said = values.map((value, i) => `${spec?.fields[i]?.label.toLowerCase() ?? ''} ${value}`.trim());
    return [spec?.label ?? name, said.join(', ')].filter((text) => text !== '').join(': ');
  }

  async #carryOut({ name, values }: Move): Promise<string> {
    const { sample } = this.#world;
    switch (name) {
      case 'up':
        return this.#bringUp();
      case 'down':
        this.#close();
        return 'the device is reset';
      case 'msix-on':
      case 'msix-off':
        this.#msix = name === 'msix-on';
        return this.#driver === null ? `for the next time` : this.#bringUp();
    }
    const move = drivenTypes[this.setup.type]!.moves[name];
    if (move === undefined || !Object.hasOwn(drivenTypes[this.setup.type]!.moves, name))
      throw new OptionError('button', name, 'one that there is for this device');
    if (this.#driver === null) throw new OptionError('button', name, 'a driver: bring the device up first');
    return move.run(this.#driver, values, sample);
  }

  /** The last move of the type's own, or its first: what a disk has to do all day. */
  async #repeat(times: number): Promise<string> {
    const { moves } = drivenTypes[this.setup.type]!;
    const [name, spec] = Object.entries(moves)[0]!;
    const first = { name, values: spec.fields.map(({ value }) => value) };
    const last = this.#past.findLast(({ move }) => Object.hasOwn(moves, move.name))?.move ?? first;
    const wanted = Math.min(Math.max(Math.trunc(times) || 1, 1), Number(again.fields[0]!.most));
    const [began, before] = [performance.now(), this.#observed.accesses];
    for (let done = 0; done < wanted; done++) {
      await patiently(this.#carryOut(last));
      if (done % AT_A_TIME !== AT_A_TIME - 1) continue;
      this.flush();
      await new Promise((resolve) => setTimeout(resolve));
    }
    const seconds = (performance.now() - began) / 1000;
    const speed = Math.round((this.#observed.accesses - before) / seconds);
    return `${wanted} times in ${seconds.toFixed(1)} s, ${speed} accesses a second`;
  }

  #close(): void {
    const driver = this.#driver;
    this.#driver = null;
    driver?.close();
    this.#observed.finish();
  }

  async #bringUp(): Promise<string> {
    if (this.#driver !== null) this.#close();
    const { sample, memory, setup, connect, stages } = this.#world;
    const [{ machine, found }] = stages;
    const made = mistakes.filter(({ name }) => setup.mistakes.includes(name));
    const bus = made.reduce<Bus>(
      (right, mistake) => new MistakenBus(right, machine, found.address, mistake, this.#world.draft),
      this.#observed.bus,
    );
    const ringFeatures = [
      feature.ringIndirectDescriptors,
      feature.ringEventIndex,
      ...(setup.ring === 'packed' ? [feature.ringPacked] : []),
    ];
    this.#driver = await drivenTypes[setup.type]!.open(
      connect(bus, !this.#msix),
      memory,
      { ringFeatures },
      sample,
    );
    return `the ${setup.type} device is up`;
  }
}

/** A draft of one's own, which is loaded where there is one. @throws what {@link OwnDraft} cannot be made of */
async function ownOf({ reading, draft }: Setup): Promise<OwnDraft | null> {
  if (reading !== OWN) return null;
  return (await import('../parts/own-draft.ts')).ownDraft(draft ?? '');
}

/** Waits until a driver that gets no answer would wait for ever. */
function patiently(work: Promise<string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer: the driver waits still')), PATIENCE_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
