import {
  type BusTarget,
  inOrder,
  maskOf,
  type RegisterMap,
  readPieces,
  type State,
  type Width,
  writePieces,
} from '../../core/index.ts';
import { type AnyConfig, type ByteOrder, DeviceConfig, deviceConfigState } from '../../virtio/index.ts';

/** Whose configuration it is, and what of the mediator's it wants. */
export interface ConfigSource {
  readonly configLength: number;
  readonly configGeneration: number;
  readConfig(offset: number, length: number): Uint8Array;
  writeConfig(offset: number, bytes: Uint8Array): void;
  /** Byte order in which the parent gives configuration at the moment. */
  readonly configOrder: ByteOrder;
  /** Bytes that the parent does not take are the mediator's to make something of. @returns whether it did. */
  written(offset: number, bytes: Uint8Array): boolean;
}

/** For each byte of a structure, where it lies in the other byte order. */
function turnedOrder(map: RegisterMap, length: number): Uint16Array {
  const order = Uint16Array.from({ length }, (_, at) => at);
  for (const [, { offset, width, count }] of inOrder(map))
    for (let i = 0; i < width * count && offset + i < length; i++) {
      const inside = i % width;
      const at = offset + i - inside + (width - 1 - inside);
      if (at < length) order[offset + i] = at;
    }
  return order;
}

/** A parent's configuration as a guest of one byte order reads it. */
class OrderedConfig implements BusTarget {
  readonly #source: ConfigSource;
  readonly #order: ByteOrder;
  readonly #turned: Uint16Array;
  readonly #turns: boolean;

  constructor(source: ConfigSource, order: ByteOrder, turned: Uint16Array, turns: boolean) {
    this.#source = source;
    this.#order = order;
    this.#turned = turned;
    this.#turns = turns;
  }

  /** The parent's bytes are not in this guest's order, and are to be turned. */
  get #differs(): boolean {
    return this.#turns && this.#source.configOrder !== this.#order;
  }

  read(offset: number, width: Width): number {
    if (offset % width !== 0) return readPieces(this, offset, width);
    const source = this.#source;
    if (offset + width > source.configLength) return maskOf(width);
    let value = 0;
    if (!this.#differs)
      return source.readConfig(offset, width).reduceRight((whole, byte) => whole * 256 + byte, 0);
    for (let i = width - 1; i >= 0; i--)
      value = value * 256 + source.readConfig(this.#turned[offset + i]!, 1)[0]!;
    return value;
  }

  write(offset: number, width: Width, value: number): void {
    if (offset % width !== 0) {
      writePieces(this, offset, width, value);
      return;
    }
    const source = this.#source;
    if (offset + width > source.configLength) return;
    const bytes = Uint8Array.from({ length: width }, (_, i) => value >>> (8 * i));
    if (source.written(offset, bytes)) return;
    if (!this.#differs) source.writeConfig(offset, bytes);
    else
      for (const [i, byte] of bytes.entries())
        source.writeConfig(this.#turned[offset + i]!, Uint8Array.of(byte));
  }
}

/**
 * Device configuration that is a vDPA parent's, in the order in which a guest has it. Nothing of it is kept here: each access asks the
 * parent, so that the parent hears of it when the guest reads.
 */
export class MediatedConfig implements AnyConfig {
  readonly map: RegisterMap;
  readonly length: number;
  readonly little: BusTarget;
  readonly big: BusTarget;
  readonly #source: ConfigSource;
  /** What the guest sees while its device is suspended. */
  #held: DeviceConfig | null = null;

  /** @param guestOrder false for a structure that is little-endian for everybody. @param turns whether bytes are turned at all. */
  constructor(source: ConfigSource, map: RegisterMap, guestOrder: boolean, turns: boolean) {
    this.map = map;
    this.length = source.configLength;
    this.#source = source;
    const turned = turnedOrder(map, this.length);
    const as = (order: ByteOrder) => this.#target(new OrderedConfig(source, order, turned, turns), order);
    this.little = as('little');
    this.big = guestOrder ? as('big') : this.little;
  }

  #target(live: OrderedConfig, order: ByteOrder): BusTarget {
    return {
      read: (offset, width) => (this.#held?.[order] ?? live).read(offset, width),
      write: (offset, width, value) => {
        if (this.#held === null) live.write(offset, width, value);
      },
    };
  }

  readGeneration(): number {
    return this.#source.configGeneration;
  }

  #bytes(): Uint8Array {
    return Uint8Array.from({ length: this.length }, (_, at) => this.little.read(at, 1));
  }

  hold(): void {
    const held = new DeviceConfig(this.map, this.length);
    held.load({ ...held.save(), bytes: this.#bytes() });
    this.#held = held;
  }

  release(): void {
    this.#held = null;
  }

  save() {
    const bytes = this.#bytes();
    const held = this.#held === null ? null : bytes;
    return deviceConfigState.save({ generation: this.readGeneration(), changed: false, bytes, held });
  }

  check(state: State, path = 'device configuration') {
    return deviceConfigState.parse(state, path);
  }

  /** The parent has its own. */
  load(state: State): void {
    this.restore(this.check(state));
  }

  restore({ held }: ReturnType<MediatedConfig['check']>): void {
    if (held !== null) this.hold();
  }
}
