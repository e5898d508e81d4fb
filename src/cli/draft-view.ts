import {
  countLevels,
  type DraftCounterexample,
  type DraftDocument,
  type DraftFinding,
  type DraftLevel,
  type DraftRun,
  draftChecks,
} from '../drafts/index.ts';
import { style } from './output.ts';

/** Findings of one check that are shown; `--json` has all. */
const MOST_SHOWN = 10;

const levels = [
  ['error', 'Errors', 'red'],
  ['warning', 'Warnings', 'yellow'],
  ['question', 'Questions to the author', 'cyan'],
] as const;

function checkLines(check: string, findings: readonly DraftFinding[]): string[] {
  const { about, clause } = draftChecks[check]!;
  const shown = findings.slice(0, MOST_SHOWN).map(({ path, message }) => `    ${path}: ${message}`);
  const more = findings.length - MOST_SHOWN;
  return [
    `  ${style('bold', check)}${clause === null ? '' : ` (${clause})`}: ${about}`,
    ...shown,
    ...(more > 0 ? [`    and ${more} more`] : []),
  ];
}

function levelLines(findings: readonly DraftFinding[], level: DraftLevel): string[] {
  const own = findings.filter((each) => each.level === level);
  return [...new Set(own.map(({ check }) => check))].flatMap((check) =>
    checkLines(
      check,
      own.filter((each) => each.check === check),
    ),
  );
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

/** `2 errors, 1 warning, 0 questions`. */
export function countsText(findings: readonly DraftFinding[]): string {
  return Object.entries(countLevels(findings))
    .map(([level, count]) => counted(count, level))
    .join(', ');
}

/** What the static checks found, for a terminal. */
export function findingLines({ name, title }: DraftDocument, findings: readonly DraftFinding[]): string[] {
  const lines = [`${style('bold', name)}${title === undefined ? '' : `: ${title}`}`];
  for (const [level, heading, colour] of levels) {
    const found = levelLines(findings, level);
    if (found.length > 0) lines.push('', style(colour, heading), ...found);
  }
  return [...lines, '', countsText(findings)];
}

function counterexampleLines({ steps, what, expected, seen, seed }: DraftCounterexample): string[] {
  return [
    ...steps.map((step, i) => `    ${String(i + 1).padStart(2)}. ${step}`),
    `    ${what}: expected ${expected}, seen ${style('red', seen)} (seed ${seed})`,
  ];
}

/** What came of running a draft, for a terminal. */
export function runLines({
  reasons,
  device,
  worlds,
  assumed,
  seed,
  runs,
  counterexamples,
}: DraftRun): string[] {
  if (reasons.length > 0) return ['Not run', ...reasons.map((reason) => `  ${reason}`)];
  const [reference, ...others] = worlds;
  return [
    `Run: ${device}, ${counted(runs, 'sequence')} from seed ${seed}, held against ${reference}`,
    ...assumed.map((choice) => `  the draft leaves open, and taken was ${choice}`),
    ...others.flatMap((world) => {
      const found = counterexamples.filter((each) => each.world === world);
      return found.length === 0
        ? [`  ${world}: ${style('green', 'no difference')}`]
        : [`  ${world}: ${style('red', 'differs')}`, ...found.flatMap(counterexampleLines)];
    }),
  ];
}
