import {
  type AddressSpace,
  expectAt,
  group,
  list,
  maskOf,
  oneOf,
  u32,
  u53,
  type ValueOf,
  type Width,
} from '../core/index.ts';

/** Oldest first; `function` is the address of the function that each goes to. */
export const postedState = list(group({ function: u53, address: u53, width: oneOf(1, 2, 4), value: u32 }));
export type SavedPosted = ValueOf<typeof postedState>;

/** @throws StateMismatchError for a write to what is no function of the state, or of a value that does not fit. */
export function checkPosted(saved: SavedPosted, path: string, functions: ReadonlySet<number>): void {
  for (const [i, write] of saved.entries()) {
    const expect = expectAt(`${path}[${i}]`);
    expect(functions.has(write.function), 'function', write.function, 'the address of a function');
    const most = maskOf(write.width);
    expect(write.value <= most, 'value', write.value, `at most ${most}`);
  }
}

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

  /** Nothing is on its way any more. */
  clear(): void {
    this.#writes = [];
  }

  /** @param addressOf the address that stands for a function in a state. */
  save(addressOf: (owner: object) => number): SavedPosted {
    return this.#writes.map(({ owner, address, width, value }) => ({
      function: addressOf(owner),
      address,
      width,
      value,
    }));
  }

  load(saved: SavedPosted, at: (address: number) => object): void {
    this.#writes = saved.map(({ function: owner, ...write }) => ({ owner: at(owner), ...write }));
  }
}
