import type { QueueView } from '../../protocol.ts';

type Ring = QueueView['rings'][number];

const CELL = 24;

/** Places of a ring in a row, with the one that is next. */
export function RingPicture({ ring, queue }: { ring: Ring; queue: number }) {
  const { name, index, slots } = ring;
  const used = slots.filter(({ text }) => text !== '');
  const isRing = name !== 'descriptor table';
  const next = slots.findIndex((slot) => slot.index === index % Math.max(1, slots.length));
  const label = isRing ? `${name} of queue ${queue}, index ${index}` : `${name} of queue ${queue}`;
  return (
    <figure class="ring">
      <figcaption>
        {name}
        {isRing && name !== 'packed ring' ? ` index ${index}` : ''}
      </figcaption>
      <svg viewBox={`0 0 ${slots.length * CELL} ${CELL + 8}`} role="img" aria-label={label}>
        {slots.map((slot, i) => (
          <g key={slot.index}>
            <rect x={i * CELL + 1} y="1" width={CELL - 2} height={CELL - 2} class={`slot ${slot.state}`}>
              <title>{`place ${slot.index}: ${slot.text === '' ? 'empty' : slot.text}`}</title>
            </rect>
            <text x={i * CELL + CELL / 2} y={CELL / 2 + 4} class="slot-number">
              {slot.index}
            </text>
          </g>
        ))}
        {isRing && next >= 0 ? (
          <path d={`M${next * CELL + CELL / 2} ${CELL} l-5 7 h10 z`} class="next" />
        ) : null}
      </svg>
      {used.length === 0 ? null : (
        <details>
          <summary>{used.length === 1 ? '1 place holds' : `${used.length} places hold`} something</summary>
          <ul>
            {used.map((slot) => (
              <li key={slot.index}>
                {slot.index}: {slot.text}
              </li>
            ))}
          </ul>
        </details>
      )}
    </figure>
  );
}
