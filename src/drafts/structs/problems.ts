/**
 * What can be wrong with a text, and what would be right. An error is something that could not be read, or that leaves a
 * structure without a layout; a note something that was read although no compiler would take it.
 */
export const structureProblemKinds = {
  binary: 'error',
  'too-large': 'error',
  'no-structures': 'error',
  'unclosed-listing': 'error',
  'unclosed-command': 'note',
  'unclosed-comment': 'error',
  'unclosed-brace': 'error',
  'unclosed-bracket': 'error',
  'stray-brace': 'error',
  'no-declaration': 'error',
  'no-field': 'error',
  'no-name': 'error',
  'unknown-type': 'error',
  'bad-length': 'error',
  'bad-bits': 'error',
  'defined-twice': 'error',
  'name-twice': 'error',
  'holds-itself': 'error',
  'too-deep': 'error',
  'too-many': 'error',
  'missing-semicolon': 'note',
  'wrong-separator': 'note',
  'loose-remark': 'note',
  'loose-field': 'note',
  'hyphen-in-name': 'note',
  'zero-length': 'note',
  elsewhere: 'note',
} as const;
export type StructureProblemKind = keyof typeof structureProblemKinds;

/** Something wrong with a text. */
export interface StructureProblem {
  readonly kind: StructureProblemKind;
  readonly level: 'error' | 'note';
  readonly file: string;
  /** Line in the file, from 1. */
  readonly line: number;
  /** What was found, and what would be right. */
  readonly found: string;
  readonly wanted: string;
}

/** One line for a problem. */
export const problemText = ({ level, file, line, found, wanted }: StructureProblem): string =>
  `${file === '' ? 'line ' : `${file}:`}${line}: ${level}: ${found}; ${wanted}`;

/** More than these are counted, not listed. */
const MOST_PROBLEMS = 200;

/** Problems of one text, in the order in which they were found. */
export class ProblemList {
  readonly problems: StructureProblem[] = [];
  readonly #file: string;
  #more = 0;

  constructor(file: string) {
    this.#file = file;
  }

  add(kind: StructureProblemKind, line: number, found: string, wanted: string): void {
    if (this.problems.length >= MOST_PROBLEMS) {
      this.#more++;
      return;
    }
    this.problems.push({ kind, level: structureProblemKinds[kind], file: this.#file, line, found, wanted });
  }

  /** All of them; where there were too many, with a line that says how many are left out. */
  all(): readonly StructureProblem[] {
    const last = this.problems.at(-1);
    if (this.#more === 0 || last === undefined) return this.problems;
    const more = {
      ...last,
      kind: 'too-many',
      level: 'error',
      found: `${this.#more} more problems`,
      wanted: 'mend the first ones',
    } as const;
    return [...this.problems, more];
  }
}

/** Text of a file in a message: one line, not too long, in quotes. */
export function quoted(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return JSON.stringify(line.length <= 60 ? line : `${line.slice(0, 57)}...`);
}
