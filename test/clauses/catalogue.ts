import { clauses as catalogue } from '../../src/conformance/catalogue/index.ts';
import type { Party } from '../../src/core/index.ts';
import more from './more.json' with { type: 'json' };

/** What the specification's clauses are, as facts. */
export interface Clause {
  readonly id: string;
  readonly party: Party | 'both';
  readonly level: string;
  readonly section: string;
  /** It binds legacy drivers, and devices as those see them; others do not have it. */
  readonly legacy: boolean;
}

/** The package's catalogue, and the chapters that it does not have. Commands about legacy registers bind no legacy driver. */
export const clauses: ReadonlyMap<string, Clause> = new Map([
  ...[...catalogue].map(([id, clause]): [string, Clause] => [
    id,
    { ...clause, legacy: clause.legacy && !id.startsWith('ADL-') },
  ]),
  ...(more.clauses as [string, Clause['party'], string, number, boolean][]).map(
    ([id, party, level, section, legacy]): [string, Clause] => [
      id,
      { id, party, level, section: more.sections[section]!, legacy },
    ],
  ),
]);

/** Text that is shaped like a clause id, of a group that the catalogue has. */
export function clausesIn(text: string): string[] {
  const found = text.match(/\b[A-Z][A-Z0-9]*(?:-[A-Z]+)*-\d\d\b/g) ?? [];
  return found.filter((id) => groups.has(id.slice(0, -3)));
}

const groups = new Set([...clauses.keys()].map((id) => id.slice(0, -3)));

/**
 * Clauses on what a legacy driver does not have: the modern structures, FEATURES_OK, packed rings, features above 31. All
 * other clauses that are none of the legacy interface's bind a legacy driver too.
 */
const MODERN_ONLY =
  /^(PCI-(COM|CAP|NOT|DEV|SHM|CFGW|VND|VQ)-|PCI-KICK-0[124-6]|PCI-LAY-|PKD-|SUSP-|KICK-|BF-VQR-|BF-STAT-05|BF-FEAT-11|INIT-0[34568]|RF-|NET-CFG-15|CONF-0)/;
/** RF clauses on what holds without the feature. */
const HOLDS_WITHOUT = new Set(['RF-05', 'RF-17']);

/** A finding as far as its clause goes. */
export interface Reported {
  readonly clause: string;
  readonly party: Party;
  /** The driver in charge is a legacy one; null where nobody knows. */
  readonly legacy: boolean | null;
}

/** What is wrong with the clause of a finding; null when it fits. */
export function misfit({ clause: id, party, legacy }: Reported): string | null {
  const clause = clauses.get(id);
  if (clause === undefined) return `${id}: there is no such clause`;
  if (clause.party !== 'both' && clause.party !== party)
    return `${id}: binds the ${clause.party}, not the ${party}`;
  if (legacy === false && clause.legacy) return `${id}: ${clause.section}, and the driver is none`;
  if (legacy === true && !HOLDS_WITHOUT.has(id) && MODERN_ONLY.test(id))
    return `${id}: ${clause.section}, and the driver is a legacy one`;
  return null;
}
