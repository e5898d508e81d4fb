import { useState } from 'preact/hooks';
import type { ConfigPart, FunctionView } from '../../protocol.ts';

const WIDTH = 16;
const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** The part that a byte belongs to: its number, from 0; -1 for none. */
const partAt = (parts: readonly ConfigPart[], at: number) =>
  parts.findLastIndex(({ start, length }) => at >= start && at < start + length);

function HexRow({ fn, at }: { fn: FunctionView; at: number }) {
  const bytes = [...fn.config.subarray(at, at + WIDTH)];
  return (
    <tr>
      <th scope="row">
        <code>{hex(at, 3)}</code>
      </th>
      {bytes.map((byte, i) => {
        const part = partAt(fn.parts, at + i);
        return (
          <td
            key={`${at + i}`}
            class={part < 0 ? 'outside' : `part-${(part % 8) + 1}`}
            title={part < 0 ? '' : fn.parts[part]!.name}
          >
            {hex(byte, 2)}
          </td>
        );
      })}
    </tr>
  );
}

/** Rows that hold something. */
function rowsOf({ config, parts }: FunctionView): readonly number[] {
  const rows: number[] = [];
  for (let at = 0; at < config.length; at += WIDTH) {
    const holds = config.subarray(at, at + WIDTH).some((byte) => byte !== 0);
    const named = parts.some(({ start, length }) => start < at + WIDTH && start + length > at);
    if (holds || named) rows.push(at);
  }
  return rows;
}

function Chain({ parts }: { parts: readonly ConfigPart[] }) {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <ol class="capabilities" aria-label="Capability chain">
      {parts.map((part, i) => {
        const key = `${part.name} ${part.start}`;
        return (
          <li key={key}>
            <button
              type="button"
              class={`part-${(i % 8) + 1}`}
              aria-expanded={open === key}
              onClick={() => setOpen(open === key ? null : key)}
            >
              {part.name} <code>0x{hex(part.start, 2)}</code>
            </button>
            {open === key ? (
              <dl>
                {part.fields.map(({ name, value }) => (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>
                      <code>{value}</code>
                    </dd>
                  </div>
                ))}
              </dl>
            ) : null}
          </li>
        );
      })}
    </ol>
  );
}

/** Configuration space, coloured by capability, and the chain of capabilities. */
export function ConfigHex({ fn }: { fn: FunctionView }) {
  return (
    <>
      <Chain parts={fn.parts} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <section class="wide" tabIndex={0} aria-label="Configuration space in hexadecimal">
        <table class="hex">
          <caption>Configuration space</caption>
          <tbody>
            {rowsOf(fn).map((at) => (
              <HexRow key={at} fn={fn} at={at} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
