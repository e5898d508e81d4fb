import { useEffect, useRef } from 'preact/hooks';
import { clauses, openClause } from '../state.ts';

/** The text of a clause, over the page until it is closed. */
export function ClausePanel({ id }: { id: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const clause = clauses.value.get(id);
  const close = () => {
    openClause.value = null;
  };
  return (
    <dialog ref={dialog} class="clause" aria-labelledby="clause-title" onClose={close}>
      <h2 id="clause-title">{id}</h2>
      {clause === undefined ? (
        <p>This is no clause of the virtio specification: another standard asks for it.</p>
      ) : (
        <>
          <p>{clause.says}.</p>
          <p class="quiet">
            {clause.level} of {clause.party === 'both' ? 'driver and device' : `the ${clause.party}`}, in{' '}
            <a href={clause.address} rel="noreferrer">
              {clause.section}
            </a>
          </p>
        </>
      )}
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
