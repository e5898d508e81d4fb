import { Room, type Task } from '../../../core/index.ts';
import { reachClause, shapeClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { type BalloonStatistic, balloonStatistic, balloonStatisticEntry } from '../../layout/index.ts';
import { aboutChain, type Chain, type TakenRequest } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';
import { MAX_STATISTICS, type SavedBalloon, statisticsState } from './state.ts';

/**
 * What a driver last said about its memory: bytes or counts, 64 bits. By name where the specification has one, by tag where
 * not (Linux counts up to 15).
 */
export type BalloonStatistics = Readonly<Partial<Record<BalloonStatistic | number, bigint>>>;
type Values = Partial<Record<BalloonStatistic | number, bigint>>;

const names: ReadonlyMap<number, BalloonStatistic> = new Map(
  Object.entries(balloonStatistic).map(([name, tag]) => [tag, name as BalloonStatistic]),
);

/** What is kept with a buffer that is held: that it is. */
export const HELD = 'statistics';
const HELD_BUFFER: TakenRequest = { save: () => HELD };

/**
 * The statistics queue: the device keeps the driver's buffer, and hands it back to ask for another one with fresh values.
 */
export class StatisticsQueue implements Task {
  readonly label = 'balloon statistics';
  readonly #device: DevicePort;
  readonly #told: (values: BalloonStatistics) => void;
  readonly #held = new WaitingChains();
  readonly #entries = new Room(MAX_STATISTICS * balloonStatisticEntry.bytes);
  #values: Values = {};
  /** Buffers since the last reset. */
  #buffers = 0;
  /** Tags of the second buffer: all later ones have to have the same (BAL-STAT-07). */
  #subset: string | null = null;
  /** The host has asked, and the buffer is not handed back yet. */
  #asked = false;
  /** Buffers that were held when the state was saved, and come again. */
  #coming = 0;

  /** @param told hears of every buffer with values. */
  constructor(device: DevicePort, told: (values: BalloonStatistics) => void) {
    this.#device = device;
    this.#told = told;
  }

  get values(): BalloonStatistics {
    return this.#values;
  }

  #hold(chain: Chain): void {
    chain.request = HELD_BUFFER;
    this.#held.add(chain);
  }

  /** Takes a buffer back that was held when the state was saved. */
  takeBack(chain: Chain): void {
    this.#hold(chain);
    if (this.#coming > 0 && --this.#coming === 0 && this.#asked) this.#device.whenDma(this);
  }

  /** Takes a buffer of the driver's, which stays here until the next request. */
  take(chain: Chain): void {
    // Handing the older one back would only bring the next: a driver that does so could keep the device busy for ever.
    if (this.#held.length > 0)
      this.#device.report(
        'driver',
        'BAL-STAT-01',
        'more than one statistics buffer at a time',
        aboutChain(chain),
      );
    this.#hold(chain);
    this.#buffers++;
    // LEG-BAL-08: legacy drivers hand over a first buffer that they have not filled in.
    if (this.#buffers > 1 || !this.#device.legacyDriver) this.#read(chain);
  }

  #read(chain: Chain): void {
    const { bytes, tag, value } = balloonStatisticEntry;
    const offered = chain.readableBytes;
    if (chain.count > chain.readableCount)
      this.#device.report(
        'driver',
        shapeClause(this.#device),
        'writable bytes in a statistics buffer',
        aboutChain(chain, 'length in bytes', chain.writableBytes),
      );
    const length = Math.min(offered - (offered % bytes), this.#entries.length);
    if (length !== offered)
      // The text says multiples of 6; an entry has 10 bytes, and so has every driver's.
      this.#device.report(
        'driver',
        'BAL-STAT-05',
        `a statistics buffer of ${offered} bytes`,
        aboutChain(chain, 'length in bytes', offered),
      );
    if (!chain.read(0, this.#entries.bytes, 0, length)) {
      this.#device.report(
        'driver',
        reachClause(this.#device),
        'a statistics buffer out of reach',
        aboutChain(chain),
      );
      return;
    }
    const little = this.#device.littleEndian;
    const tags: number[] = [];
    const values: Values = {};
    for (let at = 0; at < length; at += bytes) {
      const each = this.#entries.view.getUint16(at + tag, little);
      tags.push(each);
      // BAL-STAT-08: of others nothing is made; BAL-STAT-09: in any order.
      values[names.get(each) ?? each] = this.#entries.view.getBigUint64(at + value, little);
    }
    this.#compare(chain, tags);
    this.#values = values;
    this.#told(values);
  }

  /** The first buffer is exempt: initialization calls it an empty one. */
  #compare(chain: Chain, tags: readonly number[]): void {
    if (this.#buffers === 1) return;
    const subset = [...tags].sort((a, b) => a - b).join();
    if (this.#subset !== null && this.#subset !== subset)
      this.#device.report(
        'driver',
        'BAL-STAT-07',
        'another subset of statistics than before',
        aboutChain(chain, 'number of statistics', tags.length),
      );
    this.#subset = subset;
  }

  /**
   * Asks the driver for fresh values: they come with its next buffer.
   * @returns false when it has no buffer here, as without the feature, or while an answer is on its way.
   */
  request(): boolean {
    if (this.#held.length === 0 || this.#asked) return false;
    this.#asked = true;
    this.#device.whenDma(this);
    return true;
  }

  /** Hands back what is held. */
  run(): void {
    if (!this.#asked) return;
    this.#asked = false;
    this.#device.batch(() => {
      for (let count = this.#held.length; count > 0; count--) this.#device.complete(this.#held.take()!, 0);
    });
  }

  reset(): void {
    this.#held.clear();
    this.#values = {};
    this.#buffers = 0;
    this.#subset = null;
    this.#asked = false;
    this.#coming = 0;
  }

  /** The queue was stopped by itself: its buffers are gone. */
  stopped(): void {
    this.#held.clear();
    this.#asked = false;
    this.#coming = 0;
  }

  save() {
    const values = Object.entries(this.#values).map(([name, value]) => [name, `${value}`]);
    return statisticsState.save({
      values: Object.fromEntries(values) as Record<string, string>,
      buffers: this.#buffers,
      subset: this.#subset,
      asked: this.#asked,
      held: this.#held.length + this.#coming,
    });
  }

  load(saved: SavedBalloon['statistics']): void {
    this.reset();
    const values = Object.entries(saved.values).map(([name, value]) => [name, BigInt(value)]);
    this.#values = Object.fromEntries(values);
    this.#buffers = saved.buffers;
    this.#subset = saved.subset;
    this.#asked = saved.asked;
    this.#coming = saved.held;
  }
}
