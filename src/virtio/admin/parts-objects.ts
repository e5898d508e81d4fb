import {
  expectAt,
  group,
  list,
  optional,
  record,
  type State,
  type Stateful,
  u8,
  u16,
  u32,
} from '../../core/index.ts';
import { adminPartsObjectKind } from '../layout/index.ts';

const KINDS = 2;

/** How many objects of each kind there may be at once. */
export interface PartsLimits {
  /** For reading parts. */
  readonly get: number;
  /** For writing them. */
  readonly set: number;
}

interface PartsObject {
  readonly kind: number;
  /** The member that it is for. */
  readonly member: number;
}

export const partsObjectsState = record('admin-parts-objects', 1, {
  limits: optional(group({ get: u8, set: u8 })),
  objects: list(group({ id: u32, kind: u8, member: u16 }), { most: 2 * 0xff }),
});

const limitOf = ({ get, set }: PartsLimits, kind: number) => (kind === adminPartsObjectKind.get ? get : set);

/** So many numbers there are for objects of both kinds, which share them. */
const numbersOf = ({ get, set }: PartsLimits) => get + set;

/**
 * The objects by which device parts are read and written, and how many of them the driver said to use. Numbers are the
 * owner's, whichever member an object is for. Without what the driver says there are none (ADC-02).
 */
export class PartsObjects implements Stateful {
  readonly record = partsObjectsState;
  readonly offered: PartsLimits;
  #limits: PartsLimits | null = null;
  readonly #objects = new Map<number, PartsObject>();

  constructor(offered: PartsLimits) {
    this.offered = offered;
  }

  get count(): number {
    return this.#objects.size;
  }

  #countOf(kind: number): number {
    let count = 0;
    for (const object of this.#objects.values()) if (object.kind === kind) count++;
    return count;
  }

  /** The objects that there are stay within those limits. */
  fits(limits: PartsLimits): boolean {
    for (let kind = 0; kind < KINDS; kind++) if (this.#countOf(kind) > limitOf(limits, kind)) return false;
    for (const id of this.#objects.keys()) if (id >= numbersOf(limits)) return false;
    return true;
  }

  /** The driver says how many it uses. */
  use(limits: PartsLimits): void {
    this.#limits = limits;
  }

  /** There can be an object of that number. */
  takesId(id: number): boolean {
    return this.#limits !== null && id < numbersOf(this.#limits);
  }

  /** There is room for one more of that kind. */
  takesKind(kind: number): boolean {
    return this.#limits !== null && this.#countOf(kind) < limitOf(this.#limits, kind);
  }

  has(id: number): boolean {
    return this.#objects.has(id);
  }

  /** What an object of a member is for; null where there is no such object. */
  kindOf(id: number, member: number): number | null {
    const object = this.#objects.get(id);
    return object === undefined || object.member !== member ? null : object.kind;
  }

  put(id: number, member: number, kind: number): void {
    this.#objects.set(id, { kind, member });
  }

  destroy(id: number): void {
    this.#objects.delete(id);
  }

  reset(): void {
    this.#limits = null;
    this.#objects.clear();
  }

  save() {
    const objects = [...this.#objects].map(([id, { kind, member }]) => ({ id, kind, member }));
    return partsObjectsState.save({ limits: this.#limits, objects });
  }

  check(state: State, path = 'parts objects') {
    const saved = partsObjectsState.parse(state, path);
    const expect = expectAt(path);
    const { limits, objects } = saved;
    const { get, set } = this.offered;
    expect(
      limits === null || (limits.get <= get && limits.set <= set),
      'limits',
      limits,
      `at most ${get} and ${set}`,
    );
    const fresh = new PartsObjects(this.offered);
    fresh.use(limits ?? { get: 0, set: 0 });
    for (const [i, { id, kind, member }] of objects.entries()) {
      expect(!fresh.has(id), `objects[${i}].id`, id, 'a number that no other has');
      expect(fresh.takesId(id), `objects[${i}].id`, id, 'one within the limits');
      expect(kind < KINDS && fresh.takesKind(kind), `objects[${i}].kind`, kind, 'one within the limits');
      fresh.put(id, member, kind);
    }
    return saved;
  }

  load(state: State): void {
    const { limits, objects } = this.check(state);
    this.reset();
    this.#limits = limits;
    for (const { id, kind, member } of objects) this.put(id, member, kind);
  }
}
