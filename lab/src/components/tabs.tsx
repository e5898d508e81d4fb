import type { ComponentType } from 'preact';
import { useRef } from 'preact/hooks';
import { keepAddress } from '../actions.ts';
import { tab } from '../state.ts';
import { BreakPanel } from './break.tsx';
import { ComparePanel } from './compare.tsx';
import { DraftsPanel } from './drafts.tsx';
import { FilesPanel } from './files.tsx';
import { FunctionPanel } from './function.tsx';
import { GridPanel } from './grid.tsx';
import { LinuxPanel } from './linux.tsx';
import { QueuesPanel } from './queues.tsx';

interface TabRow {
  readonly name: string;
  readonly label: string;
  readonly Panel: ComponentType;
}

const tabs: readonly TabRow[] = [
  { name: 'function', label: 'Function', Panel: FunctionPanel },
  { name: 'virtual', label: 'Virtual functions', Panel: GridPanel },
  { name: 'queues', label: 'Queues', Panel: QueuesPanel },
  { name: 'break', label: 'Break it', Panel: BreakPanel },
  { name: 'drafts', label: 'Drafts', Panel: DraftsPanel },
  { name: 'files', label: 'Dumps and traces', Panel: FilesPanel },
  { name: 'compare', label: 'Comparison', Panel: ComparePanel },
  { name: 'linux', label: 'Linux', Panel: LinuxPanel },
];

const steps: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1 };

/** What stands beside the stream. */
export function Tabs() {
  const list = useRef<HTMLDivElement>(null);
  const current = tabs.find(({ name }) => name === tab.value) ?? tabs[0]!;
  const pick = (name: string) => {
    tab.value = name;
    keepAddress();
  };
  const onKey = (event: KeyboardEvent) => {
    const by = steps[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = tabs[(tabs.indexOf(current) + by + tabs.length) % tabs.length]!;
    pick(next.name);
    list.current?.querySelector<HTMLElement>(`#tab-${next.name}`)?.focus();
  };
  return (
    <section class="beside" aria-label="What stands beside the stream">
      <div role="tablist" aria-label="Views" ref={list} onKeyDown={onKey}>
        {tabs.map(({ name, label }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === current.name}
            aria-controls="tab-panel"
            tabIndex={name === current.name ? 0 : -1}
            onClick={() => pick(name)}
          >
            {label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${current.name}`}>
        <current.Panel />
      </div>
    </section>
  );
}
