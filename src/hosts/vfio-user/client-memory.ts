import { closeSync } from 'node:fs';
import { GuestMemory, type MemoryRange } from '../../core/index.ts';
import type { Library } from '../posix/library.ts';
import { CommandError } from './errors.ts';
import { type Asked, type FarAccess, FarMemory } from './far-memory.ts';
import { dmaFlags, versionDefaults } from './layout.ts';
import { type FilePiece, MappedFiles } from './mapped-files.ts';

/** A part of a client's memory as it was mapped: in files, or where only the client itself reaches it. */
export interface DmaMap extends Asked {
  readonly files: readonly FilePiece[] | null;
}

/** What a DMA_MAP asks for. */
export interface MapRequest {
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/**
 * The memory of a client, as far as it has mapped it for DMA. What came with a descriptor is shared; for the rest the client
 * is asked (see {@link FarMemory}). Maps take effect at the next {@link settle}: a client exchanges many at once.
 */
export class ClientMemory {
  readonly ram = new GuestMemory([]);
  readonly #files: MappedFiles;
  readonly #far: FarMemory;
  /** In the order of their addresses. */
  readonly #maps: DmaMap[] = [];
  #changed = false;

  constructor(library: Library) {
    this.ram.shared = true;
    this.#files = new MappedFiles(library);
    this.#far = new FarMemory(
      library,
      () => this.#place(),
      () => void this.settle(),
    );
  }

  get maps(): readonly DmaMap[] {
    return this.#maps;
  }

  /** How to reach what is not shared; null while there is no client. */
  set access(access: FarAccess | null) {
    this.#far.access = access;
  }

  /** A write of a device, before it happens. */
  wrote(address: number, length: number): void {
    this.#far.wrote(address, length);
  }

  /** The index of the first map that ends after an address. */
  #indexOf(address: number): number {
    let [low, high] = [0, this.#maps.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const map = this.#maps[middle]!;
      if (map.address + map.size <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The descriptor, if there is one, is taken in any case. @throws CommandError, and nothing has changed */
  map({ flags, offset, address, size }: MapRequest, fd: number | null): void {
    try {
      if (size === 0 || !Number.isSafeInteger(address + size))
        throw new CommandError('EINVAL', `${size} bytes at ${address}; wants some, below 2^53`);
      if ((flags & ~(dmaFlags.read | dmaFlags.write)) !== 0 || flags === 0)
        throw new CommandError('EINVAL', `flags ${flags}; wants 1, 2 or 3`);
      if (this.#maps.length >= versionDefaults.maxDmaMaps)
        throw new CommandError('ENOSPC', `${this.#maps.length} maps`);
    } catch (error) {
      if (fd !== null) closeSync(fd);
      throw error;
    }
    const index = this.#indexOf(address);
    const next = this.#maps[index];
    if (next !== undefined && next.address < address + size) {
      if (fd !== null) closeSync(fd);
      throw new CommandError('EEXIST', `${size} bytes at ${address} overlap what is mapped`);
    }
    const writable = (flags & dmaFlags.write) !== 0;
    const readable = (flags & dmaFlags.read) !== 0;
    const files = fd === null ? null : this.#files.take(fd, offset, size, writable);
    this.#maps.splice(index, 0, { address, size, readable, writable, files });
    this.#changed = true;
  }

  /** @throws CommandError where nothing was mapped just so */
  unmap(address: number, size: number): void {
    const index = this.#indexOf(address);
    const map = this.#maps[index];
    if (map === undefined || map.address !== address || map.size !== size)
      throw new CommandError('ENOENT', `${size} bytes at ${address} are no map`);
    this.#maps.splice(index, 1);
    this.#changed = true;
  }

  unmapAll(): void {
    this.#maps.length = 0;
    this.#changed = true;
  }

  /** Puts maps in force. @returns false where a file is shorter than it was: its bytes must not be looked at. */
  settle(): boolean {
    if (!this.#files.whole) {
      this.release();
      return false;
    }
    if (this.#changed) {
      this.#changed = false;
      this.#far.setMaps(this.#maps.filter(({ files }) => files === null));
      this.ram.source = this.#far.empty ? null : this.#far;
      this.#place();
    }
    return true;
  }

  /** What was written goes to the client, and what is read next comes from there. */
  endTurn(): void {
    this.#far.endTurn();
  }

  #place(): void {
    const ranges: MemoryRange[] = [...this.#far.ranges()];
    for (const { address, files, writable } of this.#maps)
      for (const { bytes, at } of files ?? []) ranges.push({ start: address + at, bytes, writable });
    this.ram.replace(ranges);
  }

  /** The client has left: nothing of its memory can be reached. */
  release(): void {
    this.#maps.length = 0;
    this.#changed = false;
    this.#far.setMaps([]);
    this.ram.source = null;
    this.ram.replace([]);
    this.#files.release();
  }
}
