import { patchedState, type State, stateFromText, statePatch, stateToText } from '../core/index.ts';
import type { SavedFunction } from './function-state.ts';
import type { VirtualFunction } from './virtual-function.ts';

/** Makes functions, plugs them in, and takes them away again. */
export interface FunctionMaker {
  make(index: number): VirtualFunction;
  takeAway(fn: VirtualFunction): void;
  /** It has to stay what it is. */
  isHeld(fn: VirtualFunction): boolean;
}

/** What a function was made with it is made with again: it is no part of what is kept. */
const NO_SHAPE = {};

/** So many of the oldest are looked at, each time that one too many is there. */
const LOOKED_AT = 8;

/**
 * Functions by number, of which exist those that software touched, and as objects only the latest of those: of the others
 * is kept what their state has other than that of one after power-on.
 */
export class TouchedFunctions {
  readonly #maker: FunctionMaker;
  readonly #most: number;
  /** In the order of their use, the latest last. */
  readonly #live = new Map<number, VirtualFunction>();
  #latest = 0;
  #latestFunction: VirtualFunction | null = null;
  /** One bit each. */
  #touched: Uint8Array;
  /** As text: that takes the least room. Of those that are as after power-on there is none. */
  readonly #patches = new Map<number, string>();
  /** State of one after power-on, which all others are compared with. */
  #fresh: State = null;

  /** Numbers are 1..`total`. @param most how many may exist as objects. */
  constructor(total: number, most: number, maker: FunctionMaker) {
    this.#touched = new Uint8Array((total >> 3) + 1);
    this.#most = most;
    this.#maker = maker;
  }

  /** Those that exist as objects. */
  get live(): Iterable<VirtualFunction> {
    return this.#live.values();
  }

  /** How many bytes the kept states take, and how many functions exist as objects: for measuring. */
  get size(): { readonly live: number; readonly kept: number } {
    return { live: this.#live.size, kept: this.#patches.size };
  }

  /** The function of a number as an object, if it exists as one. */
  peek(index: number): VirtualFunction | undefined {
    return this.#live.get(index);
  }

  has(index: number): boolean {
    return (this.#touched[index >> 3]! & (1 << (index & 7))) !== 0;
  }

  /** The function of a number, touched from now on. */
  get(index: number): VirtualFunction {
    if (index === this.#latest) return this.#latestFunction!;
    let fn = this.#live.get(index);
    if (fn === undefined) fn = this.#bring(index);
    else this.#live.delete(index);
    this.#live.set(index, fn);
    this.#latest = index;
    this.#latestFunction = fn;
    if (this.#live.size > this.#most) this.#putAway();
    return fn;
  }

  #bring(index: number): VirtualFunction {
    const fn = this.#make(index);
    this.#touched[index >> 3]! |= 1 << (index & 7);
    this.#patches.delete(index);
    return fn;
  }

  /** A function as it is, with what was kept of it. */
  #make(index: number): VirtualFunction {
    const fn = this.#maker.make(index);
    this.#fresh ??= fn.save(NO_SHAPE);
    const patch = this.#patches.get(index);
    if (patch === undefined) return fn;
    fn.restore(patchedState(this.#fresh, stateFromText(patch) as readonly State[]) as SavedFunction);
    fn.resume();
    return fn;
  }

  /** Of the oldest that nothing keeps from it, only the state stays; what cannot be put away is asked again much later. */
  #putAway(): void {
    let left = LOOKED_AT;
    for (const [index, fn] of this.#live) {
      if (this.#live.size <= this.#most || left-- === 0) return;
      this.#live.delete(index);
      if (index !== this.#latest && this.#sleeps(fn)) this.#keep(index, fn);
      else this.#live.set(index, fn);
    }
  }

  #sleeps(fn: VirtualFunction): boolean {
    return fn.accesses === 0 && !this.#maker.isHeld(fn) && fn.device?.asleep?.() === true;
  }

  #keep(index: number, fn: VirtualFunction): void {
    const patch = statePatch(this.#fresh, fn.save(NO_SHAPE));
    if (patch !== null) this.#patches.set(index, stateToText(patch));
    this.#maker.takeAway(fn);
  }

  /** The function of a number is nobody's any more, and was never touched. */
  drop(index: number): void {
    const fn = this.#live.get(index);
    this.#live.delete(index);
    this.#patches.delete(index);
    this.#touched[index >> 3]! &= ~(1 << (index & 7));
    if (index === this.#latest) this.#latest = 0;
    if (fn !== undefined) this.#maker.takeAway(fn);
  }

  clear(): void {
    const all = [...this.#live.values()];
    this.#live.clear();
    this.#patches.clear();
    this.#touched.fill(0);
    this.#latest = 0;
    this.#latestFunction = null;
    for (const fn of all) this.#maker.takeAway(fn);
  }

  /** Those that were touched, ascending, with their states. */
  save(): { index: number; state: State }[] {
    const saved: { index: number; state: State }[] = [];
    for (let index = 0; index < 8 * this.#touched.length; index++) {
      if (!this.has(index)) continue;
      const live = this.#live.get(index);
      const fn = live ?? this.#make(index);
      saved.push({ index, state: fn.save() });
      if (live === undefined) this.#maker.takeAway(fn);
    }
    return saved;
  }

  /** Exactly these are touched from now on. Each exists as an object until others are touched. */
  load(saved: readonly { readonly index: number; readonly state: State }[]): void {
    const loaded = new Set(saved.map(({ index }) => index));
    for (let index = 0; index < 8 * this.#touched.length; index++)
      if (this.has(index) && !loaded.has(index)) this.drop(index);
    for (const { index, state } of saved) {
      this.#patches.delete(index);
      const fn = this.#live.get(index) ?? this.#bring(index);
      this.#live.set(index, fn);
      fn.load(state);
    }
  }
}
