import {
  bytes,
  expectAt,
  group,
  list,
  optional,
  record,
  type State,
  type Stateful,
  shape,
  u53,
  ViewCache,
  VirtiolabError,
} from '../../core/index.ts';
import { SECTOR_BYTES } from '../layout/index.ts';
import type { Storage, Transfer } from '../storage.ts';
import { TransferPart } from './transfer-part.ts';

/** Where a sector's bytes are. */
const place = { base: 0, here: 1, zero: 2 } as const;

/** Some sectors in a row. Without an array none of them is `here`. */
interface Cluster {
  readonly places: Uint8Array;
  bytes: Uint8Array | null;
}

export const overlayState = record(
  'overlay-storage',
  1,
  {
    shape,
    /** In bytes; so much of the base shows. */
    length: u53,
    baseBytes: u53,
    /** Those that were touched. `places` says of each sector: 0 in the base, 1 in `bytes`, 2 zeros. */
    clusters: list(group({ index: u53, places: bytes(), bytes: optional(bytes()) })),
  },
  {
    relate({ clusters }, expect) {
      const indices = new Set<number>();
      for (const [i, { index, places, bytes: data }] of clusters.entries()) {
        expect(!indices.has(index), `clusters[${i}].index`, index, 'a cluster that is listed once');
        indices.add(index);
        for (const [sector, where] of places.entries()) {
          const known = where <= place.zero && (where !== place.here || data !== null);
          expect(known, `clusters[${i}].places[${sector}]`, where, `0..${data === null ? '2, not 1' : 2}`);
        }
      }
    },
  },
);

export interface OverlayOptions {
  /** Bytes that are allocated at a time; whole sectors. */
  readonly clusterBytes?: number;
}

const CLUSTER_BYTES = 1 << 16;
const zeros = new ViewCache(new Uint8Array(1 << 16));

/**
 * Storage that writes to memory what differs from a base, which it only reads. Memory is used as far as something was
 * written, and given back by discards and by write zeroes that may.
 */
export class OverlayStorage implements Storage, Stateful {
  readonly record = overlayState;
  readonly base: Storage;
  readonly readOnly = false;
  readonly mayUnmap = true;
  readonly #clusterBytes: number;
  readonly #clusters = new Map<number, Cluster>();
  #length: number;
  /** So much of the base shows; beyond it an untouched sector is zero. */
  #baseBytes: number;

  constructor(base: Storage, options: OverlayOptions = {}) {
    const { clusterBytes = CLUSTER_BYTES } = options;
    if (clusterBytes <= 0 || clusterBytes % SECTOR_BYTES !== 0)
      throw new VirtiolabError(`clusters of ${clusterBytes} bytes: wants whole sectors of ${SECTOR_BYTES}`);
    this.base = base;
    this.#clusterBytes = clusterBytes;
    this.#length = this.#baseBytes = base.length;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of memory that hold data. */
  get allocatedBytes(): number {
    let clusters = 0;
    for (const { bytes } of this.#clusters.values()) if (bytes !== null) clusters++;
    return clusters * this.#clusterBytes;
  }

  /** Ranges that were written, zeroed or discarded, as bytes [start, end), ascending. */
  get changed(): { start: number; end: number }[] {
    const ranges: { start: number; end: number }[] = [];
    const indices = [...this.#clusters.keys()].sort((a, b) => a - b);
    for (const index of indices)
      for (const [i, where] of this.#clusters.get(index)!.places.entries()) {
        if (where === place.base) continue;
        const start = index * this.#clusterBytes + i * SECTOR_BYTES;
        const last = ranges.at(-1);
        if (last?.end === start) last.end = start + SECTOR_BYTES;
        else ranges.push({ start, end: start + SECTOR_BYTES });
      }
    return ranges;
  }

  /** As at first: all that was written is gone. */
  reset(): void {
    this.#clusters.clear();
    this.#length = this.#baseBytes = this.base.length;
  }

  /** Becomes longer, with zeros, or shorter. The device is to be told. */
  resize(lengthBytes: number): void {
    // What lies beyond the end is forgotten, so that it does not come back with a later resize.
    if (lengthBytes < this.#length) {
      this.#forget(lengthBytes);
      this.#baseBytes = Math.min(this.#baseBytes, lengthBytes);
    }
    this.#length = lengthBytes;
  }

  #forget(from: number): void {
    for (const [index, { places }] of this.#clusters) {
      const first = Math.ceil((from - index * this.#clusterBytes) / SECTOR_BYTES);
      if (first <= 0) this.#clusters.delete(index);
      else places.fill(place.base, first);
    }
  }

  read(transfer: Transfer): void {
    let left = 1;
    let allOk = true;
    const ended = (ok: boolean) => {
      allOk &&= ok;
      if (--left === 0) transfer.done(allOk);
    };
    this.#runs(transfer, (where, at, length, cluster, offset) => {
      if (where === place.here) allOk = transfer.give(at, cluster!.bytes!, offset, length) && allOk;
      else if (where === place.zero) allOk = this.#giveZeros(transfer, at, length) && allOk;
      else {
        left++;
        this.base.read(new TransferPart(transfer, at, length, ended));
      }
    });
    ended(true);
  }

  #giveZeros(transfer: Transfer, at: number, length: number): boolean {
    const most = zeros.bytes.length;
    for (let done = 0; done < length; done += most)
      if (!transfer.give(at + done, zeros.bytes, 0, Math.min(most, length - done), zeros)) return false;
    return true;
  }

  /** Goes through a transfer in runs of sectors that are in one place, `at` and `length` in bytes of the transfer. */
  #runs(
    { offset, length }: Transfer,
    run: (where: number, at: number, length: number, cluster: Cluster | undefined, offset: number) => void,
  ): void {
    let start = 0;
    for (let at = 0; at < length; at = start) {
      const [index, within] = this.#locate(offset + at);
      const cluster = this.#clusters.get(index);
      const where = this.#place(cluster, offset + at);
      const end = Math.min(length, at + this.#clusterBytes - within);
      start = at + SECTOR_BYTES;
      while (start < end && this.#place(cluster, offset + start) === where) start += SECTOR_BYTES;
      run(where, at, start - at, cluster, within);
    }
  }

  #locate(offset: number): [index: number, within: number] {
    const within = offset % this.#clusterBytes;
    return [(offset - within) / this.#clusterBytes, within];
  }

  #place(cluster: Cluster | undefined, offset: number): number {
    const where = cluster?.places[(offset % this.#clusterBytes) / SECTOR_BYTES] ?? place.base;
    return where === place.base && offset >= this.#baseBytes ? place.zero : where;
  }

  write(transfer: Transfer): void {
    let ok = true;
    this.#pieces(transfer, (cluster, at, within, length) => {
      const first = within / SECTOR_BYTES;
      cluster.bytes ??= new Uint8Array(this.#clusterBytes);
      ok = ok && transfer.take(at, cluster.bytes, within, length);
      if (ok) cluster.places.fill(place.here, first, first + length / SECTOR_BYTES);
    });
    transfer.done(ok);
  }

  /** Nothing here outlives the process, so nothing is to be waited for. */
  flush(transfer: Transfer): void {
    transfer.done(true);
  }

  discard(transfer: Transfer): void {
    this.writeZeroes(transfer, true);
  }

  writeZeroes(transfer: Transfer, mayUnmap: boolean): void {
    this.#pieces(transfer, (cluster, _at, within, length) => {
      const first = within / SECTOR_BYTES;
      const last = first + length / SECTOR_BYTES;
      if (mayUnmap) {
        cluster.places.fill(place.zero, first, last);
        if (!cluster.places.includes(place.here)) cluster.bytes = null;
        return;
      }
      cluster.bytes ??= new Uint8Array(this.#clusterBytes);
      cluster.bytes.fill(0, within, within + length);
      cluster.places.fill(place.here, first, last);
    });
    transfer.done(true);
  }

  /** Goes through the clusters that a transfer touches, and makes those that are not there. */
  #pieces(
    { offset, length }: Transfer,
    piece: (cluster: Cluster, at: number, within: number, length: number) => void,
  ): void {
    for (let at = 0; at < length; ) {
      const [index, within] = this.#locate(offset + at);
      const bytes = Math.min(this.#clusterBytes - within, length - at);
      let cluster = this.#clusters.get(index);
      if (cluster === undefined) {
        cluster = { places: new Uint8Array(this.#clusterBytes / SECTOR_BYTES), bytes: null };
        this.#clusters.set(index, cluster);
      }
      piece(cluster, at, within, bytes);
      at += bytes;
    }
  }

  #shape() {
    return { clusterBytes: this.#clusterBytes };
  }

  /** What differs from the base; the base itself is no part of it. */
  save() {
    const clusters = [...this.#clusters].map(([index, { places, bytes }]) => ({
      index,
      places: places.slice(),
      bytes: bytes?.slice() ?? null,
    }));
    const shape = this.#shape();
    return overlayState.save({ shape, length: this.#length, baseBytes: this.#baseBytes, clusters });
  }

  check(state: State, path = 'overlay') {
    const saved = overlayState.parse(state, path, this.#shape());
    const [expect, most] = [expectAt(path), Math.min(this.base.length, saved.length)];
    expect(saved.baseBytes <= most, 'baseBytes', saved.baseBytes, `at most ${most}`);
    const sectors = this.#clusterBytes / SECTOR_BYTES;
    for (const [i, { index, places, bytes: data }] of saved.clusters.entries()) {
      const at = `clusters[${i}]`;
      expect(index * this.#clusterBytes < saved.length, `${at}.index`, index, 'a cluster of the storage');
      expect(places.length === sectors, `${at}.places`, places, `${sectors} bytes`);
      const whole = data === null || data.length === this.#clusterBytes;
      expect(whole, `${at}.bytes`, data, `${this.#clusterBytes} bytes`);
    }
    return saved;
  }

  load(state: State): void {
    const { length, baseBytes, clusters } = this.check(state);
    this.#length = length;
    this.#baseBytes = baseBytes;
    this.#clusters.clear();
    for (const { index, places, bytes } of clusters)
      this.#clusters.set(index, { places: places.slice(), bytes: bytes?.slice() ?? null });
  }
}
