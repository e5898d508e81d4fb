import { BarError, type BarIndex, type BarOptions, checkBar } from '../../pci/index.ts';
import type { BarShape, FunctionShape } from '../layout/index.ts';

/** Where something stands in a BAR; `offset` and `length` in bytes. */
export interface Stand {
  readonly name: string;
  readonly bar: BarIndex;
  readonly offset: number;
  readonly length: number;
}

/** A BAR as it is planned, without what answers in it. */
export type PlannedBar = Omit<BarOptions, 'regions'>;

interface OpenBar {
  readonly shape: BarShape;
  leastBytes: number;
  readonly stands: Stand[];
}

const LEAST_BYTES = { io: 4, memory32: 16, memory64: 16 } as const;

const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit;

/** The BARs of a function while it is laid out: each part says where it wants to stand, or takes what is free. */
export class BarPlan {
  readonly #shapes: NonNullable<FunctionShape['bars']>;
  readonly #bars = new Map<BarIndex, OpenBar>();

  constructor(shapes: NonNullable<FunctionShape['bars']>) {
    this.#shapes = shapes;
  }

  /**
   * What a BAR is.
   * @param usual what it is unless the shape says otherwise, or it is open already. `lengthBytes` is the least of it.
   */
  open(index: BarIndex, usual: BarShape): BarShape {
    const open = this.#bars.get(index);
    const leastBytes = usual.lengthBytes ?? 0;
    if (open !== undefined) {
      open.leastBytes = Math.max(open.leastBytes, leastBytes);
      return open.shape;
    }
    const shape = this.#shapes[index] ?? usual;
    this.#bars.set(index, { shape, leastBytes, stands: [] });
    return shape;
  }

  /** A place in an open BAR: at `offset`, or behind all that stands there, at a multiple of `alignment`. */
  put(name: string, bar: BarIndex, length: number, alignment: number, offset?: number): Stand {
    const { stands } = this.#bars.get(bar)!;
    const end = Math.max(0, ...stands.map((each) => each.offset + each.length));
    const stand = { name, bar, offset: offset ?? roundUp(end, alignment), length };
    stands.push(stand);
    return stand;
  }

  /** Every BAR in the order of their opening. @throws BarError for one that cannot be. */
  finish(): PlannedBar[] {
    const taken = new Set<number>();
    return [...this.#bars].map(([index, { shape, leastBytes, stands }]) => {
      const ends = stands.map(({ offset, length }) => offset + length);
      const least = Math.max(LEAST_BYTES[shape.kind], leastBytes, ...ends);
      const lengthBytes = this.#shapes[index]?.lengthBytes ?? 2 ** Math.ceil(Math.log2(least));
      const bar = { index, kind: shape.kind, prefetchable: shape.prefetchable ?? false, lengthBytes };
      checkBar({ ...bar, regions: stands });
      for (const register of shape.kind === 'memory64' ? [index, index + 1] : [index]) {
        if (taken.has(register)) throw new BarError(index, 'the register is taken already');
        taken.add(register);
      }
      return bar;
    });
  }
}
