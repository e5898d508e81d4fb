import type { QueueView } from '../../protocol.ts';
import { view } from '../state.ts';
import { RingPicture } from './ring-picture.tsx';
import { StaleNote } from './stale-note.tsx';

function QueueTable({ queues }: { queues: readonly QueueView[] }) {
  return (
    <table class="queues">
      <caption>Queues</caption>
      <thead>
        <tr>
          <th scope="col">Queue</th>
          <th scope="col">Size</th>
          <th scope="col">Areas</th>
          <th scope="col">Where it stands</th>
        </tr>
      </thead>
      <tbody>
        {queues.map(({ index, name, size, enabled, areas, position, events }) => (
          <tr key={index}>
            <th scope="row">
              {index} {name}
            </th>
            <td>{size}</td>
            <td>{enabled ? areas.map((area) => <code key={area}>{area} </code>) : 'not set up'}</td>
            <td>
              {position}
              {events === '' ? null : <div class="quiet">{events}</div>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The queues, their rings, and why nothing happens. */
export function QueuesPanel() {
  const shown = view.value;
  if (shown === null) return <p class="quiet">Of this place nothing was kept: step on.</p>;
  const { queues, explanation } = shown;
  const ringed = queues.filter(({ rings }) => rings.length > 0);
  return (
    <>
      <h2>The queues</h2>
      <StaleNote />
      <QueueTable queues={queues} />
      {ringed.map(({ index, name, rings, waiting }) => (
        <section key={index} aria-label={`Queue ${index}`}>
          <h3>
            Queue {index} {name}
          </h3>
          {rings.map((ring) => (
            <RingPicture key={ring.name} ring={ring} queue={index} />
          ))}
          {waiting.length === 0 ? null : (
            <ul aria-label={`Chains that wait in queue ${index}`}>
              {waiting.map((text) => (
                <li key={text}>{text}</li>
              ))}
            </ul>
          )}
        </section>
      ))}
      <h3>Why nothing happens</h3>
      <pre class="explanation">{explanation}</pre>
    </>
  );
}
