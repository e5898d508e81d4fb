import { Buffer } from 'node:buffer';
import { type State, StateMismatchError } from '../../../src/core/index.ts';
import { everyMutation, type Mutation } from './mutations.ts';
import { freshLike, type Making, type Subject } from './saved-subject.ts';
import { changed, placeName } from './state-leaves.ts';

/** What a machine puts right by itself when it is loaded: where the state was changed, and what differs then. */
const corrected: readonly (readonly [where: RegExp, what: RegExp])[] = [
  // The host's own: vectors are given out anew, and what waits for them arrives.
  [/./, /^messages/],
  [/^messages/, /./],
  // A terminal has another size than what the driver was shown: it is told.
  [/config\.bytes|lines\[\d\]\.size/, /./],
  // The driver knows other ports than there are: it is told of them.
  [/control\.(ready|known)/, /control\.pending/],
  // An alarm of another time may have been reached.
  [/clocks/, /clocks|queues|ram|isr|pinLevel|state\.config|claims/],
  // What was asked for or left half done is done; what waits for a port to be opened arrives.
  [/statistics\.asked|packed\.hidden|split\.(published|nextUsed)|driverOpen|eventPending/, /./],
  // A chain with other buffers, or of another queue, is another request: what comes of it may be there at once.
  [
    /queues$|queues\[\d+\]$|inFlight(\[\d+\])?$|inFlight\[\d+\]\.(lows|highs|lengths|readableCount|touched)/,
    /./,
  ],
  // A device that is to stop, and has nothing to do, has stopped.
  [/mode\.stopping/, /mode/],
  // An older version is made one of today.
  [/version$/, /./],
  // The line follows the function's, which is another state.
  [/pinLevel|state\.config/, /pinLevel|state\.config/],
];

/** The first place where two states differ; null where none does. */
function difference(a: State | undefined, b: State | undefined, at = ''): string | null {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0 ? null : at;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return Object.is(a, b) ? null : at;
  const [x, y] = [a, b] as [{ readonly [key: string]: State }, { readonly [key: string]: State }];
  for (const key of new Set([...Object.keys(x), ...Object.keys(y)])) {
    const found = difference(x[key], y[key], at === '' ? key : `${at}.${key}`);
    if (found !== null) return found;
  }
  return null;
}

const differ = (a: State, b: State, allowed: (what: string) => boolean): string | null => {
  const found = difference(a, b);
  return found === null || allowed(found) ? null : found;
};

/** What is loaded into one of the machines, and where. */
interface Trial {
  readonly making: Making;
  readonly states: readonly State[];
  readonly outside: readonly State[];
  readonly index: number;
}

/** A state that was taken: nothing of it is lost, and the machine goes on. @throws otherwise */
function take({ making, states, outside, index }: Trial, bad: State, where: string): void {
  const subject = freshLike(making, outside);
  for (const [i, machine] of subject.machines.entries()) machine.load(i === index ? bad : states[i]!);
  const pattern = corrected.filter(([each]) => each.test(where)).map(([, what]) => what);
  const lost = differ(bad, subject.machines[index]!.save(), (what) =>
    pattern.some((each) => each.test(what)),
  );
  if (lost !== null) throw new Error(`lost: ${lost}`);
  subject.goOn();
}

const describeValue = (value: State | undefined): string =>
  value instanceof Uint8Array ? `${value.length} bytes` : String(JSON.stringify(value)).slice(0, 80);

/** Machines that states are loaded into until they take one. */
class Victim {
  readonly #trial: Trial;
  #subject: Subject;
  #before: State;

  constructor(trial: Trial) {
    this.#trial = trial;
    this.#subject = freshLike(trial.making, trial.outside);
    this.#before = this.#machine.save();
  }

  get #machine() {
    return this.#subject.machines[this.#trial.index]!;
  }

  /** @returns whether it was taken. @throws where it was refused otherwise than it should be. */
  takes(bad: State): boolean {
    try {
      this.#machine.load(bad);
    } catch (error) {
      if (error instanceof StateMismatchError) return false;
      throw error;
    }
    this.#subject = freshLike(this.#trial.making, this.#trial.outside);
    this.#before = this.#machine.save();
    return true;
  }

  /** @throws where a state that was refused left something behind. */
  checkUntouched(): void {
    const touched = difference(this.#before, this.#machine.save());
    if (touched !== null) throw new Error(`a state that was refused changed ${touched}`);
  }
}

/** @returns how many were refused, and how many taken. */
function tryEach(trial: Trial, mutations: Iterable<Mutation>): readonly [refused: number, taken: number] {
  const state = trial.states[trial.index]!;
  const victim = new Victim(trial);
  const count: [number, number] = [0, 0];
  for (const { place, value } of mutations) {
    const bad = changed(state, place, value);
    try {
      const taken = victim.takes(bad);
      count[taken ? 1 : 0]++;
      if (taken) take(trial, bad, placeName(place));
      else if (count[0] % 50 === 0) victim.checkUntouched();
    } catch (error) {
      throw new Error(`${placeName(place)} = ${describeValue(value)}: ${(error as Error).stack}`);
    }
  }
  victim.checkUntouched();
  return count;
}

/** Tries every `stride`th mutation of every machine of a subject, counted from one of them on. */
export function tryAll(making: Making, stride: number, from: number): void {
  const used = making.used();
  const states = used.machines.map((machine) => machine.save());
  const outside = used.devices.map((device) => device.saveOutside());
  for (const index of states.keys()) {
    const trial: Trial = { making, states, outside, index };
    take(trial, states[index]!, 'nothing');
    const all = [...everyMutation(states[index]!)];
    tryEach(
      trial,
      all.filter((_, i) => i % stride === from % stride),
    );
  }
}
