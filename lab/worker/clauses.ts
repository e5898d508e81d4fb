import { clauses } from 'virtiolab/conformance';
import type { ClauseView } from '../protocol.ts';

/** The clauses of a list that there are; a register may cite a standard of somebody else's. */
export const clausesNamed = (ids: readonly string[]): readonly ClauseView[] =>
  ids.flatMap((id) => {
    const found = clauses.get(id);
    if (found === undefined) return [];
    const { party, level, section, says, address } = found;
    return [{ id, party, level, section, says, address }];
  });
