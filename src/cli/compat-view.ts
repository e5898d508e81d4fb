import {
  type Judgement,
  type Matrix,
  refusal,
  type StrategyName,
  strategies,
  strategyNames,
  type Tally,
} from '../compare/migration/index.ts';
import type { Side } from './compat-sides.ts';
import { columns } from './text.ts';

/** What is known of one move. */
export interface Move {
  readonly source: string;
  readonly target: string;
  /** Null where too little is known for a strategy. */
  readonly judgements: readonly (readonly [StrategyName, Judgement | null])[];
  /** What the target says of the state itself: nothing, or why not. `untried` where there is no state or no device. */
  readonly loading: { readonly tried: false } | { readonly tried: true; readonly refusal: string | null };
  readonly may: boolean;
}

/** Asks the strategies; the chosen ones decide, or else the target itself, the records, the attributes. */
export function judgeMove(source: Side, target: Side, chosen: readonly StrategyName[] | null): Move {
  const judgements = (chosen ?? strategyNames).map(
    (name) => [name, strategies[name].judge(source.party, target.party)] as const,
  );
  const said = new Map(judgements);
  const tried = source.state !== null && target.movable !== null;
  const refused = tried ? (refusal(source.state, target.movable)?.message ?? null) : null;
  const deciding = chosen ?? [said.get('records') == null ? 'attributes' : 'records'];
  const may =
    chosen === null && tried
      ? refused === null
      : deciding.every((name) => said.get(name)?.compatible === true);
  return {
    source: source.party.name,
    target: target.party.name,
    judgements,
    loading: tried ? { tried, refusal: refused } : { tried },
    may,
  };
}

/** So many reasons are shown; a document has all. */
const MOST_REASONS = 6;

function judgementLines(name: StrategyName, said: Judgement | null): string[] {
  if (said === null) return [`  ${name.padEnd(11)}cannot say: too little is known`];
  if (said.compatible) return [`  ${name.padEnd(11)}yes`];
  const shown = said.reasons.slice(0, MOST_REASONS);
  const rest = said.reasons.length - shown.length;
  return [
    `  ${name.padEnd(11)}no`,
    ...shown.map(({ what, source, target }) => `      ${what}: ${source} -> ${target}`),
    ...(rest > 0 ? [`      and ${rest} more`] : []),
  ];
}

export function moveLines({ source, target, judgements, loading, may }: Move): string[] {
  const loads = !loading.tried
    ? 'not tried: that takes a state, and a device to load it into'
    : loading.refusal === null
      ? 'yes, the target takes it'
      : `no: ${loading.refusal}`;
  return [
    `${source} -> ${target}: ${may ? 'may move' : 'may not move'}`,
    ...judgements.flatMap(([name, said]) => judgementLines(name, said)),
    `  ${'loading'.padEnd(11)}${loads}`,
  ];
}

export const moveJson = ({ judgements, ...move }: Move) => ({
  ...move,
  judgements: Object.fromEntries(judgements),
});

const tallyCells = ({ rightYes, rightNo, wrongYes, wrongNo }: Tally) =>
  [rightYes, rightNo, wrongYes, wrongNo].map((count) => `${count}`);

/** The table that answers the debate, and an example of each mistake. */
export function matrixLines({ devices, pairs, loaded, tallies, mistakes }: Matrix): string[] {
  const head = ['strategy', 'right yes', 'right no', 'wrong yes', 'wrong no', 'from'];
  const rows = strategyNames.map((name) => [name, ...tallyCells(tallies[name]), strategies[name].from]);
  const examples = strategyNames.flatMap((name) => {
    const own = mistakes.filter(({ strategy }) => strategy === name);
    const first = own[0];
    return first === undefined
      ? []
      : [
          `  ${name}: ${first.source} -> ${first.target}, said ${first.said}`,
          `    ${first.refusal ?? 'it is loaded'}`,
        ];
  });
  return [
    `${devices} devices, ${pairs} pairs of a state and a target; ${loaded} states are loaded`,
    '',
    ...columns([head, ...rows]),
    '',
    'Where they are wrong, for the first time',
    ...examples,
  ];
}
