import type { SavedFunction } from './function-state.ts';

/** What happens to a function by the hand of those who configure it, as the device behind it hears of it. */
export type FunctionEvent =
  | 'plug'
  | 'unplug'
  | 'reset'
  | 'busMaster'
  | 'msixEnable'
  | 'decode'
  | 'load'
  | 'halt';

/** The device behind a function. */
export interface FunctionDevice {
  hear(event: FunctionEvent): void;
  /**
   * Nothing is under way, and nothing but an access can change that: where only the state of the function is kept, nobody misses
   * it. By default it is never so.
   */
  asleep?(): boolean;
  /**
   * Relates the parts of a state with each other, each of which is right by itself.
   * @throws StateMismatchError
   */
  check?(saved: SavedFunction, path: string): void;
}

type Listener = () => void;

/** Tells the device behind a function, and whoever else listens, in the order of coming. */
export class FunctionEvents {
  /** Hears first. */
  device: FunctionDevice | null = null;
  /** Null while nobody else has ever listened. */
  #lists: { [E in FunctionEvent]?: Listener[] } | null = null;

  #listenersOf(event: FunctionEvent): Listener[] {
    this.#lists ??= {};
    return (this.#lists[event] ??= []);
  }

  get onPlug(): Listener[] {
    return this.#listenersOf('plug');
  }

  get onUnplug(): Listener[] {
    return this.#listenersOf('unplug');
  }

  get onReset(): Listener[] {
    return this.#listenersOf('reset');
  }

  /** Bus mastering went on or off. */
  get onBusMaster(): Listener[] {
    return this.#listenersOf('busMaster');
  }

  /** MSI-X went on or off. */
  get onMsixEnable(): Listener[] {
    return this.#listenersOf('msixEnable');
  }

  /** Its registers are those of a state that is being loaded; the parts behind them follow. */
  get onLoad(): Listener[] {
    return this.#listenersOf('load');
  }

  /** A BAR is decoded elsewhere, or no longer. */
  get onDecode(): Listener[] {
    return this.#listenersOf('decode');
  }

  /** Its machine stands still from now on, or goes on: its slot says which. */
  haltChanged(): void {
    this.tell('halt');
  }

  protected tell(event: FunctionEvent): void {
    this.device?.hear(event);
    for (const listener of this.#lists?.[event] ?? []) listener();
  }
}
