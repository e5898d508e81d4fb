import { type Clause, clauses } from './catalogue/index.ts';
import { checks } from './device/index.ts';
import { unobservable } from './device/unobservable.ts';
import { unobservableOfDrivers, watchRules } from './watch/index.ts';

/** How far one party's side of a clause is checked. */
export interface SideCoverage {
  readonly party: 'driver' | 'device';
  readonly state: 'checked' | 'not observable' | 'not yet';
  /** Ids of the checks (device) or rules (driver). */
  readonly by: readonly string[];
  /** Why nobody can see it; null where somebody can. */
  readonly reason: string | null;
}

export interface ClauseCoverage {
  readonly clause: Clause;
  /** One for each party that the clause binds. */
  readonly sides: readonly SideCoverage[];
}

/** Which rows of a table name each clause. */
function byClause(rows: readonly { readonly id: string; readonly clauses: readonly string[] }[]) {
  const found = new Map<string, string[]>();
  for (const { id, clauses: its } of rows)
    for (const clause of its) found.set(clause, [...(found.get(clause) ?? []), id]);
  return found;
}

/** A rule checks what it cites of either kind of driver. */
const ofDrivers = watchRules.map(({ id, clauses: its, legacyClauses = [] }) => ({
  id,
  clauses: [...new Set([...its, ...legacyClauses])],
}));

const UNSEEN = 'nothing of it shows on the bus';

let made: ReadonlyMap<string, ClauseCoverage> | null = null;

/** All clauses, with what checks them, in the catalogue's order. */
export function coverage(): ReadonlyMap<string, ClauseCoverage> {
  if (made !== null) return made;
  const checked = { device: byClause(checks), driver: byClause(ofDrivers) };
  const reasons = { device: unobservable, driver: unobservableOfDrivers };
  const side = ({ id, observable }: Clause, party: 'driver' | 'device'): SideCoverage => {
    const by = checked[party].get(id) ?? [];
    if (by.length > 0) return { party, state: 'checked', by, reason: null };
    const reason = reasons[party][id] ?? (observable === null ? UNSEEN : null);
    return { party, state: reason === null ? 'not yet' : 'not observable', by, reason };
  };
  made = new Map(
    [...clauses.values()].map((clause) => [
      clause.id,
      {
        clause,
        sides: (['driver', 'device'] as const)
          .filter((party) => clause.party === party || clause.party === 'both')
          .map((party) => side(clause, party)),
      },
    ]),
  );
  return made;
}
