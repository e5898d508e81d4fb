import { shippedDrafts } from 'virtiolab/drafts';
import { type Answers, serveCalls } from '../calls.ts';
import type { DeskCalls, DeskNews } from '../desk-protocol.ts';
import { comparable, comparedView } from './compare.ts';
import { draftRun, draftView } from './draft.ts';
import { draftOf } from './draft-of-structures.ts';
import { fileView } from './files.ts';
import { Grid } from './grid.ts';

let grid: Grid | null = null;

/** A thread of its own for what may take long: the emulator goes on meanwhile, and so does the page. */
const answers: Answers<DeskCalls> = {
  async grid({ type, kind, count }) {
    grid = new Grid(type, kind, count);
    return grid.view();
  },
  async toggle({ index }) {
    await grid?.toggle(index);
    return grid?.view() ?? { owner: '', members: [] };
  },
  draft: async ({ text }) => draftView(text),
  draftOf: async ({ text }) => ({ text: draftOf(text) }),
  runDraft: async ({ text, runs }) => draftRun(text, runs),
  shipped: async () =>
    Object.values(shippedDrafts).map((document) => ({
      name: document.name,
      title: document.title ?? '',
      text: JSON.stringify(document, null, 2),
    })),
  file: ({ file, dump }) => fileView(file, dump, (read) => tell({ read, of: file.size })),
  compare: ({ device, vfs }) => comparedView(device, vfs),
  compared: async () => comparable,
};

const tell = serveCalls<DeskCalls, DeskNews>(answers);
