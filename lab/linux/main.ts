import { guestWindows, v86Module } from 'virtiolab/v86';
import { type Answers, serveCalls } from '../calls.ts';
import type { LinuxCalls, LinuxNews } from '../linux-protocol.ts';
import { LabGuest } from './guest.ts';
import { giveTurns } from './turns.ts';
import { codeUrl, version } from './v86-files.ts';

/** How often what has happened is told, in ms, and how often of these what stands. */
const TELL_MS = 100;
const VIEW_EVERY = 4;

let guest: LabGuest | null = null;
let printed: number[] = [];
let fresh = true;
let turns = 0;
/** Something has happened since what stands was told. */
let changed = false;

async function stop(): Promise<null> {
  const ended = guest;
  guest = null;
  await ended?.stop();
  return null;
}

const answers: Answers<LinuxCalls> = {
  async boot({ pieces, way }) {
    await stop();
    giveTurns();
    const { V86 } = await import('v86');
    const library = v86Module(V86, version, { wasm_path: codeUrl });
    fresh = true;
    printed = [];
    guest = await LabGuest.boot(library, pieces, way, (byte) => printed.push(byte));
    return { hosted: guest.side.hosted };
  },
  async type({ text }) {
    guest?.type(text);
    return null;
  },
  ways: async () => guestWindows,
  stop,
};

const tell = serveCalls<LinuxCalls, LinuxNews>(answers);

setInterval(() => {
  if (guest === null) return;
  if (printed.length > 0) tell({ printed: new TextDecoder('latin1').decode(Uint8Array.from(printed)) });
  printed = [];
  const rows = guest.side.stream.take();
  if (rows.length > 0 || fresh) tell({ rows: { rows, fresh } });
  guest.side.breathe();
  fresh = false;
  changed ||= rows.length > 0;
  if (changed && ++turns % VIEW_EVERY === 0) {
    tell({ view: guest.side.view() });
    changed = false;
  }
  const findings = guest.side.findings();
  if (findings.length > 0) tell({ findings });
}, TELL_MS);
