import type * as FastCheck from 'fast-check';
import { VirtiolabError } from '../../core/index.ts';
import { type Bench, type Check, Failure, Silence } from '../device/index.ts';
import { DrawnMove, drawnMoves, fromTheStart, MOST, MOST_MOVES, movesUntil } from './commands.ts';
import { lifeMoves } from './life-moves.ts';
import type { Move } from './model.ts';
import { registerMoves } from './register-moves.ts';
import { workMoves } from './work-moves.ts';

export interface ExploreOptions {
  /** What the moves are drawn from. */
  readonly seed: number;
  /** Sequences of each exploration. */
  readonly runs: number;
  /** Only one sequence. */
  readonly only?: Sequence;
}

/** Moves of one exploration, in order: `explore-requests:work.3.7,reset.0.0`. */
export interface Sequence {
  readonly id: string;
  readonly moves: readonly { readonly name: string; readonly a: number; readonly b: number }[];
}

/** A text that names no sequence. */
export class SequenceError extends VirtiolabError {}

/** fast-check, or null where it is not installed. */
async function fastCheck(): Promise<typeof FastCheck | null> {
  try {
    return await import('fast-check');
  } catch {
    return null;
  }
}

interface Exploration {
  readonly id: string;
  readonly says: string;
  readonly moves: readonly Move[];
  /** Sequences are as long as they may be: what is interesting comes late, and a move costs little. */
  readonly long?: boolean;
}

const table: readonly Exploration[] = [
  {
    id: 'explore-registers',
    says: 'registers show what was written and what they showed before, in whatever order a driver uses them',
    moves: registerMoves,
  },
  {
    id: 'explore-life',
    says: 'the device, its queues and its configuration live as the tables of their life cycles have it',
    long: true,
    moves: [...lifeMoves, ...registerMoves.filter(({ name }) => ['reset', 'map-vector'].includes(name))],
  },
  {
    id: 'explore-requests',
    says: 'requests are answered however the ring is set up and used, again and again',
    moves: [...workMoves, ...registerMoves.filter(({ name }) => name === 'reset' || name === 'read-size')],
  },
];

/** @throws SequenceError, which says what would be right */
export function sequenceOf(text: string): Sequence {
  const [id = '', moves = '', ...rest] = text.split(':');
  const found = table.find((each) => each.id === id);
  if (found === undefined || rest.length > 0)
    throw new SequenceError(
      `'${text}' begins with no exploration; those are ${table.map((each) => each.id).join(', ')}`,
    );
  const names = found.moves.map(({ name }) => name);
  return {
    id,
    moves: moves.split(',').map((move) => {
      const [, name = '', a, b] = /^([a-z-]+)\.(\d{1,5})\.(\d{1,5})$/.exec(move) ?? [];
      if (!names.includes(name) || Number(a) > MOST || Number(b) > MOST)
        throw new SequenceError(
          `'${move}' is no move of ${id}; wants NAME.A.B, numbers up to ${MOST}, names ${names.join(', ')}`,
        );
      return { name, a: Number(a), b: Number(b) };
    }),
  };
}

/** Makes the moves of a sequence that are possible, each in its turn. */
async function make(bench: Bench, moves: readonly DrawnMove[]): Promise<void> {
  const { model } = fromTheStart(bench);
  for (const move of moves) if (move.check(model)) await move.run(model);
}

/** The first failure of sequences that are drawn, shrunk; null where there is none. */
async function firstFailure(
  bench: Bench,
  { moves, long = false }: Exploration,
  { seed, runs }: ExploreOptions,
): Promise<unknown> {
  const fc = await fastCheck();
  if (fc === null) return bench.skip('fast-check is not installed: npm install fast-check@4');
  const commands = fc.commands(drawnMoves(fc, moves), {
    maxCommands: MOST_MOVES,
    ...(long ? { size: 'max' } : {}),
  });
  const property = fc.asyncProperty(commands, async (list) => {
    await fc.asyncModelRun(() => fromTheStart(bench), list);
  });
  const details = await fc.check(property, { seed, numRuns: runs });
  return details.failed ? details.errorInstance : null;
}

function explore(exploration: Exploration, options: ExploreOptions): Check {
  const { id, says, moves } = exploration;
  const given = (options.only?.id === id ? options.only.moves : []).map(
    ({ name, a, b }) => new DrawnMove(moves.find((move) => move.name === name)!, a, b),
  );
  // The shortest sequence that failed is all that is made when the check is made once more, to see what happens.
  let shortest: readonly DrawnMove[] = given;
  return {
    id,
    says,
    clauses: [...new Set(moves.flatMap(({ clauses }) => clauses))],
    async run(bench) {
      let error: unknown;
      if (shortest.length === 0) error = await firstFailure(bench, exploration, options);
      else
        error = await make(bench, shortest).then(
          () => null,
          (thrown: unknown) => thrown,
        );
      const made = shortest;
      shortest = given;
      if (error === null) return;
      const found = movesUntil(error) ?? made;
      // The next time is for looking at this one.
      if (made.length === 0) shortest = found;
      const after = found.map(String).join('; ');
      const where =
        found.length === 0
          ? ''
          : ` after ${after} (--replay ${id}:${found.map(({ code }) => code).join(',')})`;
      if (error instanceof Failure) {
        const Told = error instanceof Silence ? Silence : Failure;
        throw new Told(error.clause, error.expected, `${error.seen}${where}`);
      }
      // The driver gave the device up: it says why.
      if (error instanceof VirtiolabError) throw new Failure('CONF-02', says, `${error.message}${where}`);
      throw error;
    },
  };
}

/**
 * Checks that try what a driver may do in orders of their own, and shrink what they find. Two runs with the same seed do
 * the same. Where fast-check is not installed they are skipped.
 */
export const explorations = (options: ExploreOptions): readonly Check[] =>
  table.map((each) => explore(each, options));
