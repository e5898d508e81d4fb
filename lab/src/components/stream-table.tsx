import { useEffect, useRef, useState } from 'preact/hooks';
import type { Opened, Row } from '../../protocol.ts';
import { type FilterKind, filtered, filterKinds, filterText, hidden } from '../filter.ts';
import { cursor, dropped, type Group, groups, marked } from '../state.ts';
import { ClauseLink } from './clause-link.tsx';

/** Groups that are shown at a time, and lines of one. */
const MOST_GROUPS = 120;
const MOST_LINES = 14;

function Line({ row }: { row: Row }) {
  const { kind, verb, place, name, value, meaning, address, clause, space, seq } = row;
  return (
    <div class={`line ${kind} ${marked.value === seq ? 'marked' : ''}`}>
      <span class="verb">{verb}</span> {place === '' ? null : <span class="place">{place}</span>}{' '}
      <span class="name">{name}</span> {value === '' ? null : <code>{value}</code>}{' '}
      {meaning === '' || meaning === '-' ? null : <span class="meaning">{meaning}</span>}{' '}
      {address === '' ? null : (
        <span class="quiet address">
          {space === 'io' ? 'port ' : ''}
          {address}
        </span>
      )}{' '}
      {clause === null ? null : <ClauseLink id={clause} />}
    </div>
  );
}

function Lines({ rows }: { rows: readonly Row[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? rows : rows.slice(0, MOST_LINES);
  return (
    <>
      {shown.map((row) => (
        <Line key={row.seq} row={row} />
      ))}
      {rows.length > shown.length ? (
        <button type="button" class="more" onClick={() => setAll(true)}>
          {rows.length - shown.length} more
        </button>
      ) : null}
    </>
  );
}

function GroupRow({ group }: { group: Group }) {
  const { root, rest } = group;
  if (root.kind === 'mark')
    return (
      <tr class="mark">
        <th scope="row">{root.seq}</th>
        <td colSpan={2}>
          {root.verb === 'move' ? '' : `${root.verb}: `}
          {root.name}
        </td>
      </tr>
    );
  const left = [root, ...rest].filter(({ column }) => column === 'left');
  const right = [root, ...rest].filter(({ column }) => column === 'right');
  return (
    <tr
      class={marked.value !== null && marked.value >= root.seq && marked.value <= group.last ? 'marked' : ''}
    >
      <th scope="row">{root.seq}</th>
      <td>
        <Lines rows={left} />
      </td>
      <td>
        <Lines rows={right} />
      </td>
    </tr>
  );
}

function Filter() {
  const toggle = (kind: FilterKind, shown: boolean) => {
    const next = new Set(hidden.value);
    if (shown) next.delete(kind);
    else next.add(kind);
    hidden.value = next;
  };
  return (
    <search class="filter" aria-label="Filter of the stream">
      <label class="field">
        Filter
        <input
          type="search"
          value={filterText.value}
          placeholder="a register, a value, a clause"
          onInput={(event) => (filterText.value = event.currentTarget.value)}
        />
      </label>
      {(Object.keys(filterKinds) as FilterKind[]).map((kind) => (
        <label key={kind} class="check">
          <input
            type="checkbox"
            checked={!hidden.value.has(kind)}
            onChange={(event) => toggle(kind, event.currentTarget.checked)}
          />
          {filterKinds[kind]}
        </label>
      ))}
    </search>
  );
}

/** Newest groups first that fit the filter, up to the cursor; then turned round. */
function shownGroups(list: readonly Group[], most: number): { shown: Group[]; more: boolean } {
  const shown: Group[] = [];
  for (let i = list.length - 1; i >= 0; i--) {
    const group = list[i]!;
    if (group.root.seq > cursor.value) continue;
    const fits = filtered(group, filterText.value, hidden.value);
    if (fits === null) continue;
    if (shown.length === most) return { shown: shown.reverse(), more: true };
    shown.push(fits);
  }
  return { shown: shown.reverse(), more: false };
}

/** Scrolls to the end, or to where the last access begins if all of it has no room. */
function showLast(box: HTMLElement): void {
  const last = box.querySelector<HTMLElement>('tbody tr:last-child');
  const head = box.querySelector<HTMLElement>('thead');
  const above = (last ?? box).getBoundingClientRect().top - box.getBoundingClientRect().top;
  const top = box.scrollTop + above - (head?.offsetHeight ?? 0);
  box.scrollTop = Math.min(box.scrollHeight - box.clientHeight, top);
}

const legend = [
  ['Row', 'one access of the driver; beside it stands all that happened because of it, before the next one'],
  [
    'read, write',
    'an access to a register, by the structure it stands in, its name, value and what that means',
  ],
  [
    'chain',
    'buffers that wait in a queue when it is kicked: R is read by the device, W is written by it, as address+bytes',
  ],
  ['DMA', 'what the device itself reads and writes of the memory: the rings, and the buffers of chains'],
  ['interrupt', 'how the device calls: by a message (MSI-X) or by its line (INTx)'],
  ['must, should, note', 'what the watch says of the driver, by a clause of the specification'],
] as const;

/** For who never saw one. */
function Legend() {
  return (
    <details class="legend">
      <summary>How to read this</summary>
      <dl>
        {legend.map(([word, says]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{says}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

/** What the driver's machine does on the left, and what becomes of it on the right. */
export function StreamTable({ titles }: { titles: Opened['titles'] }) {
  const [most, setMost] = useState(MOST_GROUPS);
  const box = useRef<HTMLElement>(null);
  const { shown, more } = shownGroups(groups.value, most);
  const end = shown.at(-1)?.last ?? 0;
  useEffect(() => {
    if (box.current !== null && end >= 0) showLast(box.current);
  }, [end]);
  return (
    <>
      <Legend />
      <Filter />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <section class="scroll" ref={box} tabIndex={0} aria-label="Accesses in their order">
        {more ? (
          <button type="button" class="more" onClick={() => setMost(most + MOST_GROUPS)}>
            Show earlier ones
          </button>
        ) : null}
        {dropped.value > 0 && !more ? <p class="quiet">{dropped.value} earlier lines were let go.</p> : null}
        <table class="accesses">
          <thead>
            <tr>
              <th scope="col" class="column-head">
                No.
              </th>
              <th scope="col" class="column-head">
                {titles.left}
              </th>
              <th scope="col" class="column-head">
                {titles.right}
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((group) => (
              <GroupRow key={group.root.seq} group={group} />
            ))}
          </tbody>
        </table>
        {shown.length === 0 ? (
          <p class="quiet">Nothing yet: press Bring up, and see what the driver does.</p>
        ) : null}
      </section>
    </>
  );
}
