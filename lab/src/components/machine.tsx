import { useState } from 'preact/hooks';
import { type MoveField, type MoveSpec, type Opened, OWN, type Setup } from '../../protocol.ts';
import { change, changeType, move } from '../actions.ts';
import { busy, done, opened as openedState } from '../state.ts';

interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly name: string; readonly says?: string; readonly label?: string }[];
  onPick(name: string): void;
}

export function Select({ label, value, options, onPick }: SelectProps) {
  return (
    <label class="field">
      {label}
      <select value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        {options.map(({ name, says, label: shown = name }) => (
          <option key={name} value={name} title={says ?? ''} selected={name === value}>
            {shown}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What a person wrote into a field, or what stood there. */
function entered(field: MoveField, text: string): string | number {
  if (typeof field.value === 'string') return text;
  const value = Math.trunc(Number(text));
  if (!Number.isFinite(value)) return field.value;
  return Math.min(Math.max(value, field.least ?? 0), field.most ?? value);
}

const inputKind = ({ value, least = 0, most = Number.MAX_SAFE_INTEGER }: MoveField) =>
  typeof value === 'number'
    ? ({ type: 'number', min: least, max: most } as const)
    : ({ type: 'text', list: undefined } as const);

/** A button with its fields. */
function MoveButton({ spec }: { spec: MoveSpec }) {
  const [texts, setTexts] = useState(spec.fields.map(({ value }) => String(value)));
  const up = done.value?.up === true;
  const always = ['up', 'down', 'msix-on', 'msix-off'].includes(spec.name);
  const press = () =>
    void move({ name: spec.name, values: spec.fields.map((field, i) => entered(field, texts[i] ?? '')) });
  return (
    <span class="move">
      <button type="button" disabled={busy.value || (!up && !always)} onClick={press}>
        {spec.label}
      </button>
      {spec.fields.map((field, i) => (
        <label key={field.label} class="field">
          {field.label}
          <input
            {...inputKind(field)}
            value={texts[i]}
            aria-label={`${spec.label}: ${field.label}`}
            onInput={(event) =>
              setTexts(texts.map((text, at) => (at === i ? event.currentTarget.value : text)))
            }
          />
        </label>
      ))}
    </span>
  );
}

function Moves({ title, moves }: { title: string; moves: readonly MoveSpec[] }) {
  const { setup } = openedState.value!;
  if (moves.length === 0) return null;
  return (
    <fieldset>
      <legend>{title}</legend>
      {moves.map((spec) => (
        <MoveButton key={`${setup.type} ${spec.name}`} spec={spec} />
      ))}
    </fieldset>
  );
}

function Outcome() {
  const { error, result, up, msix } = done.value!;
  return (
    <p class="outcome" role="status">
      <strong>{up ? 'up' : 'down'}</strong>
      <span>{msix ? 'MSI-X' : 'INTx'}</span>
      {error === null ? <span>{result}</span> : <span class="bad">{error}</span>}
    </p>
  );
}

/** No draft of one's own, nor another reading. */
const plain = { reading: null, draft: null } as const;

/** Which machine there is, and what its driver is told to do. */
export function MachinePanel({ opened }: { opened: Opened }) {
  const { setup, ways, types, rings, readings, own, moves } = opened;
  const pick = (part: Partial<Setup>) => void change(part);
  const ofType = (type: string): Partial<Setup> => {
    if (own?.types.includes(type)) return { type };
    return type === 'rtc' || type === 'vsock'
      ? { type, way: 'modern', ...plain }
      : { type, ...(own === null ? {} : plain) };
  };
  const says = ways.find(({ name }) => name === setup.way)?.says ?? '';
  return (
    <section class="machine" aria-labelledby="machine-title">
      <h2 id="machine-title">The machine</h2>
      <div class="choices">
        <Select
          label="Device"
          value={setup.type}
          options={types.map((name) => ({ name }))}
          onPick={(type) => void changeType({ ...ofType(type), type })}
        />
        <Select
          label="Way"
          value={setup.way}
          options={ways}
          onPick={(way) => pick({ way, ring: 'split', ...(own?.ways.includes(way) ? {} : plain) })}
        />
        <Select
          label="Rings"
          value={setup.ring}
          options={rings.map((name) => ({ name }))}
          onPick={(ring) => pick({ ring: ring as Setup['ring'] })}
        />
        {readings.length === 0 ? null : (
          <Select
            label="Draft"
            value={setup.reading ?? readings[0]!}
            options={readings.map((name) => ({ name, label: name === OWN ? `own: ${own?.name}` : name }))}
            onPick={(name) => void change({ ...plain, reading: name === readings[0] ? null : name }, true)}
          />
        )}
        <p class="quiet">{says}</p>
      </div>
      <div class="moves">
        <Moves title="The driver" moves={moves.filter(({ by }) => by === 'driver')} />
        <Moves title="From outside" moves={moves.filter(({ by }) => by === 'outside')} />
      </div>
      <Outcome />
    </section>
  );
}
