import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { Choice, WatchView } from '../../protocol.ts';
import { call, change } from '../actions.ts';
import { showAccess } from '../player.ts';
import { done, marked, opened, opening, rows } from '../state.ts';
import { ClauseLink } from './clause-link.tsx';

/** Lies by device type: they are loaded when somebody wants to tell one. */
const lies = signal<ReadonlyMap<string, readonly Choice[]>>(new Map());

async function loadLies(type: string): Promise<void> {
  if (lies.value.has(type)) return;
  const found = await call('lies', { type });
  lies.value = new Map([...lies.value, [type, found]]);
}

interface SwitchesProps {
  readonly title: string;
  readonly choices: readonly Choice[];
  readonly chosen: readonly string[];
  pick(names: readonly string[]): void;
}

/** Switches, of which any may be on together. */
function Switches({ title, choices, chosen, pick }: SwitchesProps) {
  const [wanted, setWanted] = useState('');
  const turn = (name: string, on: boolean) =>
    pick(on ? [...chosen, name] : chosen.filter((each) => each !== name));
  const fits = ({ name, says }: Choice) => `${name} ${says}`.toLowerCase().includes(wanted.toLowerCase());
  const shown = choices.filter((choice) => chosen.includes(choice.name) || fits(choice));
  return (
    <fieldset class="switches">
      <legend>{title}</legend>
      <label class="field">
        Find
        <input
          type="search"
          value={wanted}
          aria-label={`${title} find`}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      </label>
      {chosen.length === 0 ? null : (
        <p class="chosen">
          On: {chosen.join(', ')}{' '}
          <button type="button" class="more" aria-label={`${title}: all off`} onClick={() => pick([])}>
            All off
          </button>
        </p>
      )}
      <ul class="switch-list">
        {shown.map(({ name, says }) => (
          <li key={name}>
            <label class="check">
              <input
                type="checkbox"
                role="switch"
                aria-checked={chosen.includes(name)}
                checked={chosen.includes(name)}
                onChange={(event) => turn(name, event.currentTarget.checked)}
              />
              <span>
                <strong>{name}</strong> {says}
              </span>
            </label>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

/** Goes to the access that something is about. */
function AccessLink({ seq }: { seq: number }) {
  const go = () => {
    marked.value = seq;
    showAccess(seq);
  };
  return (
    <button type="button" class="more" onClick={go}>
      access {seq}
    </button>
  );
}

function Findings({ findings, more }: { findings: readonly WatchView[]; more: number }) {
  if (findings.length === 0) return <p>The driver broke no rule so far.</p>;
  return (
    <ul class="findings" aria-label="Findings of the watch">
      {findings.map(({ level, text, clause, seq, rule }) => (
        <li key={`${rule} ${seq} ${text}`}>
          <strong class={level === 'note' ? '' : 'bad'}>{level}</strong> {text} <ClauseLink id={clause} />{' '}
          <AccessLink seq={seq} />
        </li>
      ))}
      {more > 0 ? <li>and {more} more</li> : null}
    </ul>
  );
}

/** What the device itself says of what it was asked. */
function Complaints() {
  const found = rows.value.filter(({ kind }) => kind === 'finding');
  if (found.length === 0) return <p>The device complained of nothing.</p>;
  return (
    <ul class="findings" aria-label="Complaints of the device">
      {found.slice(-20).map(({ seq, root, name, verb, clause }) => (
        <li key={seq}>
          <strong>{verb}</strong> {name} {clause === null ? null : <ClauseLink id={clause} />}{' '}
          <AccessLink seq={root} />
        </li>
      ))}
    </ul>
  );
}

/** Devices that lie, drivers that err, and who notices. */
export function BreakPanel() {
  const { mistakes } = opened.value!;
  const setup = opening.value ?? opened.value!.setup;
  useEffect(() => {
    void loadLies(setup.type);
  }, [setup.type]);
  return (
    <>
      <h2>Break it</h2>
      <p class="quiet">What was done is done again when a switch is turned.</p>
      <h3>What the watch says of the driver</h3>
      <Findings findings={done.value?.findings ?? []} more={done.value?.moreFindings ?? 0} />
      <h3>What the device says</h3>
      <Complaints />
      <Switches
        title="The driver"
        choices={mistakes}
        chosen={setup.mistakes}
        pick={(names) => void change({ mistakes: names }, true)}
      />
      <Switches
        title="The device"
        choices={lies.value.get(setup.type) ?? []}
        chosen={setup.lies}
        pick={(names) => void change({ lies: names }, true)}
      />
    </>
  );
}
