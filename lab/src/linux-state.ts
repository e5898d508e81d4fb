import { signal } from '@preact/signals';
import type { LinuxCalls, LinuxNews, Pieces } from '../linux-protocol.ts';
import type { WatchView } from '../protocol.ts';
import { onRows } from './rows.ts';
import { notice, pcView, titles } from './state.ts';
import { WorkerClient } from './worker-client.ts';

/** What the terminal keeps. */
const MOST_CHARACTERS = 200_000;
/** What the watch said first counts. */
const MOST_FINDINGS = 300;

export const terminal = signal('');
export const running = signal<'off' | 'starting' | 'on'>('off');
/** So long nothing was printed, in seconds. */
export const silence = signal(0);
export const linuxWays = signal<readonly string[]>([]);
export const linuxFindings = signal<readonly WatchView[]>([]);

let listening: ReturnType<typeof setInterval> | undefined;

/** A kernel that never boots says nothing of it. */
function listen(): void {
  clearInterval(listening);
  silence.value = 0;
  listening = setInterval(() => {
    silence.value += 1;
  }, 1000);
}

let client: WorkerClient<LinuxCalls, LinuxNews> | null = null;

function onNews(news: LinuxNews): void {
  if ('printed' in news) {
    silence.value = 0;
    print(news.printed);
  } else if ('rows' in news) onRows(news.rows);
  else if ('view' in news) pcView.value = news.view;
  else linuxFindings.value = [...linuxFindings.value, ...news.findings].slice(0, MOST_FINDINGS);
}

/** The terminal shows text and lines; what else terminals can is left out. */
function print(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
  const plain = text.replace(/\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]/g, '');
  terminal.value = (terminal.value + plain).slice(-MOST_CHARACTERS);
}

function pc(): WorkerClient<LinuxCalls, LinuxNews> {
  const worker = new Worker(new URL('../linux/main.ts', import.meta.url), { type: 'module' });
  const failed = (message: string) => {
    client = null;
    running.value = 'off';
    notice(`The PC stopped: ${message}.`);
  };
  return new WorkerClient<LinuxCalls, LinuxNews>(worker, onNews, failed);
}

function ask<Name extends keyof LinuxCalls>(
  name: Name,
  given: LinuxCalls[Name]['given'],
): Promise<LinuxCalls[Name]['answer']> {
  client ??= pc();
  return client.call(name, given);
}

/** Why no PC can run here; null where one can. */
export const whyNoPc = (): string | null =>
  typeof WebAssembly === 'object'
    ? null
    : 'This browser has no WebAssembly, which the emulator of a whole PC needs.';

export async function loadWays(): Promise<void> {
  if (whyNoPc() === null && linuxWays.value.length === 0) linuxWays.value = await ask('ways', {});
}

export async function boot(pieces: Pieces, way: string): Promise<void> {
  running.value = 'starting';
  terminal.value = '';
  linuxFindings.value = [];
  try {
    const { hosted } = await ask('boot', { pieces, way });
    titles.value = { left: 'Linux', right: hosted ? 'Host' : 'Device' };
    pcView.value ??= 'unseen';
    running.value = 'on';
    listen();
  } catch (error) {
    running.value = 'off';
    notice(`Linux does not start: ${(error as Error).message}`);
  }
}

export async function typeLine(text: string): Promise<void> {
  print(`# ${text}\n`);
  await ask('type', { text: `${text}\n` });
}

export async function stopPc(): Promise<void> {
  clearInterval(listening);
  await ask('stop', {});
  running.value = 'off';
}
