import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import type { GridView, MemberView } from '../../desk-protocol.ts';
import { ask } from '../desk.ts';
import { notice, opened } from '../state.ts';
import { Select } from './machine.tsx';

const grid = signal<GridView | null>(null);
const busy = signal(false);

async function show(work: () => Promise<GridView>): Promise<void> {
  busy.value = true;
  try {
    grid.value = await work();
  } catch (error) {
    notice((error as Error).message);
  } finally {
    busy.value = false;
  }
}

function Member({ member }: { member: MemberView }) {
  const { index, address, ids, bars, status } = member;
  const hex = `0x${status.toString(16).padStart(2, '0')}`;
  return (
    <li>
      <button
        type="button"
        class={status === 0 ? 'member' : 'member set'}
        aria-pressed={status !== 0}
        aria-label={`VF${index} at ${address}, ${ids}, status ${hex}`}
        title={bars.join(', ')}
        disabled={busy.value}
        onClick={() => void show(() => ask('toggle', { index }))}
      >
        VF{index} <code>{hex}</code>
      </button>
    </li>
  );
}

/** Virtual functions of an owner, as a grid. */
export function GridPanel() {
  const [count, setCount] = useState('32');
  const [kind, setKind] = useState('mmr');
  const { type } = opened.value!.setup;
  return (
    <>
      <h2>Virtual functions</h2>
      <p class="quiet">
        An owner whose driver has enabled them. Press one to put a {type} driver to it, or to take it away.
      </p>
      <label class="field">
        How many
        <input
          type="number"
          min={1}
          max={256}
          value={count}
          onInput={(event) => setCount(event.currentTarget.value)}
        />
      </label>
      <Select label="Kind" value={kind} options={[{ name: 'mmr' }, { name: 'modern' }]} onPick={setKind} />{' '}
      <button
        type="button"
        disabled={busy.value}
        onClick={() => void show(() => ask('grid', { type, kind, count: Number(count) }))}
      >
        Enable them
      </button>
      {grid.value === null ? null : (
        <>
          <p role="status">
            {grid.value.members.length} virtual functions of {grid.value.owner},{' '}
            {grid.value.members.filter(({ status }) => status !== 0).length} with a driver
          </p>
          <ul class="grid" aria-label="Virtual functions">
            {grid.value.members.map((member) => (
              <Member key={member.index} member={member} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}
