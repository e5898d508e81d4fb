import type { AddressSpace, State, Width } from '../core/index.ts';

interface PostedWrite {
  readonly owner: object;
  readonly address: number;
  readonly width: Width;
  readonly value: number;
}

/**
 * Memory writes on their way. Writes to one function arrive in order, and no read or configuration or I/O access to it
 * overtakes them (PCI Express 5.0, section 2.4.1); writes to different functions may pass each other.
 */
export class PostedWrites {
  #writes: PostedWrite[] = [];

  readonly memory: AddressSpace;

  constructor(memory: AddressSpace) {
    this.memory = memory;
  }

  get count(): number {
    return this.#writes.length;
  }

  push(owner: object, address: number, width: Width, value: number): void {
    this.#writes.push({ owner, address, width, value });
  }

  /** Functions with writes in flight, in the order of their oldest one. */
  get owners(): object[] {
    return [...new Set(this.#writes.map(({ owner }) => owner))];
  }

  /** Lets the oldest write to `owner` arrive. @returns false when there is none. */
  releaseOne(owner: object): boolean {
    const index = this.#writes.findIndex((write) => write.owner === owner);
    if (index < 0) return false;
    const [write] = this.#writes.splice(index, 1);
    this.memory.write(write!.address, write!.width, write!.value);
    return true;
  }

  /** Lets everything in flight to `owner` arrive, in order. */
  flush(owner: object): void {
    while (this.#writes.length > 0 && this.releaseOne(owner));
  }

  /** Lets everything arrive. */
  flushAll(): void {
    while (this.#writes.length > 0) this.releaseOne(this.#writes[0]!.owner);
  }

  /** @param nameOf a stable name of an owner. */
  save(nameOf: (owner: object) => number): readonly State[] {
    return this.#writes.map(({ owner, address, width, value }) => [nameOf(owner), address, width, value]);
  }

  load(state: State, ownerOf: (name: number) => object | undefined): void {
    const saved = state as [number, number, Width, number][];
    this.#writes = saved.flatMap(([name, address, width, value]) => {
      const owner = ownerOf(name);
      return owner === undefined ? [] : [{ owner, address, width, value }];
    });
  }
}
