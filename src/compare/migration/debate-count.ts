import type { DebateFacts } from '../debate-row.ts';
import { matrixSpecs, refusal, type Tally } from './matrix.ts';
import type { Movable } from './movable.ts';
import type { Party } from './party.ts';
import { movableOf } from './specs.ts';

/** What somebody would have said of a pair; null for nothing. */
export type Judge = (source: Party, target: Party) => boolean | null;

interface Pair {
  readonly source: Movable;
  readonly target: Movable;
  readonly loads: boolean;
}

let asked: readonly Pair[] | null = null;

/** Every pair of the devices of the table, with what the target says of the source's state. */
export function pairs(): readonly Pair[] {
  if (asked === null) {
    const movables = matrixSpecs.map(movableOf);
    asked = movables.flatMap((source) => {
      const state = source.save();
      return movables.map((target) => ({ source, target, loads: refusal(state, target) === null }));
    });
  }
  return asked;
}

export const devices = (): readonly Movable[] => [...new Set(pairs().map(({ source }) => source))];

interface Counted extends Tally {
  silent: number;
}

export function countOf(judge: Judge): Counted {
  const count: Counted = { rightYes: 0, rightNo: 0, wrongYes: 0, wrongNo: 0, silent: 0 };
  for (const { source, target, loads } of pairs()) {
    const said = judge(source.party, target.party);
    if (said === null) count.silent++;
    else if (said) count[loads ? 'rightYes' : 'wrongYes']++;
    else count[loads ? 'wrongNo' : 'rightNo']++;
  }
  return count;
}

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** What breaks under a judge, in words, and what that makes of it. */
export function verdictOf(judge: Judge): Pick<DebateFacts, 'breaks' | 'verdict'> {
  const { wrongYes, wrongNo, silent } = countOf(judge);
  const all = pairs().length;
  const parts = [
    ...(wrongYes > 0 ? [`${counted(wrongYes, 'move')} of ${all} begun and refused at the target`] : []),
    ...(wrongNo > 0 ? [`${counted(wrongNo, 'possible move')} not made`] : []),
    ...(silent > 0 ? [`nothing said of ${counted(silent, 'pair')}`] : []),
  ];
  const wrong = wrongYes + wrongNo + silent;
  return {
    breaks: parts.length === 0 ? 'nothing' : parts.join('; '),
    verdict: wrong === 0 ? 'works' : wrong > all / 2 ? 'breaks' : 'works with limits',
  };
}
