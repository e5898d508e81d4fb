import { groupAtCursor } from '../place.ts';
import { atEnd, view } from '../state.ts';

/** Says it where the state at the cursor itself was not kept. */
export function StaleNote() {
  const shown = view.value;
  const at = groupAtCursor()?.root;
  if (atEnd.value || shown === null || at === undefined || at.kind !== 'access' || shown.seq === at.seq)
    return null;
  return <p class="quiet">As it was after access {shown.seq}: of later ones nothing was kept.</p>;
}
