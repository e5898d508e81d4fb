import type { Arbitrary, AsyncCommand } from 'fast-check';
import type { Bench } from '../conformance/device/index.ts';
import { drawnMoves, fromTheStart } from '../conformance/explore/commands.ts';
import { lifeMoves } from '../conformance/explore/life-moves.ts';
import type { Model, Move } from '../conformance/explore/model.ts';
import { registerMoves } from '../conformance/explore/register-moves.ts';
import { workMoves } from '../conformance/explore/work-moves.ts';
import { fc } from './fast-check.ts';
import { oneAtLeast } from './options.ts';

/** What a device that keeps the clauses shows, as far as the commands so far tell. */
export type LifeCycleModel = Model;

/** A command of fast-check: something that a driver may do, and what the device has to show then. */
export type LifeCycleCommand = AsyncCommand<LifeCycleModel, Bench>;

/** The commands by what they are about. */
const parts = {
  status: ['status', 'driver-ok', 'failed', 'reset'],
  negotiation: ['negotiate', 'read-features', 'write-features', 'read-accepted'],
  queue: [
    'read-size',
    'write-address',
    'map-vector',
    'read-vectors',
    'enable-queue',
    'reset-queue',
    'read-queue',
  ],
  configuration: ['read-config'],
  ring: ['work'],
} as const;

export type LifeCyclePart = keyof typeof parts;
export const lifeCycleParts = Object.keys(parts) as readonly LifeCyclePart[];

const moves: readonly Move[] = [...registerMoves, ...lifeMoves, ...workMoves];

/**
 * The commands of a driver's life with a device, for `fc.commands`: each is possible where the model, which goes by the tables of the life
 * cycles, says that a driver may do it, and fails with the clause where the device shows something else than the model.
 * @param of which parts; by default all. Some commands of one part are possible only after those of another: queues are enabled
 * once features are settled. @throws OptionError for a part that there is none of
 */
export function lifeCycleCommands(
  of: readonly LifeCyclePart[] = lifeCycleParts,
): Arbitrary<LifeCycleCommand>[] {
  oneAtLeast('parts', of, lifeCycleParts);
  const names = of.flatMap((part): readonly string[] => parts[part]);
  return drawnMoves(
    fc,
    moves.filter(({ name }) => names.includes(name)),
  );
}

/**
 * Where `fc.asyncModelRun` begins: the device is reset, and the model knows nothing.
 * @param bench of a device: `new Bench(subject, 'modern')`, or a lab's. @throws Failure where it cannot be reset
 */
export const lifeCycle = (bench: Bench): { model: LifeCycleModel; real: Bench } => ({
  ...fromTheStart(bench),
});
