import {
  anyState,
  DmaDomain,
  expectAt,
  group,
  list,
  record,
  type State,
  type Stateful,
  StateMismatchError,
  u16,
} from '../core/index.ts';
import { type ConfigListener, reaches } from './config-space.ts';
import type { PciFunction } from './function.ts';
import { sriovControl } from './layout/index.ts';
import { SriovRegisters } from './sriov-registers.ts';
import { TouchedFunctions } from './touched-functions.ts';
import type { VirtualFunction } from './virtual-function.ts';
import {
  type CheckedOptions,
  checkVirtualOptions,
  VirtualFunctionsError,
  type VirtualFunctionsOptions,
} from './virtual-options.ts';

/** The functions that software touched, each with its number. */
export const virtualFunctionsState = record('virtual-functions', 1, {
  functions: list(group({ index: u16, state: anyState })),
});

/** Routing ids end here, in each segment. */
const LAST_PLACE = 0xffff;

/**
 * Virtual functions of a physical one (PCI Express 5.0, chapter 9): the SR-IOV capability, and the functions that there are
 * while software has set VF Enable. Nothing exists of one that nobody has touched.
 *
 * What a function of it is, is an object as long as it is in use: {@link VirtualFunctionsOptions.live}. Whoever holds one
 * longer than until the next access says so by {@link keep}.
 */
export class VirtualFunctions implements ConfigListener, Stateful {
  readonly record = virtualFunctionsState;
  readonly physical: PciFunction;
  readonly options: CheckedOptions;
  /** Called when VF Enable was set, and when it was cleared or the functions were lost by a reset. */
  readonly onEnable: ((enabled: boolean) => void)[] = [];
  readonly #registers: SriovRegisters;
  readonly #touched: TouchedFunctions;
  readonly #domains = new Map<number, DmaDomain>();
  /** Functions that somebody keeps, and how many do. */
  readonly #kept = new Map<VirtualFunction, number>();
  #enabled = false;
  #count = 0;
  #powered = true;
  #endDirectory: (() => void) | null = null;

  /**
   * Adds the capability, and by default that for alternative routing ids, to a PCI Express function that is not plugged in yet.
   * @throws VirtualFunctionsError, BarError, CapabilitySpaceError
   */
  constructor(fn: PciFunction, options: VirtualFunctionsOptions) {
    this.physical = fn;
    this.options = checkVirtualOptions(fn, options);
    this.#registers = new SriovRegisters(fn, this.options);
    this.#touched = new TouchedFunctions(this.options.total, this.options.live, {
      make: (index) => this.#make(index),
      takeAway: (each) => this.#takeAway(each),
      isHeld: (each) => this.#kept.has(each) || fn.slot.neighbourhood.isWatched(each),
    });
    fn.virtualFunctions = this;
    fn.parts.set('virtual-functions', this);
    fn.config.listen(this);
    fn.onPlug.push(() => this.#plugged());
    fn.onUnplug.push(() => this.#unplugged());
    fn.onReset.push(() => this.#disable());
  }

  /** VF Enable. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** How many there are: NumVFs, but never more than TotalVFs, nor than have a routing id; 0 while VF Enable is clear. */
  get count(): number {
    return this.#count;
  }

  /** Those that exist as objects. */
  get made(): Iterable<VirtualFunction> {
    return this.#touched.live;
  }

  /** How many exist as objects, and of how many others a state is kept: for measuring. */
  get size(): { readonly live: number; readonly kept: number } {
    return this.#touched.size;
  }

  /** Software has touched function `index`, 1..count. */
  isTouched(index: number): boolean {
    return this.#exists(index) && this.#touched.has(index);
  }

  #exists(index: number): boolean {
    return Number.isInteger(index) && index >= 1 && index <= this.#count;
  }

  /**
   * Function `index`, 1..count, touched from now on; undefined where there is none. It is good until the next access to
   * whatever function: see {@link keep}.
   */
  at(index: number): VirtualFunction | undefined {
    return this.#exists(index) ? this.#touched.get(index) : undefined;
  }

  /** The same, and it stays the same object until {@link letGo}, or until it is gone. */
  keep(index: number): VirtualFunction | undefined {
    const fn = this.at(index);
    if (fn !== undefined) this.#kept.set(fn, (this.#kept.get(fn) ?? 0) + 1);
    return fn;
  }

  /** To be called as often as it was kept. Of one that is gone it has no effect. */
  letGo(fn: VirtualFunction): void {
    const left = (this.#kept.get(fn) ?? 0) - 1;
    if (left > 0) this.#kept.set(fn, left);
    else this.#kept.delete(fn);
  }

  /** Memory that a function reaches. @throws VirtualFunctionsError */
  domainOf(index: number): DmaDomain {
    this.#check(index);
    return this.#touched.peek(index)?.slot.dma ?? this.#domainFor(index);
  }

  #domainFor(index: number): DmaDomain {
    return this.#domains.get(index) ?? new DmaDomain(this.physical.slot.dma.memory);
  }

  #check(index: number): void {
    if (!Number.isInteger(index) || index < 1 || index > this.options.total)
      throw new VirtualFunctionsError('function', index, `a whole number of 1..${this.options.total}`);
  }

  /**
   * Gives a function another memory to reach, or with null that which it has by default: all that its physical function's
   * domain is made on. What software had made of it is gone: it is a new one, as after power-on, and whoever held it hears that it was taken away.
   * @throws VirtualFunctionsError
   */
  assign(index: number, domain: DmaDomain | null): void {
    this.#check(index);
    const fn = this.#touched.peek(index);
    if (fn !== undefined) fn.slot.neighbourhood.arrive(fn);
    this.#touched.drop(index);
    if (domain === null) this.#domains.delete(index);
    else this.#domains.set(index, domain);
  }

  #make(index: number): VirtualFunction {
    const fn = this.options.make(index);
    fn.belongTo(this.physical, index);
    fn.plug(this.physical.slot.neighbourhood.slotAt(this.#offsetOf(index), this.#domainFor(index)));
    return fn;
  }

  #takeAway(fn: VirtualFunction): void {
    const { dma, memory, neighbourhood } = fn.slot;
    this.#kept.delete(fn);
    fn.unplug();
    dma.release();
    memory.forget();
    neighbourhood.left(fn);
  }

  #offsetOf(index: number): number {
    return this.options.offset + (index - 1) * this.options.stride;
  }

  /** The function so many routing ids after its physical one. */
  #beside(offset: number): VirtualFunction | undefined {
    const { offset: first, stride } = this.options;
    if (offset < first) return undefined;
    const steps = stride === 0 ? 0 : (offset - first) / stride;
    return offset === first + steps * stride ? this.at(steps + 1) : undefined;
  }

  #plugged(): void {
    this.#registers.plugged();
    const owner = this;
    this.#endDirectory = this.physical.slot.neighbourhood.addDirectory({
      at: (offset) => this.#beside(offset),
      get made() {
        return owner.made;
      },
    });
  }

  #unplugged(): void {
    this.#disable();
    this.#endDirectory?.();
    this.#endDirectory = null;
  }

  /** Software wrote into the configuration space of the physical function. */
  afterWrite(start: number, end: number): void {
    const { powered } = this.physical;
    if (powered !== this.#powered) {
      this.#powered = powered;
      for (const fn of this.made) fn.upstreamChanged();
      this.#decode();
    }
    if (!this.physical.plugged || !reaches(start, end, this.#registers.at, this.#registers.length)) return;
    this.#registers.follow(this.#enabled);
    const enabled = this.#registers.control(sriovControl.enable);
    if (enabled && !this.#enabled) this.#enable();
    else if (!enabled) this.#disable();
    this.#decode();
  }

  /** How many there can be with so many asked for. */
  #countOf(numVfs: number): number {
    const { total, offset, stride } = this.options;
    const room = LAST_PLACE - (this.physical.slot.address & LAST_PLACE) - offset;
    if (room < 0) return 0;
    return Math.min(numVfs, total, stride === 0 ? 1 : Math.floor(room / stride) + 1);
  }

  #enable(): void {
    const { numVfs } = this.#registers;
    this.#registers.judgeCount();
    this.#enabled = true;
    this.#count = this.#countOf(numVfs);
    for (const listener of this.onEnable) listener(true);
  }

  /** All functions are gone, and what software had made of them. */
  #disable(): void {
    if (!this.#enabled) return;
    this.#enabled = false;
    this.#count = 0;
    this.#registers.release();
    this.#touched.clear();
    for (const listener of this.onEnable) listener(false);
  }

  /** Memory of virtual functions has an enable bit of its own; only without power it answers nowhere. */
  #decode(): void {
    const on = this.#powered && this.#registers.control(sriovControl.memorySpace);
    if (!this.physical.plugged) return;
    const changed = this.#registers.decode(on ? this.#count : 0, (index) => this.#touched.get(index));
    if (changed) for (const fn of [...this.made]) fn.placed();
  }

  /** The bus has another number. */
  renumbered(): void {
    if (!this.#enabled) return;
    this.#count = this.#countOf(this.#registers.numVfs);
    this.#registers.release();
    this.#decode();
  }

  save() {
    return virtualFunctionsState.save({ functions: this.#touched.save() });
  }

  /** @param config what the physical function's configuration space is to hold; its own where it is not said. */
  check(state: State, path = 'virtual functions', config: Uint8Array = this.physical.config.save()) {
    const saved = virtualFunctionsState.parse(state, path);
    this.#registers.check(config, path);
    const count = this.#registers.enabledIn(config) ? this.#countOf(this.#registers.numVfsIn(config)) : 0;
    let before = 0;
    for (const [i, { index, state: each }] of saved.functions.entries()) {
      const at = `functions[${i}]`;
      const fits = index > before && index <= count;
      expectAt(path)(fits, `${at}.index`, index, `a function of ${before + 1}..${count}`);
      before = index;
      this.#checkOne(index, each, `${path}.${at}.state`);
    }
    const { live } = this.size;
    if (this.options.once && saved.functions.length < live)
      throw new StateMismatchError(
        `${path}.functions`,
        saved.functions,
        `the ${live} that cannot be made again`,
      );
    return saved;
  }

  #checkOne(index: number, state: State, path: string): void {
    const live = this.#touched.peek(index);
    if (live !== undefined) {
      live.check(state, path);
      return;
    }
    const fn = this.#make(index);
    try {
      fn.check(state, path);
    } finally {
      this.#takeAway(fn);
    }
  }

  /** The registers are there already. */
  load(state: State): void {
    const { functions } = this.check(state);
    const { physical } = this;
    this.#registers.restore();
    this.#powered = physical.powered;
    this.#enabled = this.#registers.control(sriovControl.enable);
    this.#count = this.#enabled ? this.#countOf(this.#registers.numVfs) : 0;
    this.#registers.release();
    this.#touched.load(functions);
    this.#decode();
  }

  manifest(): State {
    const fn = this.#touched.peek(1);
    if (fn !== undefined) return { ...virtualFunctionsState.manifest(), each: fn.manifest() };
    const made = this.#make(1);
    try {
      return { ...virtualFunctionsState.manifest(), each: made.manifest() };
    } finally {
      this.#takeAway(made);
    }
  }
}
