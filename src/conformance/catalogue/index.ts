import { VirtiolabError } from '../../core/index.ts';
import { admin } from './admin.ts';
import { basics } from './basics.ts';
import { network } from './network.ts';
import { others } from './others.ts';
import { rings } from './rings.ts';
import { type Clause, readRows } from './rows.ts';
import { storage } from './storage.ts';
import { transport } from './transport.ts';

export type { Clause, ClauseLevel, Observable } from './rows.ts';

/** No clause has that id. */
export class UnknownClauseError extends VirtiolabError {
  readonly id: string;

  constructor(id: string, near: readonly string[]) {
    super(`there is no clause '${id}'${near.length === 0 ? '' : `; there are ${near.join(', ')}`}`);
    this.id = id;
  }
}

/** Every clause, by id, in the order of the text. */
export const clauses: ReadonlyMap<string, Clause> = new Map(
  [basics, transport, rings, admin, network, storage, others]
    .flatMap(readRows)
    .map((clause) => [clause.id, clause]),
);

/** How many ids an error lists. */
const NEAR = 12;

/** The clause with an id, in any case of letters. @throws UnknownClauseError, which lists those of the same group. */
export function clauseOf(id: string): Clause {
  const wanted = id.trim().toUpperCase();
  const found = clauses.get(wanted);
  if (found !== undefined) return found;
  const group = wanted.replace(/-?\d*$/, '');
  const near = [...clauses.keys()].filter((each) => group !== '' && each.startsWith(group));
  throw new UnknownClauseError(id, near.slice(0, NEAR));
}
