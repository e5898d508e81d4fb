import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import type { DumpedView, FileView, TraceView } from '../../desk-protocol.ts';
import { ask, progress } from '../desk.ts';
import { notice } from '../state.ts';
import { ClauseLink } from './clause-link.tsx';

const found = signal<FileView | null>(null);
const reading = signal('');
/** The dump that was pasted last: it says what stands at a trace's addresses. */
const lastDump = signal('');

async function take(file: Blob, name: string): Promise<void> {
  reading.value = `${name} is read: ${file.size} bytes`;
  try {
    found.value = await ask('file', { file, dump: lastDump.value });
    if (found.value.kind === 'dump') lastDump.value = await file.text();
  } catch (error) {
    notice(`${name} could not be read: ${(error as Error).message}`);
  } finally {
    reading.value = '';
    progress.value = null;
  }
}

function Dumped({ fn }: { fn: DumpedView }) {
  const { title, kind, bars, capabilities, findings } = fn;
  return (
    <li>
      <strong>{title}</strong> {kind}
      <div class="quiet">{[...bars, ...capabilities].join(', ')}</div>
      {findings.length === 0 ? null : (
        <ul class="findings" aria-label={`What is wrong with ${title}`}>
          {findings.map(({ level, clause, message }) => (
            <li key={`${clause} ${message}`}>
              {level} <ClauseLink id={clause} /> {message}
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

function Trace({ trace }: { trace: TraceView }) {
  const { format, accesses, rows, registers, findings, problem } = trace;
  return (
    <>
      <p role="status">
        {accesses} accesses, {format}
      </p>
      {problem === null ? null : <p class="bad">It could not be read to its end: {problem}</p>}
      {findings.length === 0 ? null : (
        <ul class="findings" aria-label="Findings of the watch">
          {findings.map(({ level, clause, text }) => (
            <li key={text}>
              <strong>{level}</strong> {text} <ClauseLink id={clause} />
            </li>
          ))}
        </ul>
      )}
      <table>
        <caption>Registers, the most often accessed first</caption>
        <thead>
          <tr>
            <th scope="col">Register</th>
            <th scope="col">Read</th>
            <th scope="col">Written</th>
          </tr>
        </thead>
        <tbody>
          {registers.map(({ name, reads, writes }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{reads}</td>
              <td>{writes}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <table>
        <caption>Accesses{rows.length < accesses ? `, the first ${rows.length}` : ''}</caption>
        <tbody>
          {rows.map(({ line, operation, place, register, value, meaning, address }) => (
            <tr key={line}>
              <th scope="row">{line}</th>
              <td>
                {operation} {place} <strong>{register === '' ? address : register}</strong>{' '}
                <code>{value}</code> {meaning}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Found({ view }: { view: FileView }) {
  if (view.kind === 'trace') return <Trace trace={view.trace} />;
  if (view.kind === 'unread')
    return (
      <ul class="findings" aria-label="Why it could not be read">
        {view.problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    );
  return (
    <>
      <p role="status">{view.functions.length} functions. A trace that is dropped now is decoded by them.</p>
      <ul class="findings" aria-label="Functions of the dump">
        {view.functions.map((fn) => (
          <Dumped key={fn.title} fn={fn} />
        ))}
      </ul>
    </>
  );
}

/** Configuration spaces and accesses of other machines. */
export function FilesPanel() {
  const [text, setText] = useState('');
  const drop = (event: DragEvent) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) void take(file, file.name);
  };
  return (
    <>
      <h2>Dumps and traces</h2>
      <section
        class="drop"
        aria-label="A place to drop files on"
        onDragOver={(event) => event.preventDefault()}
        onDrop={drop}
      >
        <label class="area">
          What lspci -xxxx printed, or a trace: JSON lines, QEMU's log, mmiotrace
          <textarea
            rows={8}
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button
          type="button"
          disabled={text === ''}
          onClick={() => void take(new Blob([text]), 'What was pasted')}
        >
          Decode
        </button>
        <label class="field">
          Or a file, which may be dropped here
          <input
            type="file"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file !== undefined) void take(file, file.name);
            }}
          />
        </label>
      </section>
      {reading.value === '' ? null : <p role="status">{reading.value}</p>}
      {progress.value === null ? null : (
        <progress aria-label="How far the file is read" value={progress.value.read} max={progress.value.of} />
      )}
      {found.value === null ? null : <Found view={found.value} />}
    </>
  );
}
