import { notKept } from '../offline.ts';
import { notices, openClause, opened, titles } from '../state.ts';
import { ClausePanel } from './clause-panel.tsx';
import { MachinePanel } from './machine.tsx';
import { PlayerBar } from './player-bar.tsx';
import { StreamTable } from './stream-table.tsx';
import { Tabs } from './tabs.tsx';

function Notices() {
  if (notices.value.length === 0) return null;
  return (
    <div class="notices" role="alert">
      <ul>
        {notices.value.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      <button type="button" onClick={() => (notices.value = [])}>
        Dismiss
      </button>
    </div>
  );
}

export function App() {
  return (
    <>
      <header>
        <h1>virtiolab</h1>
        <p class="subtitle">A virtio function, its driver, and every access between them</p>
      </header>
      <main>
        <Notices />
        {opened.value === null ? (
          <p role="status">The emulator is being loaded.</p>
        ) : (
          <>
            <MachinePanel opened={opened.value} />
            <div class="halves">
              <section class="stream" aria-labelledby="stream-title">
                <h2 id="stream-title">The stream</h2>
                <PlayerBar />
                <StreamTable titles={titles.value} />
              </section>
              <Tabs />
            </div>
          </>
        )}
      </main>
      {notKept.value === '' ? null : (
        <footer class="quiet">
          <p role="status">
            This page is not kept for times without a network ({notKept.value}). All else works.
          </p>
        </footer>
      )}
      {openClause.value === null ? null : <ClausePanel id={openClause.value} />}
    </>
  );
}
