import { showClause } from '../actions.ts';
import { clauses } from '../state.ts';

/** A clause's id, which tells and opens its text. */
export function ClauseLink({ id }: { id: string }) {
  const says = clauses.value.get(id)?.says ?? '';
  return (
    <button type="button" class="clause-link" title={says} onClick={() => void showClause(id)}>
      {id}
    </button>
  );
}
