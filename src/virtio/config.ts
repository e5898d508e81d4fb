import {
  type BusTarget,
  bytes,
  expectSame,
  flag,
  inOrder,
  lengthOf,
  maskOf,
  optional,
  type RegisterMap,
  RegisterMapError,
  readPieces,
  record,
  type State,
  type Stateful,
  u8,
  type ValueOf,
  type Width,
  writePieces,
} from '../core/index.ts';

/** `held` is what the driver sees of a configuration that stays as it was. */
export const deviceConfigState = record('device-configuration', 1, {
  generation: u8,
  changed: flag,
  bytes: bytes(),
  held: optional(bytes()),
});

/** A structure in the state of a whole device, which lies at `path`. */
export interface SavedConfig {
  readonly path: string;
  /** Little-endian. */
  readonly config: Uint8Array;
}

/** Byte order of a guest's own integers. */
export type ByteOrder = 'little' | 'big';

/** Where byte `i` of a structure lies in its little-endian image, for a reader of one byte order. */
type Order = Uint16Array;

/** What all structures of one table and length have in common. */
interface Layout {
  readonly little: Order;
  readonly big: Order;
  /** Bits that a driver may write, by byte. */
  readonly writable: Uint8Array;
}

const layouts = new WeakMap<RegisterMap, Map<number, Layout>>();

function layoutOf(map: RegisterMap, length: number): Layout {
  let lengths = layouts.get(map);
  if (lengths === undefined) layouts.set(map, (lengths = new Map()));
  let layout = lengths.get(length);
  if (layout === undefined) {
    const little = Uint16Array.from({ length }, (_, i) => i);
    layout = { little, big: bigEndianOrder(map, length), writable: writableBits(map, length) };
    lengths.set(length, layout);
  }
  return layout;
}

function writableBits(map: RegisterMap, length: number): Uint8Array {
  const bits = new Uint8Array(length);
  for (const register of Object.values(map))
    for (let i = 0; i < register.width * register.count; i++) {
      const shift = 8 * (i % register.width);
      if (register.offset + i < length) bits[register.offset + i] = register.writable >>> shift;
    }
  return bits;
}

function bigEndianOrder(map: RegisterMap, length: number): Order {
  const order = Uint16Array.from({ length }, (_, i) => i);
  for (const [, { offset, width, count }] of inOrder(map))
    for (let i = 0; i < width * count && offset + i < length; i++)
      order[offset + i] = offset + i - (i % width) + (width - 1 - (i % width));
  return order;
}

function numberAt(bytes: Uint8Array, at: number, width: Width): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}

type Structure = Pick<DeviceConfig, 'readAs' | 'writeAs'>;

/** A configuration in one byte order. */
class ConfigTarget implements BusTarget {
  readonly #config: Structure;
  readonly #order: Order;

  constructor(config: Structure, order: Order) {
    this.#config = config;
    this.#order = order;
  }

  read(offset: number, width: Width): number {
    if (offset % width !== 0) return readPieces(this, offset, width);
    return this.#config.readAs(this.#order, offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    if (offset % width !== 0) writePieces(this, offset, width, value);
    else this.#config.writeAs(this.#order, offset, width, value);
  }
}

/**
 * Device-specific configuration: a structure kept little-endian and shown in either byte order. Any width reads the same
 * bytes (LEG-LAY-04); unaligned accesses are carried out as aligned pieces; a piece that leaves the structure reads all
 * ones and writes nothing (observed).
 */
export class DeviceConfig<M extends RegisterMap = RegisterMap> implements Stateful {
  readonly map: M;
  readonly length: number;
  /** The structure in the byte order of a modern driver. */
  readonly little: BusTarget;
  readonly #guestOrder: boolean;
  readonly #bytes: Uint8Array;
  readonly #layout: Layout;
  /** Null while nobody wants to hear of writes. */
  #writeHooks: Map<keyof M, (written: number) => void> | null = null;
  /** What the driver sees: the structure itself, or a picture of it while it is held. */
  #shown: Uint8Array;
  #generation = 0;
  #changed = false;
  /** Fields that are not settled when the device is made; null where that is said of none. */
  #varying: readonly (keyof M)[] | null = null;

  /**
   * @param length in bytes, where the device offers fewer fields than the table has.
   * @param guestOrder false for a structure that is little-endian for legacy guests too (LEG-BAL-03).
   */
  constructor(map: M, length: number = lengthOf(map), guestOrder = true) {
    this.map = map;
    this.length = length;
    this.#bytes = new Uint8Array(length);
    this.#shown = this.#bytes;
    this.#layout = layoutOf(map, length);
    this.little = new ConfigTarget(this, this.#layout.little);
    this.#guestOrder = guestOrder;
  }

  /** The same for a big-endian legacy guest. */
  get big(): BusTarget {
    return this.#guestOrder ? new ConfigTarget(this, this.#layout.big) : this.little;
  }

  /** Reads aligned bytes in the order of a window. */
  readAs(order: Order, offset: number, width: Width): number {
    if (offset + width > this.length) return maskOf(width);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.#shown[order[offset + i]!]!;
    return value;
  }

  /** Writes aligned bytes in the order of a window. */
  writeAs(order: Order, offset: number, width: Width, value: number): void {
    if (offset + width > this.length || this.#held()) return;
    const { writable } = this.#layout;
    for (let i = 0; i < width; i++) {
      const at = order[offset + i]!;
      const mask = writable[at]!;
      this.#bytes[at] = (this.#bytes[at]! & ~mask) | ((value >>> (8 * i)) & mask);
    }
    if (this.#writeHooks !== null) this.#runHooks(this.#writeHooks, order, offset, width);
  }

  #runHooks(
    hooks: ReadonlyMap<keyof M, (written: number) => void>,
    order: Order,
    offset: number,
    width: Width,
  ): void {
    for (const [name, hook] of hooks) {
      const register = this.map[name]!;
      let written = 0;
      for (let i = 0; i < width; i++) {
        const at = order[offset + i]! - register.offset;
        if (at >= 0 && at < register.width * register.count) written |= 0xff << (8 * (at % register.width));
      }
      if (written !== 0) hook(written >>> 0);
    }
  }

  /** Calls `hook` after the driver wrote into a field, with the bits of those of its bytes that were written. */
  onWrite(name: keyof M, hook: (written: number) => void): void {
    this.#writeHooks ??= new Map();
    this.#writeHooks.set(name, hook);
  }

  /** A field of at most eight bytes, as a Number: of the structure as it is, or of a saved one. */
  get(name: keyof M, bytes: Uint8Array = this.#bytes): number {
    const { offset, width } = this.#field(name);
    return width === 8
      ? numberAt(bytes, offset + 4, 4) * 2 ** 32 + numberAt(bytes, offset, 4)
      : numberAt(bytes, offset, width);
  }

  /** @throws RegisterMapError where the structure ends before the field does. */
  #field(name: keyof M) {
    const field = this.map[name]!;
    if (field.offset + field.width > this.length)
      throw new RegisterMapError(String(name), `ends after byte ${this.length}`);
    return field;
  }

  /** @throws StateMismatchError unless a field of a saved structure has that value. */
  expectSaved(name: keyof M, { path, config }: SavedConfig, expected: number): void {
    expectSame(`${path}.config.bytes (${String(name)})`, this.get(name, config), expected);
  }

  /** Says which fields may change. All others are settled by now, and a state in which they differ is another device's. */
  vary(names: readonly (keyof M)[]): void {
    this.#varying = names;
  }

  #fixedNames(): (keyof M & string)[] {
    const { map, length } = this;
    const names = Object.keys(map) as (keyof M & string)[];
    const varying = this.#varying ?? names;
    return names.filter((name) => map[name]!.offset < length && !varying.includes(name));
  }

  /** Fields that do not change, by name. */
  get fixed(): Record<string, number> {
    return Object.fromEntries(this.#fixedNames().map((name) => [name, this.get(name)]));
  }

  /** The device changes a field. Readers see another generation afterwards (PCI-COM-06). */
  set(name: keyof M, value: number): void {
    const { offset, width } = this.#field(name);
    const upper = Math.floor(value / 2 ** 32);
    for (let i = 0; i < width; i++) this.#bytes[offset + i] = (i < 4 ? value : upper) >>> (8 * (i % 4));
    this.#changed = true;
  }

  /** Bytes of an array field, for the device to read or change. */
  setBytes(name: keyof M, bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.map[name]!.offset);
    this.#changed = true;
  }

  #held(): boolean {
    return this.#shown !== this.#bytes;
  }

  /** The driver sees the structure as it is now, and cannot write it, until {@link release} (SUSP-08, SUSP-09). */
  hold(): void {
    this.#shown = this.#bytes.slice();
  }

  release(): void {
    this.#shown = this.#bytes;
  }

  /** Generation for a driver that reads it now: another one than before if anything changed since it was last read. */
  readGeneration(): number {
    if (this.#held()) return this.#generation;
    if (this.#changed) this.#generation = (this.#generation + 1) & 0xff;
    this.#changed = false;
    return this.#generation;
  }

  save() {
    return deviceConfigState.save({
      generation: this.#generation,
      changed: this.#changed,
      bytes: this.#bytes.slice(),
      held: this.#held() ? this.#shown.slice() : null,
    });
  }

  check(state: State, path = 'device configuration') {
    const saved = deviceConfigState.parse(state, path);
    const { bytes, held } = saved;
    this.#checkBytes(bytes, `${path}.bytes`);
    if (held !== null) this.#checkBytes(held, `${path}.held`);
    return saved;
  }

  #checkBytes(bytes: Uint8Array, path: string): void {
    expectSame(`${path}.length`, bytes.length, this.length);
    for (const name of this.#fixedNames()) {
      const { offset, width, count } = this.map[name]!;
      for (let at = offset; at < Math.min(offset + width * count, this.length); at++)
        expectSame(`${path}[${at}] (${name})`, bytes[at]!, this.#bytes[at]!);
    }
  }

  load(state: State): void {
    this.restore(this.check(state));
  }

  /** Takes a state over that was looked at. */
  restore(saved: ValueOf<typeof deviceConfigState>): void {
    this.#generation = saved.generation;
    this.#changed = saved.changed;
    this.#bytes.set(saved.bytes);
    this.#shown = saved.held?.slice() ?? this.#bytes;
  }
}
