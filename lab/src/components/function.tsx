import { useState } from 'preact/hooks';
import type { BarView, FunctionView } from '../../protocol.ts';
import { view } from '../state.ts';
import { ConfigHex } from './config-hex.tsx';
import { Select } from './machine.tsx';
import { RegisterTable } from './registers.tsx';
import { StaleNote } from './stale-note.tsx';

function bytesText(bytes: number): string {
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} bytes`;
}

function Bars({ bars }: { bars: readonly BarView[] }) {
  if (bars.length === 0) return <p class="quiet">It has no BARs of its own.</p>;
  return (
    <table class="bars">
      <caption>BARs in the address map</caption>
      <thead>
        <tr>
          <th scope="col">BAR</th>
          <th scope="col">Addresses</th>
          <th scope="col">What stands there</th>
        </tr>
      </thead>
      <tbody>
        {bars.map(({ index, kind, address, size, places }) => (
          <tr key={index}>
            <th scope="row">{index}</th>
            <td>
              <code>{address}</code>
              <br />
              <span class="quiet">
                {kind}, {bytesText(size)}
              </span>
            </td>
            <td>
              <svg
                viewBox="0 0 100 6"
                class="bar-map"
                role="img"
                aria-label={`BAR ${index}: ${places.map(({ name }) => name).join(', ')}`}
                preserveAspectRatio="none"
              >
                <rect x="0" y="0" width="100" height="6" class="bar-free" />
                {places.map(({ name, offset, length }, i) => (
                  <rect
                    key={name}
                    x={(100 * offset) / size}
                    y="0"
                    width={Math.max(1, (100 * length) / size)}
                    height="6"
                    class={`part-${(i % 8) + 1}`}
                  />
                ))}
              </svg>
              {places.map(({ name, offset, length }) => (
                <div key={name}>
                  {name}{' '}
                  <span class="quiet">
                    at 0x{offset.toString(16)}, {bytesText(length)}
                  </span>
                </div>
              ))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function OneFunction({ fn }: { fn: FunctionView }) {
  return (
    <>
      <ConfigHex fn={fn} />
      <Bars bars={fn.bars} />
      {fn.tables.map((table) => (
        <RegisterTable key={table.title} table={table} />
      ))}
    </>
  );
}

/** A function of either machine: configuration space, BARs, registers. */
export function FunctionPanel() {
  const [chosen, choose] = useState('');
  const functions = view.value?.functions ?? [];
  const nameOf = ({ machine, title }: FunctionView) => `${machine}: ${title}`;
  const fn = functions.find((each) => nameOf(each) === chosen) ?? functions.at(-1);
  if (fn === undefined) return <p class="quiet">Of this place nothing was kept: step on.</p>;
  return (
    <>
      <h2>The function</h2>
      <StaleNote />
      <Select
        label="Seen from"
        value={nameOf(fn)}
        options={functions.map((each) => ({ name: nameOf(each) }))}
        onPick={choose}
      />
      <OneFunction fn={fn} />
    </>
  );
}
