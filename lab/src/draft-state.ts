import { signal } from '@preact/signals';
import type { DraftRunView, DraftView } from '../desk-protocol.ts';
import { ask } from './desk.ts';
import { packText } from './packed-text.ts';
import { notice } from './state.ts';

export const draftText = signal('');
/** As it stands in the address; null for one that is too long, '' for none. */
export const packedDraft = signal<string | null>('');
export const draft = signal<DraftView | null>(null);
export const run = signal<DraftRunView | null>(null);
export const running = signal(false);

const KEY = 'virtiolab-draft';
const PAUSE_MS = 300;
const RUNS = 60;

/** What somebody writes is kept over a reload, where that is allowed. */
function keep(text: string): void {
  try {
    localStorage.setItem(KEY, text);
  } catch {
    notice(
      'The browser keeps nothing of this page: a draft is in its address alone, or lost when it is closed.',
    );
  }
}

/** What was written before; '' for nothing. */
export function keptDraft(): string {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

let timer = 0;

/** Takes what a person writes, and reads it when the hand rests. @param changed hears when the address has to follow */
export function setDraft(text: string, changed: () => void): void {
  draftText.value = text;
  run.value = null;
  clearTimeout(timer);
  timer = setTimeout(() => void read(text, changed), PAUSE_MS);
}

async function read(text: string, changed: () => void): Promise<void> {
  keep(text);
  const found = await ask('draft', { text }).catch((error: Error) => {
    notice(error.message);
    return null;
  });
  if (draftText.value !== text) return;
  draft.value = found;
  packedDraft.value = text === '' ? '' : await packText(text).catch(() => null);
  changed();
}

/** Makes a draft of structures. */
export async function makeDraft(changed: () => void): Promise<void> {
  try {
    setDraft((await ask('draftOf', { text: draftText.value })).text, changed);
  } catch (error) {
    notice(`No draft was made of it: ${(error as Error).message}`);
  }
}

/** Puts the draft to work. */
export async function runDraft(): Promise<void> {
  running.value = true;
  try {
    run.value = await ask('runDraft', { text: draftText.value, runs: RUNS });
  } catch (error) {
    notice(`The draft was not run: ${(error as Error).message}`);
  } finally {
    running.value = false;
  }
}
