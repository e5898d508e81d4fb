import { inOrder, lengthOf, type RegisterMap, type Width } from '../../core/index.ts';
import type { ResetListener } from '../behaviour.ts';
import type { VirtioDevice } from '../device.ts';

/** An access that begins inside a field. */
const INSIDE = 0xff;

type Widths = Uint8Array;

const known = new WeakMap<RegisterMap, Map<number, Widths>>();

/**
 * By offset: the width of accesses to the field that begins there, {@link INSIDE}, or 0 where there is no field. One table
 * for all structures of a map that go on to the same length.
 */
function widthsOf(map: RegisterMap, length: number): Widths {
  let lengths = known.get(map);
  if (lengths === undefined) known.set(map, (lengths = new Map()));
  let widths = lengths.get(length);
  if (widths === undefined) lengths.set(length, (widths = makeWidths(map, length)));
  return widths;
}

/** Of the fields that begin before `length`. */
function makeWidths(map: RegisterMap, length: number): Widths {
  const rows = inOrder(map).filter(([, { offset }]) => offset < length);
  const end = Math.max(0, ...rows.map(([, { offset, width, count }]) => offset + width * count));
  const widths = new Uint8Array(end);
  for (const [, { offset, width, count }] of rows) {
    widths.fill(INSIDE, offset, offset + width * count);
    // A 64-bit field is two of 32 bits.
    const own = Math.min(width, 4);
    for (let at = offset; at < offset + width * count; at += own) widths[at] = own;
  }
  return widths;
}

/**
 * PCI-LAY-01: a driver accesses each field in its own width, and aligned. Whatever it does is answered; what is wrong is
 * said, each offset and width once until the next reset.
 */
export class WidthCheck implements ResetListener {
  readonly #device: VirtioDevice;
  readonly #widths: Widths;
  readonly #structure: string;
  /** Null while nothing was said. */
  #said: Set<number> | null = null;

  /**
   * `structure` is what the table is of, for the text.
   * @param length in bytes, where the structure has fewer fields than the table.
   */
  constructor(device: VirtioDevice, map: RegisterMap, structure: string, length = lengthOf(map)) {
    this.#device = device;
    this.#widths = widthsOf(map, length);
    this.#structure = structure;
    device.onReset(this);
  }

  deviceReset(): void {
    this.#said = null;
  }

  check(offset: number, width: Width): void {
    const own = this.#widths[offset];
    if (own !== width && own !== 0 && own !== undefined) this.#say(offset, width, own);
  }

  /** Width of the field that begins at `offset`; 1 where none does. */
  widthAt(offset: number): Width {
    const own = this.#widths[offset];
    return own === 2 || own === 4 ? own : 1;
  }

  #say(offset: number, width: Width, own: number): void {
    const key = 8 * offset + width;
    this.#said ??= new Set();
    if (this.#said.has(key)) return;
    this.#said.add(key);
    const message =
      own === INSIDE
        ? `an access of ${width} bytes inside a field of ${this.#structure}`
        : `an access of ${width} bytes to a field of ${own} of ${this.#structure}`;
    this.#device.report('driver', 'PCI-LAY-01', message, { what: 'register offset', value: offset });
  }
}
