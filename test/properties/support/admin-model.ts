/*
 * What an owner of groups answers, written a second time: from the chapters on group administration commands, as one plain
 * function of bytes. It knows status, qualifier and how long the answer is; what it says is for the tests.
 */

export interface ModelAnswer {
  readonly status: number;
  readonly qualifier: number;
  /** Bytes of the result that there would be with room enough. */
  readonly result: number;
}

/** [offset, length] of a field. */
export type Field = readonly [offset: number, length: number];

/** Of the legacy header, without vectors. */
const HEADER: readonly Field[] = [
  [0, 4],
  [4, 4],
  [8, 4],
  [12, 2],
  [14, 2],
  [16, 2],
  [18, 1],
  [19, 1],
];

const OK = (result = 0): ModelAnswer => ({ status: 0, qualifier: 0, result });
const fail = (status: number, qualifier: number): ModelAnswer => ({ status, qualifier, result: 0 });
const FIELD = fail(22, 3);
const ENXIO = fail(6, 3);

export interface ModelOptions {
  readonly numVfs: number;
  readonly config: readonly Field[];
  readonly limits: readonly [get: number, set: number];
  /** [type, selector, length] of the parts that a member has, in their order. */
  readonly parts: readonly (readonly [type: number, selector: number, length: number])[];
}

export class AdminModel {
  enabled = true;
  readonly #options: ModelOptions;
  readonly #used: (Set<number> | null)[] = [null, null];
  readonly #supported: readonly Set<number>[];
  #limits: readonly [number, number] = [0, 0];
  readonly #objects = new Map<number, { kind: number; member: number }>();
  readonly #stopped = new Set<number>();

  constructor(options: ModelOptions) {
    this.#options = options;
    const all = Array.from({ length: 0x12 }, (_, opcode) => opcode);
    this.#supported = [new Set([0, 1, 7, 8, 9]), new Set(all.filter((opcode) => opcode < 7 || opcode > 9))];
  }

  reset(): void {
    this.#used.fill(null);
    this.#limits = [0, 0];
    this.#objects.clear();
  }

  /** @param given the readable part. @param writable bytes of the other part. */
  answer(given: readonly number[], writable: number): ModelAnswer {
    const number = (at: number, width: number): number =>
      Array.from({ length: width }, (_, i) => (given[at + i] ?? 0) * 2 ** (8 * i)).reduce((a, b) => a + b, 0);
    const [opcode, group, member] = [number(0, 2), number(2, 2), number(16, 8)];
    if (group > 1) return fail(22, 4);
    if (group === 1 && !this.enabled && opcode > 1) return fail(22, 4);
    if (!this.#supported[group]!.has(opcode) || !(this.#used[group] ?? new Set([0, 1])).has(opcode))
      return fail(22, 2);
    const isMember = group === 0 ? member === 0 : member >= 1 && member <= this.#options.numVfs;
    if (opcode > 1 && !isMember) return fail(22, 5);
    const data = (at: number, width: number) => number(24 + at, width);
    const length = Math.max(0, given.length - 24);
    const room = Math.max(0, writable - 8);
    switch (opcode) {
      case 0:
        return OK(8);
      case 1:
        return this.#listUse(group, given.slice(24));
      case 2:
        return inside(HEADER, data(0, 1), length - 8) ? OK() : FIELD;
      case 3:
        return inside(HEADER, data(0, 1), room) ? OK(room) : FIELD;
      case 4:
        return inside(this.#options.config, data(0, 1), length - 8) ? OK() : FIELD;
      case 5:
        return inside(this.#options.config, data(0, 1), room) ? OK(room) : FIELD;
      case 6:
        return OK(64);
      case 7:
        return OK(8);
      case 8:
        return data(0, 2) === 0 ? OK(8) : ENXIO;
      case 9:
        return data(0, 2) === 0 ? this.#setLimits(data(8, 1), data(9, 1)) : ENXIO;
      case 0xa:
        return this.#create(data(0, 2), data(4, 4), data(16, 1), member);
      case 0x11:
        return this.#mode(data(0, 1), member);
      default:
        return this.#ofObject(opcode, data, length, room, member, given.slice(24));
    }
  }

  #listUse(group: number, bytes: readonly number[]): ModelAnswer {
    const wanted = new Set<number>();
    for (const [i, byte] of bytes.slice(0, 8192).entries())
      for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) wanted.add(8 * i + bit);
    for (const opcode of wanted) if (!this.#supported[group]!.has(opcode)) return FIELD;
    this.#used[group] = wanted;
    return OK();
  }

  #count(kind: number): number {
    return [...this.#objects.values()].filter((object) => object.kind === kind).length;
  }

  #setLimits(get: number, set: number): ModelAnswer {
    const [mostGet, mostSet] = this.#options.limits;
    if (get > mostGet || set > mostSet) return FIELD;
    const ids = [...this.#objects.keys()];
    if (this.#count(0) > get || this.#count(1) > set || ids.some((id) => id >= get + set)) return fail(16, 1);
    this.#limits = [get, set];
    return OK();
  }

  #create(type: number, id: number, kind: number, member: number): ModelAnswer {
    if (type !== 0 || kind > 1) return FIELD;
    if (this.#objects.has(id)) return fail(17, 3);
    if (id >= this.#limits[0] + this.#limits[1]) return FIELD;
    if (this.#count(kind) >= this.#limits[kind]!) return fail(28, 6);
    this.#objects.set(id, { kind, member });
    return OK();
  }

  #mode(flags: number, member: number): ModelAnswer {
    if (flags > 1) return FIELD;
    if (flags === 1) this.#stopped.add(member);
    else this.#stopped.delete(member);
    return OK();
  }

  #ofObject(
    opcode: number,
    data: (at: number, width: number) => number,
    length: number,
    room: number,
    member: number,
    bytes: readonly number[],
  ): ModelAnswer {
    const id = data(4, 4);
    const object = data(0, 2) === 0 ? this.#objects.get(id) : undefined;
    if (object === undefined || object.member !== member) return ENXIO;
    if (opcode === 0xb) {
      const kind = data(16, 1);
      if (kind > 1) return FIELD;
      if (kind !== object.kind && this.#count(kind) >= this.#limits[kind]!) return fail(28, 6);
      object.kind = kind;
      return OK();
    }
    if (opcode === 0xc) return OK(8);
    if (opcode === 0xd) {
      this.#objects.delete(id);
      return OK();
    }
    if (object.kind !== (opcode === 0x10 ? 1 : 0)) return FIELD;
    const { parts } = this.#options;
    const kind = data(8, 1);
    if (opcode === 0xe) {
      if (kind > 2) return FIELD;
      const wanted = kind === 2 ? 8 + 16 * parts.length : 8;
      return room < wanted ? fail(12, 6) : OK(wanted);
    }
    if (opcode === 0xf) return kind > 1 ? FIELD : OK(this.#got(kind, data, length));
    if (!this.#stopped.has(member)) return fail(16, 1);
    return this.#takes(bytes.slice(8)) ? OK() : FIELD;
  }

  #got(kind: number, data: (at: number, width: number) => number, length: number): number {
    const named = new Set<string>();
    for (let at = 16; at + 16 <= length; at += 16) named.add(`${data(at, 2)} ${data(at + 4, 8)}`);
    return this.#options.parts
      .filter(([type, selector]) => kind === 1 || named.has(`${type} ${selector}`))
      .reduce((sum, [, , bytes]) => sum + 16 + bytes, 0);
  }

  /** Parts of which the length is all that can be wrong. */
  #takes(bytes: readonly number[]): boolean {
    const number = (at: number, width: number) =>
      Array.from({ length: width }, (_, i) => bytes[at + i]! * 2 ** (8 * i)).reduce((a, b) => a + b, 0);
    let at = 0;
    while (at + 16 <= bytes.length) {
      const length = number(at + 12, 4);
      if (at + 16 + length > bytes.length) return false;
      const part = this.#options.parts.find(
        ([type, selector]) => type === number(at, 2) && selector === number(at + 4, 8),
      );
      if (part === undefined ? bytes[at + 2]! % 2 === 0 : part[2] !== length) return false;
      at += 16 + length;
    }
    return bytes.slice(at).every((byte) => byte === 0);
  }
}

const inside = (fields: readonly Field[], offset: number, length: number): boolean =>
  length > 0 && fields.some(([at, bytes]) => offset >= at && offset + length <= at + bytes);
