import type * as FastCheck from 'fast-check';
import { VirtiolabError } from '../../core/index.ts';
import { type Bench, Failure } from '../device/index.ts';
import { Model, type Move, numberOf } from './model.ts';

/** Moves of the longest sequence that is drawn. */
export const MOST_MOVES = 30;
/** What a move is drawn with, at most. */
export const MOST = 0xffff;

/** A move that was drawn, as fast-check runs and prints it. */
export class DrawnMove implements FastCheck.AsyncCommand<Model, Bench> {
  readonly #move: Move;
  readonly #a: number;
  readonly #b: number;

  constructor(move: Move, a: number, b: number) {
    this.#move = move;
    this.#a = a;
    this.#b = b;
  }

  check(model: Readonly<Model>): boolean {
    const { modernOnly, possible } = this.#move;
    return (model.bench.modern || !modernOnly) && possible(model, this.#a, this.#b);
  }

  async run(model: Model): Promise<void> {
    model.made.push(this);
    try {
      await this.#move.make(model, this.#a, this.#b);
    } catch (error) {
      madeUntil.set(error as object, [...model.made] as DrawnMove[]);
      throw error;
    }
  }

  toString(): string {
    return this.#move.text(this.#a, this.#b);
  }

  /** As a sequence is written. */
  get code(): string {
    return `${this.#move.name}.${this.#a}.${this.#b}`;
  }
}

const madeUntil = new WeakMap<object, readonly DrawnMove[]>();

/** The moves that led to an error. */
export const movesUntil = (error: unknown): readonly DrawnMove[] | undefined =>
  madeUntil.get(error as object);

/**
 * Each sequence begins with a device that was reset.
 * @throws Failure where it cannot be reset
 */
export function fromTheStart(bench: Bench): { readonly model: Model; readonly real: Bench } {
  const { transport, memory } = bench;
  try {
    transport.disconnect();
    transport.reset();
  } catch (error) {
    if (error instanceof VirtiolabError)
      throw new Failure('BF-RST-01', 'status 0 after a reset', error.message);
    throw error;
  }
  memory.clear();
  return { model: new Model(bench), real: bench };
}

/** Each of some moves, with what it chooses drawn: each choice is shrunk by itself. */
export const drawnMoves = (
  fc: Pick<typeof FastCheck, 'nat' | 'tuple'>,
  moves: readonly Move[],
): FastCheck.Arbitrary<DrawnMove>[] =>
  moves.map((move) => {
    const { choices } = move;
    const b =
      choices === undefined
        ? fc.nat(MOST)
        : fc.tuple(...choices.map((count) => fc.nat(count - 1))).map((chosen) => numberOf(chosen, choices));
    return fc.tuple(fc.nat(MOST), b).map(([first, second]) => new DrawnMove(move, first, second));
  });
