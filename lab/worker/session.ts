import { type Bus, OptionError, type VirtiolabError } from 'virtiolab/core';
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
      const repeated = move.name === again.name;
      result = await (repeated ? this.#repeat(Number(move.values[0])) : patiently(this.#carryOut(move)));
    } catch (thrown) {
      error = (thrown as Error | VirtiolabError).message;
      this.#stream.add('left', 'mark', 'failed', { name: error });
    }
    this.#observed.arrive();
    this.#past.push({ move, first, last: this.#stream.last });
    this.flush();
    return this.done(error, result);
  }

  done(error: string | null, result: string): Done {
    const { findings } = this.#observed;
    const [last, up, msix] = [this.#stream.last, this.#driver !== null, this.#msix];
    return { error, result, last, view: this.#observed.now(), up, msix, findings: [...findings] };
  }

  flush(): void {
    const rows = this.#stream.take();
    if (rows.length > 0) this.#post(rows);
  }

  look(seq: number): View | null {
    return this.#observed.at(seq);
  }

  /** Moves before the one that made an access. */
  before(seq: number): readonly Move[] {
    return this.#past.filter(({ last }) => last < seq).map(({ move }) => move);
  }

  #nameOf({ name, values }: Move): string {
    const { label = name } = [...common, ...this.describe([]).moves].find((each) => each.name === name) ?? {};
    return [label, ...values].join(' ');
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
