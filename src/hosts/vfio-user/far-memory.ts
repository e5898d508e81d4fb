import type { MemoryRange, MemorySource } from '../../core/index.ts';
import { SystemCallError } from '../posix/errors.ts';
import type { Library } from '../posix/library.ts';
import { Mapping } from '../posix/mapping.ts';

/** Asks a client for bytes of its memory, and waits for the answer. */
export interface FarAccess {
  /** @returns null where the client has none there, or the turn was given up. */
  read(address: number, length: number): Uint8Array | null;
  write(address: number, bytes: Uint8Array): void;
  /** Waits for maps that are being exchanged: a client that takes one back may give another for it at once. */
  awaitMaps(): void;
}

/** Memory that somebody has, and what may be done with it. */
export interface Asked {
  readonly address: number;
  readonly size: number;
  readonly readable: boolean;
  readonly writable: boolean;
}

/** So much is asked for at once: more than some 200 KB never comes from QEMU. */
const CHUNK_BYTES = 1 << 16;
/** A mirror has so many bytes at most. */
const MOST_MIRROR_BYTES = 2 ** 31;
const MOST_BYTES = 2 ** 42;
/** So often a map may be exchanged while it is looked at. */
const MOST_TRIES = 8;

/** A map in parts that each have room in a mirror. More than any machine has is nobody's memory. */
function partsOf(map: Asked): Asked[] {
  const parts: Asked[] = [];
  for (let at = 0; at < Math.min(map.size, MOST_BYTES); at += MOST_MIRROR_BYTES)
    parts.push({ ...map, address: map.address + at, size: Math.min(MOST_MIRROR_BYTES, map.size - at) });
  return parts;
}

/** What of one map is here: its bytes have their places in a mirror, which takes room for those that were asked for. */
interface Mirror {
  readonly map: Asked;
  readonly bytes: Uint8Array;
  readonly mapping: Mapping;
  /** Numbers of the chunks that are there. */
  readonly chunks: Set<number>;
}

/**
 * Memory of a client that shares none: bytes are asked for when a device looks at them, stay for its turn, and go back in
 * the order in which they were written last, when the turn is over or where the device's writes have to be seen.
 */
export class FarMemory implements MemorySource {
  access: FarAccess | null = null;
  readonly #library: Library;
  readonly #changed: () => void;
  readonly #settle: () => void;
  /** Of the client's maps, what each is mirrored by. */
  #parts: ReadonlyMap<Asked, readonly Asked[]> = new Map();
  #maps: readonly Asked[] = [];
  readonly #mirrors = new Map<Asked, Mirror>();
  /** Lengths of writes by their addresses, the last one last; or their bytes, where their map was taken back meanwhile. */
  readonly #written = new Map<number, number | Uint8Array>();
  #orphans = false;

  /** @param changed what is here is other than before. @param settle has {@link setMaps} called with the maps of now. */
  constructor(library: Library, changed: () => void, settle: () => void) {
    this.#library = library;
    this.#changed = changed;
    this.#settle = settle;
  }

  get empty(): boolean {
    return this.#maps.length === 0;
  }

  /** Other maps: what is here of those that stay, stays; it may be in the middle of a turn. */
  setMaps(maps: readonly Asked[]): void {
    const before = this.#parts;
    this.#parts = new Map(maps.map((map) => [map, before.get(map) ?? partsOf(map)]));
    this.#maps = [...this.#parts.values()].flat();
    for (const [map, { mapping, bytes }] of this.#mirrors)
      if (!this.#maps.includes(map)) {
        this.#keepWrites(map, bytes);
        mapping.release();
        this.#mirrors.delete(map);
      }
  }

  /** A map is taken back in the middle of a turn, maybe for another in its place: what was written goes there all the same. */
  #keepWrites({ address: start, size }: Asked, bytes: Uint8Array): void {
    for (const [address, length] of this.#written)
      if (typeof length === 'number' && address >= start && address + length <= start + size) {
        this.#written.set(address, bytes.slice(address - start, address - start + length));
        this.#orphans = true;
      }
  }

  #mirrorOf(map: Asked): Mirror | null {
    const known = this.#mirrors.get(map);
    if (known !== undefined) return known;
    try {
      const mapping = Mapping.anonymous(this.#library, map.size);
      const mirror = { map, mapping, bytes: mapping.views[0]!, chunks: new Set<number>() };
      this.#mirrors.set(map, mirror);
      return mirror;
    } catch (error) {
      if (error instanceof SystemCallError) return null;
      throw error;
    }
  }

  fetch(address: number, length: number): boolean {
    const { access } = this;
    if (access === null) return false;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const map = this.#mapOf(address);
      if (map === undefined) {
        access.awaitMaps();
        this.#settle();
        if (this.#mapOf(address) === undefined) return false;
        continue;
      }
      const mirror = this.#mirrorOf(map);
      if (mirror === null) return false;
      const left = map.address + map.size - address;
      // What goes on in the next part is found there, by whoever looks at it piece by piece.
      if (length > left) return false;
      const there = this.#fetchChunks(mirror, address - map.address, length);
      // The client may have taken the map back while it was asked.
      if (this.#mirrors.get(map) !== mirror) continue;
      if (there) this.#changed();
      return there;
    }
    return false;
  }

  #mapOf(address: number): Asked | undefined {
    return this.#maps.find((each) => address >= each.address && address < each.address + each.size);
  }

  /** @param at from the start of the map */
  #fetchChunks(mirror: Mirror, at: number, length: number): boolean {
    const last = Math.floor((at + length - 1) / CHUNK_BYTES);
    for (let chunk = Math.floor(at / CHUNK_BYTES); chunk <= last; chunk++)
      if (!mirror.chunks.has(chunk) && !this.#fetchChunk(mirror, chunk)) return false;
    return true;
  }

  #fetchChunk({ map, bytes, chunks }: Mirror, chunk: number): boolean {
    const at = chunk * CHUNK_BYTES;
    const length = Math.min(CHUNK_BYTES, map.size - at);
    // Else what comes would be older than what was written.
    if (this.#orphans) this.#flush(this.access!);
    if (map.readable) {
      const found = this.access!.read(map.address + at, length);
      if (found === null) return false;
      bytes.set(found, at);
    }
    chunks.add(chunk);
    return true;
  }

  /** A device is about to write. */
  wrote(address: number, length: number): void {
    // What nothing mirrors is shared: it happens at once.
    if (this.#mirrors.size === 0 && this.#written.size === 0) return;
    this.#written.delete(address);
    this.#written.set(address, length);
  }

  fence(): void {
    this.endTurn();
  }

  /** Writes go out; what was read is forgotten. */
  endTurn(): void {
    if (this.#mirrors.size === 0) {
      this.#written.clear();
      return;
    }
    if (this.#written.size > 0 && this.access !== null) this.#flush(this.access);
    if ([...this.#mirrors.values()].some(({ chunks }) => chunks.size > 0)) {
      for (const { chunks } of this.#mirrors.values()) chunks.clear();
      this.#changed();
    }
  }

  #flush(access: FarAccess): void {
    const writes = [...this.#written];
    this.#written.clear();
    this.#orphans = false;
    for (const [address, length] of writes) {
      if (typeof length !== 'number') {
        for (let at = 0; at < length.length; at += CHUNK_BYTES)
          access.write(address + at, length.subarray(at, at + CHUNK_BYTES));
        continue;
      }
      const mirror = [...this.#mirrors.values()].find(
        ({ map }) => address >= map.address && address + length <= map.address + map.size,
      );
      // Elsewhere it is shared, and has happened.
      if (mirror === undefined) continue;
      const start = address - mirror.map.address;
      for (let at = start; at < start + length; at += CHUNK_BYTES)
        access.write(
          mirror.map.address + at,
          mirror.bytes.slice(at, Math.min(at + CHUNK_BYTES, start + length)),
        );
    }
  }

  /** Stretches that are here, each as long as it goes. */
  *ranges(): Iterable<MemoryRange> {
    for (const { map, bytes, chunks } of this.#mirrors.values()) {
      const sorted = [...chunks].sort((a, b) => a - b);
      for (let i = 0; i < sorted.length; ) {
        const first = sorted[i]!;
        let last = first;
        while (sorted[++i] === last + 1) last++;
        const from = first * CHUNK_BYTES;
        const to = Math.min((last + 1) * CHUNK_BYTES, map.size);
        yield { start: map.address + from, bytes: bytes.subarray(from, to), writable: map.writable };
      }
    }
  }
}
