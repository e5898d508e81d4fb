import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Pieces } from '../../linux-protocol.ts';
import {
  boot,
  linuxFindings,
  linuxWays,
  loadWays,
  running,
  silence,
  stopPc,
  terminal,
  typeLine,
  whyNoPc,
} from '../linux-state.ts';
import { notice } from '../state.ts';
import { ClauseLink } from './clause-link.tsx';
import { Select } from './machine.tsx';

const parts = [
  ['kernel', 'Kernel (bzImage, 32 bits)'],
  ['initrd', 'Initial RAM file system'],
  ['bios', 'SeaBIOS'],
  ['vgaBios', 'VGA BIOS'],
] as const;
type Part = (typeof parts)[number][0];

/** What stands beside the page, where the tool has fetched it; null for nothing. */
const beside = signal<{ readonly name: string; readonly commandLine: string } | null>(null);
const DEFAULT_COMMAND_LINE = 'console=ttyS0 tsc=reliable mitigations=off noisapnp';

/** Seconds after which it is said that nothing is heard. */
const SILENT = 30;

async function look(): Promise<void> {
  try {
    const found = (await (await fetch('./guest/pieces.json')).json()) as {
      available?: boolean;
      name?: string;
      commandLine?: string;
    };
    if (found.available === true)
      beside.value = { name: found.name ?? 'Linux', commandLine: found.commandLine ?? DEFAULT_COMMAND_LINE };
  } catch {
    // Nothing beside the page: the files are asked for.
  }
}

async function fetchPart(part: Part): Promise<Blob> {
  const response = await fetch(`./guest/${part}`);
  if (!response.ok) throw new Error(`guest/${part}: ${response.status} ${response.statusText}`);
  return response.blob();
}

/** Takes what was given, and for the rest what stands beside the page. */
async function piecesOf(given: Readonly<Partial<Record<Part, File>>>, commandLine: string): Promise<Pieces> {
  const take = (part: Part) => given[part] ?? fetchPart(part);
  const [kernel, initrd, bios, vgaBios] = await Promise.all(parts.map(([part]) => take(part)));
  return { kernel: kernel!, initrd: initrd!, bios: bios!, vgaBios: vgaBios!, commandLine };
}

function Terminal() {
  const [line, setLine] = useState('');
  const box = useRef<HTMLPreElement>(null);
  const shown = terminal.value;
  useEffect(() => {
    if (box.current !== null && shown !== '') box.current.scrollTop = box.current.scrollHeight;
  }, [shown]);
  const send = (event: Event) => {
    event.preventDefault();
    void typeLine(line);
    setLine('');
  };
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <pre class="terminal" ref={box} tabIndex={0} role="log" aria-label="Terminal">
        {shown}
      </pre>
      <form onSubmit={send}>
        <label class="field">
          Command
          <input
            type="text"
            list={undefined}
            value={line}
            onInput={(event) => setLine(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Enter</button>
        <button type="button" onClick={() => void stopPc()}>
          Switch off
        </button>
      </form>
    </>
  );
}

function Files({ give }: { give(part: Part, file: File | undefined): void }) {
  return (
    <fieldset>
      <legend>Files</legend>
      {parts.map(([part, label]) => (
        <label key={part} class="field">
          {label}
          <input type="file" onChange={(event) => give(part, event.currentTarget.files?.[0])} />
        </label>
      ))}
    </fieldset>
  );
}

/** A PC with a real Linux, whose disk is behind our function. */
export function LinuxPanel() {
  const [given, setGiven] = useState<Partial<Record<Part, File>>>({});
  const [way, setWay] = useState('mmr');
  const [commandLine, setCommandLine] = useState('');
  useEffect(() => {
    void loadWays();
    void look();
  }, []);
  const missing = whyNoPc();
  if (missing !== null) return <p>{missing}</p>;
  const ready = beside.value !== null || parts.every(([part]) => given[part] !== undefined);
  const words = commandLine === '' ? (beside.value?.commandLine ?? DEFAULT_COMMAND_LINE) : commandLine;
  const start = () =>
    void piecesOf(given, words).then(
      (pieces) => boot(pieces, way),
      (error: Error) => notice(`Linux does not start: ${error.message}`),
    );
  return (
    <>
      <h2>A real Linux</h2>
      <p>
        {beside.value === null
          ? 'The page has no kernel beside it. virtiolab lab --guest fetches one with what belongs to it (53 MB) and serves it with the page; or give the files here.'
          : `${beside.value.name} stands beside the page.`}
      </p>
      <Files give={(part, file) => setGiven({ ...given, [part]: file })} />
      <label class="area">
        Kernel's command line
        <input
          type="text"
          list={undefined}
          class="whole"
          value={words}
          onInput={(event) => setCommandLine(event.currentTarget.value)}
        />
      </label>
      <Select
        label="Its disk by"
        value={way}
        options={linuxWays.value.map((name) => ({ name }))}
        onPick={setWay}
      />{' '}
      <button type="button" disabled={!ready || running.value === 'starting'} onClick={start}>
        Boot Linux
      </button>
      {running.value === 'starting' ? <p role="status">The PC is being switched on.</p> : null}
      {running.value === 'on' ? <Terminal /> : null}
      {running.value === 'on' && silence.value >= SILENT ? (
        <p role="status">
          It has printed nothing{terminal.value === '' ? '' : ' more'} for {silence.value} s.{' '}
          {terminal.value === ''
            ? 'A kernel that never boots looks like that, or one whose console is not ttyS0.'
            : 'Where no prompt stands above, the kernel has stopped: what it said last tells why.'}
        </p>
      ) : null}
      {linuxFindings.value.length === 0 ? null : (
        <ul class="findings" aria-label="What the watch says of Linux">
          {linuxFindings.value.map(({ level, text, clause, rule }) => (
            <li key={`${rule} ${text}`}>
              <strong>{level}</strong> {text} <ClauseLink id={clause} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
