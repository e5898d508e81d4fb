import { describe, expect, it } from 'vitest';
import { OWN, type Row, type Setup } from '../../lab/protocol.ts';
import { Session } from '../../lab/worker/session.ts';
import { type DraftDocument, shippedDrafts } from '../../src/drafts/index.ts';

const mmr = shippedDrafts['mmr-2023']!;
const setup: Setup = {
  ...{ type: 'block', way: 'mmr', ring: 'split', reading: OWN, draft: null, lies: [], mistakes: [] },
};

/** Brings a draft's function up and reads a sector. @returns what came of that, and the stream */
async function drive(document: DraftDocument, way = 'mmr') {
  const rows: Row[] = [];
  const given = { ...setup, way, draft: JSON.stringify(document) };
  const session = await Session.open(given, (fresh) => rows.push(...fresh));
  const up = await session.do({ name: 'up', values: [] });
  const read = await session.do({ name: 'read', values: [0, 1] });
  return { up, read, rows, session };
}

const ruled = (rules: DraftDocument['rules']): DraftDocument => ({
  ...mmr,
  rules: { ...mmr.rules, ...rules },
});

describe('a draft of one’s own in the lab', () => {
  it.each(['mmr', 'mmr-virtual', 'native-mmr'])('is driven by %s', async (way) => {
    const { read, rows } = await drive(mmr, way);
    expect(read).toMatchObject({ error: null, result: expect.stringContaining('512 bytes') });
    const kick = rows.filter(({ name }) => name === 'queueNotify').at(-1)!;
    const below = rows.filter(({ root }) => root === kick.root);
    expect(below.map(({ verb }) => verb)).toContain('DMA write');
  });

  it('is shown in its own names, at its own places', async () => {
    const [header] = mmr.structures!;
    const fields = header!.fields!.map((field) =>
      field.name === 'queueNotify' ? { ...field, name: 'bell', means: 'queueNotify', offset: 0x40 } : field,
    );
    const { read, rows } = await drive({ ...mmr, structures: [{ ...header!, fields }] });
    const kicks = rows.filter(({ name }) => name === 'bell');
    expect(kicks.at(-1)).toMatchObject({ column: 'right', address: expect.stringMatching(/^0xc000\w040$/) });
    const shown = read.view.functions.flatMap(({ tables }) => tables).flatMap(({ registers }) => registers);
    expect(shown.find(({ name }) => name === 'bell')).toMatchObject({ offset: 0x40, width: 2 });
  });

  it.each(['unordered', 'in-order'] as const)('has late writes, which hurt: %s', async (postedWrites) => {
    const { up } = await drive(ruled({ postedWrites }));
    expect(up.error).toBe('the device cannot map vector 0');
  });

  it('may say nothing of a reset’s end', async () => {
    const { read } = await drive(shippedDrafts['mmr-no-handshake']!);
    expect(read.error).toBeNull();
  });

  it.each([
    ['legacy-memory', 'legacy-memory'],
    ['legacy-memory', 'memory-bar'],
    ['modern-shim', 'modern-shim'],
  ])('of another kind is driven by the ways of that: %s by %s', async (name, way) => {
    const { read, session } = await drive(shippedDrafts[name]!, way);
    expect(read.error).toBeNull();
    expect(session.describe([]).own?.ways).toContain(way);
  });

  it('is refused where no function can be made of it, or for a way that it is not for', async () => {
    await expect(drive(shippedDrafts['io-bar']!)).rejects.toThrow(
      /draft of your own: wants one that can be built/,
    );
    await expect(drive(mmr, 'io-bar')).rejects.toThrow(/way io-bar: wants for mmr-2023 one of mmr,/);
    await expect(Session.open({ ...setup, draft: 'no draft' }, () => {})).rejects.toThrow();
  });
});
