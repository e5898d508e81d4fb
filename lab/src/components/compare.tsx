import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { ComparedView } from '../../desk-protocol.ts';
import { ask } from '../desk.ts';
import { notice } from '../state.ts';
import { Select } from './machine.tsx';

const compared = signal<ComparedView | null>(null);
const counting = signal(false);

const phases = ['bringUp', 'request', 'shutdown'] as const;
const titles: Readonly<Record<string, string>> = {
  bringUp: 'Bring-up',
  request: 'One request',
  shutdown: 'Shutdown',
};

async function count(device: string, vfs: number): Promise<void> {
  counting.value = true;
  try {
    compared.value = await ask('compare', { device, vfs });
  } catch (error) {
    notice(`It was not counted: ${(error as Error).message}`);
  } finally {
    counting.value = false;
  }
}

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
}

/** Bars under each other; the longest fills the width. */
function Bars({ title, bars }: { title: string; bars: readonly Bar[] }) {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const label = `${title}: ${bars.map(({ label: name, text }) => `${name} ${text}`).join(', ')}`;
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div class="chart" role="img" aria-label={label}>
        {bars.map(({ label: name, value, text }) => (
          <div key={name} class="chart-row">
            <span>{name}</span>
            <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
              <rect width={(100 * value) / most} height="10" class="chart-bar" />
            </svg>
            <span>{text}</span>
          </div>
        ))}
      </div>
    </figure>
  );
}

const short = (value: number) => (Number.isInteger(value) ? `${value}` : value.toFixed(1));

function Counts({ view, phase }: { view: ComparedView; phase: string }) {
  const names = Object.keys(view.names).filter((name) =>
    view.ways.some((way) => way.phases[phase]!.counts[name] !== 0),
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section class="wide" tabIndex={0} aria-label={`Counts of ${titles[phase]}`}>
      <table class="counts">
        <caption>{titles[phase]}</caption>
        <thead>
          <tr>
            <th scope="col">Way</th>
            {names.map((name) => (
              <th key={name} scope="col" title={view.names[name]}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {view.ways.map(({ way, phases: own }) => (
            <tr key={way}>
              <th scope="row">{way}</th>
              {names.map((name) => (
                <td key={name}>{short(own[phase]!.counts[name]!)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Compared({ view }: { view: ComparedView }) {
  return (
    <>
      <p role="status">
        {view.ways.length} ways, {view.request} of {view.bytes} bytes
      </p>
      {phases.map((phase) => (
        <section key={phase} aria-label={titles[phase]}>
          <Bars
            title={`${titles[phase]}, modelled time`}
            bars={view.ways.map(({ way, phases: own }) => ({
              label: way,
              value: own[phase]!.ns,
              text: `${(own[phase]!.ns / 1000).toFixed(1)} µs`,
            }))}
          />
          <Counts view={view} phase={phase} />
        </section>
      ))}
      <Bars
        title={`Addresses of ${view.vfs} functions`}
        bars={view.ways.map(({ way, resources }) => ({
          label: way,
          value: resources['barBytes']!,
          text: `${resources['barBytes']! / 1024} KiB`,
        }))}
      />
    </>
  );
}

/** What every way to a device takes, side by side. */
export function ComparePanel() {
  const [devices, setDevices] = useState<readonly string[]>(['block']);
  const [device, setDevice] = useState('block');
  useEffect(() => {
    void ask('compared', {}).then(setDevices);
  }, []);
  return (
    <>
      <h2>The ways, compared</h2>
      <p class="quiet">Each way is driven here and counted; times are counts by costs, a model.</p>
      <Select
        label="Compared device"
        value={device}
        options={devices.map((name) => ({ name }))}
        onPick={setDevice}
      />
      <button type="button" disabled={counting.value} onClick={() => void count(device, 256)}>
        Count
      </button>
      {counting.value ? <p role="status">It is being counted.</p> : null}
      {compared.value === null ? null : <Compared view={compared.value} />}
    </>
  );
}
