import type { DmaDomain } from '../../core/index.ts';
import { MappedAlreadyError, MapRangeError } from './errors.ts';

/** Bytes [start, start + length) of the addresses that the device uses, and where they are in memory. */
export interface IotlbMap {
  readonly start: number;
  readonly length: number;
  readonly target: number;
  readonly write: boolean;
}

const isRange = (start: number, length: number) =>
  Number.isSafeInteger(start) &&
  Number.isSafeInteger(length) &&
  start >= 0 &&
  length > 0 &&
  Number.isSafeInteger(start + length);

/**
 * What a parent's device reaches of memory: nothing, until it is mapped. As in Linux an overlap is refused, and what is unmapped takes
 * every map with it that it touches, whole.
 */
export class Iotlb {
  readonly #domain: DmaDomain;
  #maps: readonly IotlbMap[] = [];

  constructor(domain: DmaDomain) {
    this.#domain = domain;
    this.#put([]);
  }

  /** By address. */
  get maps(): readonly IotlbMap[] {
    return this.#maps;
  }

  /** @throws MapRangeError, MappedAlreadyError; nothing has changed then. */
  map(map: IotlbMap): void {
    const { start, length, target } = map;
    if (!isRange(start, length) || !isRange(target, length))
      throw new MapRangeError('iotlb map', start, length);
    if (this.#touched(start, length).length > 0) throw new MappedAlreadyError(start, length);
    this.#put([...this.#maps, map]);
  }

  /** A hole is no error. @returns the maps that are gone. @throws MapRangeError */
  unmap(start: number, length: number): readonly IotlbMap[] {
    if (!isRange(start, length)) throw new MapRangeError('iotlb unmap', start, length);
    const gone = this.#touched(start, length);
    if (gone.length > 0) this.#put(this.#maps.filter((map) => !gone.includes(map)));
    return gone;
  }

  /** Nothing is reached any more. */
  reset(): void {
    this.#put([]);
  }

  /** As they were saved: checked all together before any is put in place. @throws MapRangeError, MappedAlreadyError */
  load(maps: readonly IotlbMap[]): void {
    const before = this.#maps;
    this.reset();
    try {
      for (const map of maps) this.map(map);
    } catch (error) {
      this.#put(before);
      throw error;
    }
  }

  #touched(start: number, length: number): readonly IotlbMap[] {
    return this.#maps.filter((map) => start < map.start + map.length && map.start < start + length);
  }

  #put(maps: readonly IotlbMap[]): void {
    this.#maps = [...maps].sort((a, b) => a.start - b.start);
    this.#domain.setWindows(
      this.#maps.map(({ start, length, target, write }) => ({ start, length, target, write })),
    );
  }
}
