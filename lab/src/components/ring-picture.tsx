import type { QueueView } from '../../protocol.ts';

type Ring = QueueView['rings'][number];

/** Places of a ring in a row, with the one that is next. */
export function RingPicture({ ring, queue }: { ring: Ring; queue: number }) {
  const { name, index, next, slots } = ring;
  const used = slots.filter(({ text }) => text !== '');
  const isRing = next !== null;
  const label = isRing ? `${name} of queue ${queue}, index ${index}` : `${name} of queue ${queue}`;
  return (
    <figure class="ring">
      <figcaption>
        {name}
        {isRing ? `, ${name === 'packed ring' ? 'next place' : 'index'} ${index}` : ''}
      </figcaption>
      <div class="slots" role="img" aria-label={label}>
        {slots.map((slot) => (
          <span
            key={slot.index}
            class={`slot ${slot.state} ${slot.index === next ? 'next' : ''}`}
            title={`place ${slot.index}: ${slot.text === '' ? 'empty' : slot.text}`}
          >
            {slot.index}
          </span>
        ))}
      </div>
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
