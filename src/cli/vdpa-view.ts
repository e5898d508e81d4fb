import {
  type Cell,
  type Outcome,
  type Position,
  type TrialName,
  trialDeviceNames,
  trialDevices,
  trialGuestNames,
  trialGuests,
  trialNames,
} from '../compare/vdpa/index.ts';
import { columns } from './text.ts';

/** What goes wrong, each said once, by number. */
class Notes {
  readonly lines: string[] = [];
  readonly #numbers = new Map<string, number>();

  /** @returns the number under which it is said. */
  of(lines: readonly string[]): number {
    const text = lines.join('\n');
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      this.#numbers.set(text, number);
      this.lines.push(`  [${number}] ${lines[0]}`, ...lines.slice(1).map((line) => `      ${line}`));
    }
    return number;
  }
}

const saysOf = (name: TrialName, outcome: Outcome): readonly string[] => {
  if (outcome.kind === 'works') return [];
  if (outcome.kind === 'refused') return [`${name}: ${outcome.error}, ${outcome.where}`];
  const { what, written, arrived } = outcome;
  return [`${name}: ${what}`, `  written ${written}`, `  arrived ${arrived}`];
};

/** A cell in a word or two. */
function wordsOf({ outcomes }: Cell, notes: Notes): string {
  const wrong = trialNames.filter((name) => outcomes[name].kind !== 'works');
  if (wrong.length === 0) return 'works';
  const all = wrong.map((name) => outcomes[name]);
  const [first] = all;
  const same = all.every((each) => JSON.stringify(each) === JSON.stringify(first));
  if (first?.kind === 'refused' && same && wrong.length === trialNames.length)
    return `${first.error} [${notes.of([`${first.error}: ${first.where}`])}]`;
  const number = notes.of(wrong.flatMap((name) => saysOf(name, outcomes[name])));
  return `${wrong.length === trialNames.length ? 'corrupts' : 'corrupts some'} [${number}]`;
}

const originOf = ({ seed, proposedBy }: Position) =>
  seed === null ? `${proposedBy}, today` : `${seed}, ${proposedBy}`;

/** The matrix, position by position, and below it what goes wrong. */
export function matrixLines(rows: readonly Position[], cells: readonly Cell[]): readonly string[] {
  const lines: string[] = [];
  const notes = new Notes();
  for (const position of rows) {
    const own = cells.filter((cell) => cell.position === position.name);
    lines.push(`${position.name}: ${position.proposal} (${originOf(position)})`);
    const table = trialDeviceNames.map((device) => [
      device,
      ...trialGuestNames.map((guest) =>
        wordsOf(own.find((cell) => cell.device === device && cell.guest === guest)!, notes),
      ),
    ]);
    lines.push(...columns([['device', ...trialGuestNames], ...table]).map((line) => `  ${line}`), '');
  }
  if (notes.lines.length === 0) return lines.slice(0, -1);
  return [...lines, 'What goes wrong, as small as it gets', ...notes.lines];
}

export const matrixJson = (rows: readonly Position[], cells: readonly Cell[]) => ({
  guests: trialGuests,
  devices: trialDevices,
  workloads: trialNames,
  positions: rows,
  cells,
});
