import {
  type AccessEvent,
  type Bus,
  type EventSink,
  type FunctionAddress,
  type FunctionWatcher,
  type Interrupts,
  maskOf,
  type Width,
} from '../core/index.ts';
import { type Draft, draft2023 } from '../mmr/layout/index.ts';
import { EXTENDED_START, type0Header } from '../pci/layout/index.ts';
import { type AccessPlace, configTarget, placeAt, placesOf } from './places.ts';
import { MeasuredBars } from './virtual-places.ts';

/** Bytes of configuration space whose change may move what stands at addresses. */
const MOVING = type0Header.bar.offset + type0Header.bar.width * type0Header.bar.count;

/** Where an access goes, as its event tells. */
type Where = Pick<AccessEvent, 'space' | 'address' | 'target' | 'offset' | 'posted'>;

/** A bus that somebody listens to. */
class Tap implements Bus {
  readonly #bus: Bus;
  readonly #sink: EventSink;
  readonly #draft: Draft;
  readonly interrupts: Interrupts;
  /** Null where it is not known, or not any more. */
  #places: readonly AccessPlace[] | null = null;
  readonly #measured = new MeasuredBars();
  readonly dmaMemory?: NonNullable<Bus['dmaMemory']>;
  readonly watchFunction?: NonNullable<Bus['watchFunction']>;

  constructor(bus: Bus, sink: EventSink, draft: Draft) {
    this.#bus = bus;
    this.#sink = sink;
    this.#draft = draft;
    this.interrupts = tapInterrupts(bus.interrupts, sink);
    if (bus.dmaMemory !== undefined) this.dmaMemory = (fn) => bus.dmaMemory!(fn);
    if (bus.watchFunction !== undefined)
      this.watchFunction = (fn, watcher) => bus.watchFunction!(fn, this.#watching(watcher));
  }

  /** Functions move and go: what stands where is to be read again then. */
  #watching(watcher: FunctionWatcher): FunctionWatcher {
    const told = (what: 'moved' | 'removed' | 'loading' | 'loaded') => () => {
      this.#places = null;
      watcher[what]();
    };
    return {
      moved: told('moved'),
      removed: told('removed'),
      loading: told('loading'),
      loaded: told('loaded'),
      resume: (go) => watcher.resume(go),
    };
  }

  get ram() {
    return this.#bus.ram;
  }

  pause(): void {
    this.#bus.pause();
  }

  #place(space: 'io' | 'memory', address: number): Where {
    this.#places ??= placesOf(this.#bus, undefined, this.#draft, this.#measured.bytes);
    return { space, address, ...placeAt(this.#places, space, address), posted: false };
  }

  #config(fn: FunctionAddress, offset: number): Where {
    return { space: 'config', address: offset, target: configTarget(fn), offset, posted: false };
  }

  /** Carries out a read between its bounds. */
  #read(where: Where, width: Width, access: () => number): number {
    this.#sink({ kind: 'enter' });
    try {
      const value = access();
      this.#sink({ kind: 'access', operation: 'read', width, value, ...where });
      return value;
    } finally {
      this.#sink({ kind: 'leave' });
    }
  }

  #write(where: Where, width: Width, value: number, access: () => void): void {
    this.#sink({ kind: 'enter' });
    this.#sink({ kind: 'access', operation: 'write', width, value: (value & maskOf(width)) >>> 0, ...where });
    try {
      access();
    } finally {
      this.#sink({ kind: 'leave' });
    }
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    const value = this.#read(this.#config(fn, offset), width, () => this.#bus.configRead(fn, offset, width));
    this.#measured.read(fn, offset, value);
    return value;
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    // Virtual functions have their BARs in an extended capability.
    if (offset < MOVING || offset >= EXTENDED_START) this.#places = null;
    this.#measured.wrote(fn, offset, value);
    this.#write(this.#config(fn, offset), width, value, () =>
      this.#bus.configWrite(fn, offset, width, value),
    );
  }

  ioRead(port: number, width: Width): number {
    return this.#read(this.#place('io', port), width, () => this.#bus.ioRead(port, width));
  }

  ioWrite(port: number, width: Width, value: number): void {
    this.#write(this.#place('io', port), width, value, () => this.#bus.ioWrite(port, width, value));
  }

  memoryRead(address: number, width: Width): number {
    return this.#read(this.#place('memory', address), width, () => this.#bus.memoryRead(address, width));
  }

  memoryWrite(address: number, width: Width, value: number): void {
    this.#write(this.#place('memory', address), width, value, () =>
      this.#bus.memoryWrite(address, width, value),
    );
  }
}

/** Interrupts that are told of before their handlers run. */
function tapInterrupts(interrupts: Interrupts, sink: EventSink): Interrupts {
  const tell = (signal: 'line' | 'message', vector: number, source: FunctionAddress | null) =>
    sink({ kind: 'interrupt', signal, vector, asserted: true, source });
  return {
    ...(interrupts.inPausesOnly === undefined ? {} : { inPausesOnly: interrupts.inPausesOnly }),
    connectLine: (line, handler) =>
      interrupts.connectLine(line, () => {
        tell('line', line, null);
        return handler();
      }),
    allocateMessage: (handler, place) => {
      const message = interrupts.allocateMessage(() => {
        tell('message', place?.entry ?? message.data, place?.fn ?? null);
        handler();
      }, place);
      return message;
    },
  };
}

/**
 * The same bus, observed: whoever uses what is returned has its accesses and interrupts told to `sink`. A bus may be tapped
 * several times, and a tap tapped again. What an address means is read from configuration space, as {@link placesOf} does,
 * and again after it may have changed.
 * @param draft by which MMR functions were made.
 */
export function tap(bus: Bus, sink: EventSink, draft: Draft = draft2023): Bus {
  return new Tap(bus, sink, draft);
}
