import { VirtiolabError } from '../../core/index.ts';

/** What a clause asks for, in the words of RFC 2119. */
export type ClauseLevel = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT' | 'MAY';

/** Where somebody outside can see whether a clause is kept; null where nobody can. */
export type Observable = 'config' | 'register' | 'memory' | 'interrupt' | null;

/** A testable statement of the specification, in this project's words. */
export interface Clause {
  /** E.g. `BF-STAT-01`. */
  readonly id: string;
  /** Whom it binds. */
  readonly party: 'driver' | 'device' | 'both';
  readonly level: ClauseLevel;
  /** It is one of the legacy interface's. */
  readonly legacy: boolean;
  /** The text states a fact (a table, a definition) and has no keyword of RFC 2119. */
  readonly descriptive: boolean;
  /** Label of its section in the specification. */
  readonly section: string;
  /** Where the published text has it. */
  readonly address: string;
  readonly observable: Observable;
  readonly says: string;
  /** How it can be tested, in a few words. */
  readonly test: string;
}

/** The text that the catalogue was read from: virtio 1.4, committee specification 01. */
const TEXT = 'https://github.com/oasis-tcs/virtio-spec/blob/v1.4-cs01';

const COLUMNS = 8;

const observables: Readonly<Record<string, Observable>> = {
  config: 'config',
  register: 'register',
  memory: 'memory',
  interrupt: 'interrupt',
  '-': null,
};

/** A row of the catalogue is not one: a fault of the package. */
class CatalogueError extends VirtiolabError {}

/**
 * A chapter's rows: `# file | section`, and below it, a clause a line: id, party, level, flags (`L` legacy, `D` descriptive),
 * lines of the file, where it can be seen, what it says, how to test it.
 */
export function readRows(text: string): Clause[] {
  const clauses: Clause[] = [];
  let [file, section] = ['', ''];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const cells = line.split(' | ');
    if (line.startsWith('# ')) {
      [file, section] = [cells[0]!.slice(2), cells.slice(1).join(' | ')];
      continue;
    }
    const [id, party, level, flags, lines, seen, says, test] = cells as [string, ...string[]];
    const observable = observables[seen!];
    if (cells.length !== COLUMNS || observable === undefined) throw new CatalogueError(`no clause: ${line}`);
    const [first, last] = lines!.split('-');
    clauses.push({
      id,
      party: party as Clause['party'],
      level: level as ClauseLevel,
      legacy: flags!.includes('L'),
      descriptive: flags!.includes('D'),
      section,
      address: `${TEXT}/${file}#L${first}-L${last}`,
      observable,
      says: says!,
      test: test!,
    });
  }
  return clauses;
}
