import { type Register, type RegisterMap, rw, type Width } from '../../src/core/index.ts';

/** What one access of a block came to: the value read, and the registers reached, in order, with what was written. */
export interface Answer {
  readonly value: number;
  readonly reached: readonly string[];
}

const ones = (width: number) => 2 ** (8 * width) - 1;
const low = (value: number, width: number) => value % 2 ** (8 * width);

/** Widths of the aligned pieces of an access, in order. */
function pieces(offset: number, width: number): Width[] {
  if (width === 0) return [];
  const piece = ([4, 2, 1] as const).find((each) => each <= width && offset % each === 0)!;
  return [piece, ...pieces(offset + piece, width - piece)];
}

/**
 * The rule of a register block, said slowly: an unaligned access is its aligned pieces; an aligned one reaches the register
 * that begins at its offset, cut or zero-extended to the width, and else reads the hole's value.
 */
export class BlockModel {
  readonly map: RegisterMap;
  readonly values: Record<string, number>;
  readonly length: number;
  readonly hole: 'ones' | 'zeros';

  constructor(map: RegisterMap, values: Record<string, number>, length: number, hole: 'ones' | 'zeros') {
    this.map = map;
    this.values = values;
    this.length = length;
    this.hole = hole;
  }

  #beginsAt(offset: number): [string, Register] | undefined {
    return Object.entries(this.map).find(([, register]) => register.offset === offset);
  }

  read(offset: number, width: Width): Answer {
    if (offset % width !== 0) {
      let value = 0;
      let done = 0;
      const reached: string[] = [];
      for (const piece of pieces(offset, width)) {
        const part = this.read(offset + done, piece);
        value += part.value * 2 ** (8 * done);
        reached.push(...part.reached);
        done += piece;
      }
      return { value, reached };
    }
    const found = this.#beginsAt(offset);
    return found === undefined
      ? { value: this.hole === 'ones' ? ones(width) : 0, reached: [] }
      : { value: low(this.values[found[0]]!, width), reached: [`read ${found[0]}`] };
  }

  /** @returns the writes that arrive, as `write name=value`. */
  write(offset: number, width: Width, value: number): string[] {
    if (offset % width !== 0) {
      let done = 0;
      return pieces(offset, width).flatMap((piece) => {
        const part = low(Math.floor(value / 2 ** (8 * done)), piece);
        const at = offset + done;
        done += piece;
        return this.write(at, piece, part);
      });
    }
    const found = this.#beginsAt(offset);
    if (found === undefined || found[1].access !== 'rw') return [];
    return [`write ${found[0]}=${low(low(value, width), found[1].width)}`];
  }
}

/** The same registers, one by one: arrays as their elements, 64-bit fields as two halves. */
export function servable(map: RegisterMap): RegisterMap {
  return Object.fromEntries(
    Object.entries(map).flatMap(([name, register]) => {
      const width: Width = register.width === 8 ? 4 : register.width;
      const parts = (register.width * register.count) / width;
      return Array.from({ length: parts }, (_, i) => {
        const part = { ...register, width, count: 1, offset: register.offset + i * width };
        return [parts === 1 ? name : `${name}[${i}]`, part] as const;
      });
    }),
  );
}

/** A register of that width, for generated maps. */
export const plainRegister = (offset: number, width: Width, access: 'ro' | 'rw' | 'rc'): Register => ({
  ...rw(offset, width),
  access,
});
