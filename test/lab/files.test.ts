import { expect, it } from 'vitest';
import { draftView } from '../../lab/desk/draft.ts';
import { fileView } from '../../lab/desk/files.ts';
import { OWN } from '../../lab/protocol.ts';
import { Session } from '../../lab/worker/session.ts';
import { shippedDrafts } from '../../src/drafts/index.ts';

const LINE = '{"space":"io","operation":"write","address":49170,"width":1,"value":3}\n';

it('tells how far a long trace is read, piece by piece, and keeps the first of it', async () => {
  const told: number[] = [];
  const piece = new Blob([LINE.repeat(20_000)]);
  const file = new Blob(Array.from({ length: 50 }, () => piece));
  const view = await fileView(file, '', (read) => told.push(read));
  expect(view).toMatchObject({ kind: 'trace', trace: { accesses: 1_000_000, problem: null } });
  expect(told.length).toBeGreaterThan(10);
  expect(told.toSorted((a, b) => a - b)).toEqual(told);
  expect(told.at(-1)).toBe(file.size);
  expect(view.kind === 'trace' && view.trace.rows.length).toBe(1000);
});

it('reads a file that is one long line of nothing, and says that it is none', async () => {
  const view = await fileView(new Blob(['x'.repeat(20 << 20)]), '');
  expect(view).toMatchObject({
    kind: 'unread',
    problems: [/as a dump/, /as a trace/].map((each) => expect.stringMatching(each)),
  });
});

it('judges and drives a draft of ten thousand registers', async () => {
  const mmr = shippedDrafts['mmr-2023']!;
  const [header] = mmr.structures!;
  const more = Array.from({ length: 10_000 }, (_, i) => ({
    name: `more ${i}`,
    width: 4 as const,
    offset: 0x1000 + 4 * i,
  }));
  const draft = JSON.stringify({
    ...mmr,
    structures: [{ ...header, fields: [...header!.fields!, ...more] }],
  });
  expect(draftView(draft)).toMatchObject({ kind: 'draft', drive: { reasons: [] } });
  const setup = { type: 'block', way: 'mmr', ring: 'split', lies: [], mistakes: [] } as const;
  const session = await Session.open({ ...setup, reading: OWN, draft }, () => {});
  const { error, view } = await session.do({ name: 'up', values: [] });
  expect(error).toBeNull();
  const legacy = view.functions
    .flatMap(({ tables }) => tables)
    .find(({ title }) => title.startsWith('00:04.0') && title.endsWith('legacy'))!;
  expect(legacy.registers.length).toBeLessThan(120);
});
