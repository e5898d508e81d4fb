import { inOrder, type RegisterMap, type Width } from '../../core/index.ts';
import type { VirtioDevice } from '../device.ts';

/** An access that begins inside a field. */
const INSIDE = 0xff;

/** By offset: the width of accesses to the field that begins there, {@link INSIDE}, or 0 where there is no field. */
function widthsOf(map: RegisterMap): Uint8Array {
  const rows = inOrder(map);
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
export class WidthCheck {
  readonly #device: VirtioDevice;
  readonly #widths: Uint8Array;
  readonly #structure: string;
  readonly #said = new Set<number>();

  /** `structure` is what the table is of, for the text. */
  constructor(device: VirtioDevice, map: RegisterMap, structure: string) {
    this.#device = device;
    this.#widths = widthsOf(map);
    this.#structure = structure;
    device.onReset.push(() => this.#said.clear());
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
    if (this.#said.has(key)) return;
    this.#said.add(key);
    const message =
      own === INSIDE
        ? `an access of ${width} bytes inside a field of ${this.#structure}`
        : `an access of ${width} bytes to a field of ${own} of ${this.#structure}`;
    this.#device.report('driver', 'PCI-LAY-01', message, { what: 'register offset', value: offset });
  }
}
