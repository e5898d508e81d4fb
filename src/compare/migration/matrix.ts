import { type State, StateMismatchError } from '../../core/index.ts';
import type { Movable } from './movable.ts';
import { movableOf } from './specs.ts';
import { type StrategyName, strategies, strategyNames } from './strategies.ts';

/** How often a strategy was right about pairs of devices, and how it was wrong. */
export interface Tally {
  /** It said yes, and the state is loaded. */
  rightYes: number;
  /** It said no, and loading is refused. */
  rightNo: number;
  /** It said yes, and loading is refused: found out when the guest stands still. */
  wrongYes: number;
  /** It said no, and the state would be loaded: a move that was not made. */
  wrongNo: number;
}

/** A strategy that was wrong, about which pair. */
export interface Mistake {
  readonly strategy: StrategyName;
  readonly source: string;
  readonly target: string;
  readonly said: 'yes' | 'no';
  /** Why loading is refused, where it is. */
  readonly refusal: string | null;
}

export interface Matrix {
  readonly devices: number;
  readonly pairs: number;
  /** Pairs whose state is loaded. */
  readonly loaded: number;
  readonly tallies: Readonly<Record<StrategyName, Tally>>;
  readonly mistakes: readonly Mistake[];
}

/** Why a target refuses a state; null where it takes it. Nothing is changed. */
export function refusal(state: State, target: Movable): StateMismatchError | null {
  try {
    target.check(state);
    return null;
  } catch (error) {
    if (error instanceof StateMismatchError) return error;
    throw error;
  }
}

/** Asks every strategy about every pair of devices, and then the target itself. */
export function matrixOf(movables: readonly Movable[]): Matrix {
  const mistakes: Mistake[] = [];
  const entries = strategyNames.map((name): [StrategyName, Tally] => [
    name,
    { rightYes: 0, rightNo: 0, wrongYes: 0, wrongNo: 0 },
  ]);
  let loaded = 0;
  for (const source of movables) {
    const state = source.save();
    for (const target of movables) {
      const refused = refusal(state, target);
      if (refused === null) loaded++;
      for (const [strategy, tally] of entries) {
        const yes = strategies[strategy].judge(source.party, target.party)!.compatible;
        if (yes === (refused === null)) {
          if (yes) tally.rightYes++;
          else tally.rightNo++;
          continue;
        }
        if (yes) tally.wrongYes++;
        else tally.wrongNo++;
        const [from, to] = [source.name, target.name];
        const said = yes ? 'yes' : 'no';
        mistakes.push({ strategy, source: from, target: to, said, refusal: refused?.message ?? null });
      }
    }
  }
  const pairs = movables.length ** 2;
  return {
    ...{ devices: movables.length, pairs, loaded },
    tallies: Object.fromEntries(entries) as Record<StrategyName, Tally>,
    mistakes,
  };
}

/**
 * The devices of the table that answers the debate: of each type the usual one, and those that differ from it in one thing that an
 * administrator might not think of.
 */
export const matrixSpecs: readonly string[] = [
  ...['', ':legacy', ':modern', ':legacy-memory', ':mmr', ':io-bar', ':admin', ':mmr-virtual'].map(
    (place) => `block${place}`,
  ),
  'block,release=1.0.0',
  'block,serial=other',
  'block,sectors=128',
  'block,read-only',
  'block,queue-size=64',
  'block,queues=2',
  'block,vectors=3',
  'block,packed',
  'block,suspend',
  'block,express',
  'block,endian=big',
  'block:mmr,draft=mmr-fixed-vectors',
  'block:mmr,draft=mmr-bare-capability',
  'block:mmr,placement=shared',
  'network',
  'network:modern',
  'network,release=1.0.0',
  'network,mac=52:54:00:00:00:01',
  'network,mtu=1500',
  'network,queue-pairs=2',
  'console',
  'console:modern',
  'console,ports=2',
  'scsi',
  'scsi,release=1.0.0',
  'scsi,lun=1',
  'scsi,queues=2',
  'p9',
  'p9,tag=other',
  'entropy',
  'entropy:legacy',
  'entropy:legacy,release=1.0.0',
  'balloon',
  'balloon,hints',
  'rtc',
  'vsock',
  'vsock,cid=4',
];

/** The table that answers the debate. */
export const debateMatrix = (): Matrix => matrixOf(matrixSpecs.map(movableOf));
