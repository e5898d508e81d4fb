import { anyState, expectSame, integer, record, type State, shape, ViewCache } from '../../core/index.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { reachClause } from '../clauses.ts';
import { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import { entropyDeviceType } from '../layout/index.ts';
import { aboutChain, type Chain } from '../queue/chain.ts';
import { checkQueueSizes } from '../queue/limits.ts';

/** Where random bytes come from. */
export interface EntropySource {
  /** Fills `target`, of at most 64 KiB. */
  fill(target: Uint8Array): void;
  /** State to go on from; null for a source that has none. */
  save(): State;
  /** @throws StateMismatchError for what {@link load} could not go on from. */
  check?(state: State, path: string): void;
  load(state: State): void;
}

/** The platform's own generator. */
export const systemEntropy: EntropySource = {
  fill: (target) => {
    globalThis.crypto.getRandomValues(target as Uint8Array<ArrayBuffer>);
  },
  save: () => null,
  check: (state, path) => expectSame(path, state, null),
  load: () => {},
};

export const seededEntropyState = record('seeded-entropy', 1, { next: integer(1, 0xffffffff) });

/** A repeatable source for tests: a 32-bit xorshift (Marsaglia, 2003), not fit for secrets. `seed` is not 0. */
export class SeededEntropy implements EntropySource {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  fill(target: Uint8Array): void {
    let x = this.#state;
    for (let i = 0; i < target.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      target[i] = x;
    }
    this.#state = x >>> 0;
  }

  save() {
    return seededEntropyState.save({ next: this.#state });
  }

  check(state: State, path = 'seeded entropy') {
    return seededEntropyState.parse(state, path);
  }

  load(state: State): void {
    this.#state = this.check(state).next;
  }
}

export interface EntropyOptions {
  readonly source?: EntropySource;
  /** Descriptors of the queue. */
  readonly queueSize?: number;
}

/** A device may return less than was asked for (RNG-04): a guest must not choose how long one request takes. */
const MAX_BYTES = 0x10000;

export const entropyState = record('entropy', 1, { shape, source: anyState });

const NO_FIELDS = {};
const NO_FEATURES: readonly number[] = [];

/** The entropy device (chapter Entropy Device): one queue, no configuration, no features. */
export class EntropyDevice implements DeviceBehaviour {
  readonly type = entropyDeviceType;
  readonly sleeps = true;
  readonly record = entropyState;
  readonly features = NO_FEATURES;
  readonly config = new DeviceConfig(NO_FIELDS);
  readonly queueSizes: readonly number[];
  readonly #source: EntropySource;
  /** Made at first use. */
  #buffer: ViewCache | null = null;
  #device!: DevicePort;

  /** @throws QueueSizeError */
  constructor(options: EntropyOptions = {}) {
    this.#source = options.source ?? systemEntropy;
    this.queueSizes = [options.queueSize ?? 8];
    checkQueueSizes(this.queueSizes);
  }

  attach(device: DevicePort): void {
    this.#device = device;
  }

  handle(chain: Chain): void {
    const device = this.#device;
    if (chain.readableBytes > 0)
      device.report(
        'driver',
        'RNG-01',
        'a buffer that the device cannot write',
        aboutChain(chain, 'length in bytes', chain.readableBytes),
      );
    const length = Math.min(chain.writableBytes, MAX_BYTES);
    this.#buffer ??= new ViewCache(new Uint8Array(MAX_BYTES));
    const bytes = this.#buffer.view(0, length);
    this.#source.fill(bytes);
    const written = chain.write(0, bytes, 0, length);
    if (!written && chain.live)
      device.report('driver', reachClause(device), 'a buffer out of reach', aboutChain(chain));
    device.complete(chain, written ? length : 0);
  }

  reset(): void {}

  #shape() {
    return { type: this.type.name, repeatable: this.#source.save() !== null };
  }

  check(state: State, path = 'entropy device') {
    const saved = entropyState.parse(state, path, this.#shape());
    this.#source.check?.(saved.source, `${path}.source`);
    return saved;
  }

  save() {
    return entropyState.save({ shape: this.#shape(), source: this.#source.save() });
  }

  load(state: State): void {
    this.#source.load(this.check(state).source);
  }
}
