import { useEffect, useRef } from 'preact/hooks';
import type { BitView, RegisterView, TableView } from '../../protocol.ts';
import { showClause } from '../actions.ts';
import { bitMeanings } from '../bit-meanings.ts';
import { clauses } from '../state.ts';
import { ClauseLink } from './clause-link.tsx';

/** What a bit says: name, meaning, clause with its text. */
function bitTitle({ name, bit, set }: BitView, cited: string | undefined): string {
  const says = cited === undefined ? undefined : clauses.value.get(cited)?.says;
  const clause = cited === undefined ? '' : `. ${cited}${says === undefined ? '' : `: ${says}`}`;
  const meaning = bitMeanings[name]?.says;
  return `bit ${bit}, ${name}, ${set ? 'set' : 'clear'}${meaning === undefined ? '' : `: ${meaning}`}${clause}`;
}

function Bits({ register }: { register: RegisterView }) {
  if (register.bits.length === 0) return <>{register.meaning}</>;
  return (
    <span class="bits">
      {register.bits.map((bit) => {
        const cited = bitMeanings[bit.name]?.clause ?? register.clauses[0];
        const title = bitTitle(bit, cited);
        return (
          <button
            key={bit.name}
            type="button"
            class={bit.set ? 'bit set' : 'bit'}
            title={title}
            aria-label={title}
            onClick={() => (cited === undefined ? undefined : void showClause(cited))}
          >
            {bit.name}
          </button>
        );
      })}
    </span>
  );
}

/** A row that flashes when its value changes. */
function RegisterRow({ register }: { register: RegisterView }) {
  const { name, offset, width, access, value, clauses: cited } = register;
  const row = useRef<HTMLTableRowElement>(null);
  const before = useRef(value);
  useEffect(() => {
    if (before.current === value) return;
    before.current = value;
    const element = row.current;
    if (element === null) return;
    element.classList.remove('flash');
    // A style that was read in between lets the flash begin anew.
    void element.offsetWidth;
    element.classList.add('flash');
  }, [value]);
  return (
    <tr ref={row}>
      <td>
        <code>{`0x${offset.toString(16).padStart(2, '0')}`}</code>
      </td>
      <th scope="row">{name}</th>
      <td class="quiet">
        {width} {access}
      </td>
      <td>{value === '' ? <span class="quiet">not read</span> : <code>{value}</code>}</td>
      <td>
        <Bits register={register} />{' '}
        {cited.slice(0, 2).map((id) => (
          <ClauseLink key={id} id={id} />
        ))}
      </td>
    </tr>
  );
}

/** A structure's registers by name. */
export function RegisterTable({ table }: { table: TableView }) {
  const { title, space, address, registers } = table;
  return (
    <table class="registers">
      <caption>
        {title}{' '}
        <span class="quiet">
          {space === 'io' ? 'ports' : 'memory'} at {address}
        </span>
      </caption>
      <thead>
        <tr>
          <th scope="col">Offset</th>
          <th scope="col">Register</th>
          <th scope="col">Bytes</th>
          <th scope="col">Value</th>
          <th scope="col">Meaning</th>
        </tr>
      </thead>
      <tbody>
        {registers.map((register) => (
          <RegisterRow key={register.name} register={register} />
        ))}
      </tbody>
    </table>
  );
}
