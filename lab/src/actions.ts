import { effect } from '@preact/signals';
import { type Calls, type ClauseView, type Move, OWN, type RowsNews, type Setup } from '../protocol.ts';
import { type AddressState, firstSetup, readAddress, writeAddress } from './address.ts';
import { bitMeanings } from './bit-meanings.ts';
import { draft, draftText, keptDraft, packedDraft, setDraft } from './draft-state.ts';
import { filterText } from './filter.ts';
import { stopPc } from './linux-state.ts';
import { unpackText } from './packed-text.ts';
import { goTo, position as place } from './place.ts';
import { forgetRows, onRows } from './rows.ts';
import * as state from './state.ts';
import { WorkerClient } from './worker-client.ts';

let client: WorkerClient<Calls, RowsNews> | null = null;

function emulator(): WorkerClient<Calls, RowsNews> {
  const worker = new Worker(new URL('../worker/main.ts', import.meta.url), { type: 'module' });
  const failed = (message: string) => state.notice(`The emulator stopped: ${message}. Load the page again.`);
  return new WorkerClient<Calls, RowsNews>(worker, onRows, failed);
}

/** Asks the emulator. @throws Error with its words. */
export function call<Name extends keyof Calls>(
  name: Name,
  given: Calls[Name]['given'],
): Promise<Calls[Name]['answer']> {
  client ??= emulator();
  return client.call(name, given);
}

const addressState = (): AddressState => ({
  setup: state.opened.value?.setup ?? firstSetup,
  moves: state.moves.value,
  tab: state.tab.value,
  draft: packedDraft.value ?? '',
  // Of a PC's stream no link can say a place.
  at: state.atEnd.value || state.pcView.value !== null ? null : place(),
  find: filterText.value,
});

/** What the page knows of its address: what it wrote there last, or follows. */
let known = '';

const addressNow = () => location.hash.replace(/^#/, '');

/** Puts the page's state into its address, unless somebody has changed that: it is followed first. */
export function keepAddress(): void {
  const written = writeAddress(addressState());
  if (addressNow() !== known || written === known) return;
  known = written;
  history.replaceState(null, '', written === '' ? location.pathname + location.search : `#${written}`);
}

/** Does one thing after the other, and tells what went wrong. */
async function working<T>(work: () => Promise<T>): Promise<T | null> {
  state.busy.value = true;
  try {
    return await work();
  } catch (error) {
    state.notice((error as Error).message);
    return null;
  } finally {
    state.busy.value = false;
  }
}

/** Opens a world. @returns whether there is one now. */
export async function open(setup: Setup, moves: readonly Move[] = []): Promise<boolean> {
  state.opening.value = setup;
  if (state.pcView.value !== null) await stopPc();
  const found = await working(() => call('open', { setup, moves }));
  state.opening.value = null;
  if (found === null) return false;
  const { done, ...opened } = found;
  state.opened.value = opened;
  state.titles.value = opened.titles;
  state.pcView.value = null;
  state.done.value = done;
  state.moves.value = moves;
  state.marked.value = null;
  keepAddress();
  if (moves.length > 0) void loadClauses();
  return true;
}

/** Changes something of the world; what was done in the one before is done in the new one only if `again`. */
export const change = (changed: Partial<Setup>, again = false) =>
  open({ ...(state.opened.value?.setup ?? firstSetup), ...changed }, again ? state.moves.value : []);

/** Another device: what is wrong with it goes along as far as such a device can have it. */
export async function changeType(changed: Partial<Setup> & { readonly type: string }): Promise<void> {
  const { lies } = state.opened.value?.setup ?? firstSetup;
  const there = lies.length === 0 ? [] : await call('lies', { type: changed.type });
  await change({ ...changed, lies: lies.filter((lie) => there.some(({ name }) => name === lie)) });
}

export async function move(made: Move): Promise<void> {
  // A PC had the stream: our driver has it again from its beginning.
  if (state.pcView.value !== null) await open(state.opened.value?.setup ?? firstSetup, state.moves.value);
  const done = await working(() => call('move', made));
  if (done === null) return;
  state.done.value = done;
  state.moves.value = [...state.moves.value, made];
  keepAddress();
  void loadClauses();
}

/** Goes on from the cursor: from before the move in which it stands. */
export async function goOnFromHere(): Promise<void> {
  const found = await working(() => call('rewind', { seq: state.cursor.value + 1 }));
  if (found === null) return;
  forgetRows(found.last);
  state.done.value = found;
  state.moves.value = found.moves;
  keepAddress();
}

/** Texts of the clauses that registers and findings name. */
async function loadClauses(): Promise<void> {
  const wanted = new Set<string>();
  for (const fn of state.done.value?.view.functions ?? [])
    for (const table of fn.tables)
      for (const { clauses } of table.registers) for (const id of clauses) wanted.add(id);
  for (const { clause } of Object.values(bitMeanings)) if (clause !== undefined) wanted.add(clause);
  for (const { clause } of state.done.value?.findings ?? []) wanted.add(clause);
  await fetchClauses([...wanted]);
}

async function fetchClauses(ids: readonly string[]): Promise<void> {
  const missing = ids.filter((id) => !state.clauses.value.has(id));
  if (missing.length === 0) return;
  const found = await call('clauses', { ids: missing });
  state.clauses.value = new Map([
    ...state.clauses.value,
    ...found.map((each): [string, ClauseView] => [each.id, each]),
  ]);
}

/** Shows the text of a clause. */
export async function showClause(id: string): Promise<void> {
  await fetchClauses([id]);
  state.openClause.value = id;
}

/** A draft of an address is data: it is read, and shown as text. @returns the text; '' for none */
async function takeDraft(packed: string): Promise<string> {
  try {
    const text = await unpackText(packed);
    packedDraft.value = packed;
    setDraft(text, draftChanged);
    return text;
  } catch (error) {
    state.notice(`The draft in the address: ${(error as Error).message}.`);
    return '';
  }
}

/** The machine, made of the draft that somebody writes; `again` does what was done before. */
export async function driveDraft(): Promise<void> {
  const drive = draft.value?.drive;
  if (!drive || drive.ways.length === 0) return;
  const setup = state.opened.value?.setup ?? firstSetup;
  const kept = (list: readonly string[], value: string) => (list.includes(value) ? value : list[0]!);
  const [type, way] = [kept(drive.types, setup.type), kept(drive.ways, setup.way)];
  await change({ type, way, ring: 'split', reading: OWN, draft: draftText.value }, type === setup.type);
}

/** The draft was changed, and read: a machine that is made of it is made anew where it can be. */
export function draftChanged(): void {
  const setup = state.opened.value?.setup;
  const drive = draft.value?.drive;
  const follows = setup?.reading === OWN && setup.draft !== draftText.value;
  if (follows && drive?.ways.includes(setup.way) && drive.types.includes(setup.type)) void driveDraft();
  else keepAddress();
}

/** Takes up what the address says, at the beginning and when somebody changes it. */
export async function followAddress(): Promise<void> {
  known = addressNow();
  const { setup, moves, tab, draft: packed, at, find, problems } = readAddress(known);
  for (const problem of problems) state.notice(`The address: ${problem}.`);
  state.tab.value = tab;
  filterText.value = find;
  const text = packed === '' ? '' : await takeDraft(packed);
  if (await open(setup.reading === OWN ? { ...setup, draft: text || keptDraft() } : setup, moves)) {
    if (at !== null) {
      state.playing.value = false;
      goTo(at);
    }
    return;
  }
  state.notice('What the address asks for could not be shown: this is a disk, by mmr.');
  await open(firstSetup);
}

/** A hand that moves through the stream is not followed step by step. */
const PAUSE_MS = 300;

export function listenToAddress(): void {
  effect(() => {
    void [state.cursor.value, filterText.value];
    const timer = setTimeout(() => {
      if (state.opened.value !== null && state.opening.value === null) keepAddress();
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  });
  addEventListener('hashchange', () => {
    if (addressNow() !== known) void followAddress();
  });
}
