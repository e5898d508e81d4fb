import { describe, expect, it } from 'vitest';
import { debates003 } from '../../src/compare/debates-003/index.ts';

const row = (id: string) => debates003.find((each) => each.id === id)!;
const verdicts = async (...ids: string[]) =>
  Promise.all(ids.map(async (id) => (await row(id).run()).verdict));

describe('debate 003', () => {
  it('has rows of their own, which say the same each time', async () => {
    expect(new Set(debates003.map(({ id }) => id)).size).toBe(debates003.length);
    for (const { run, seed, id } of debates003) {
      expect(seed).toBe('003');
      const facts = await run();
      expect(await run(), id).toEqual(facts);
      expect(JSON.stringify(facts), id).not.toMatch(/undefined|NaN/);
    }
  });

  it('finds the mask without its read broken, and mended by it', async () => {
    expect(await verdicts('mask-without-read', 'mask-with-read')).toEqual(['breaks', 'works']);
    expect((await row('mask-without-read').run()).breaks).toBe(
      '1 message comes through the mask, 1 event is lost when the slot is moved (device); 1 and 1 (memory)',
    );
    expect(await verdicts('slots-off-chip-plain', 'slots-off-chip-masked')).toEqual(['breaks', 'works']);
  });

  it('lets every other position work, with limits or without', async () => {
    const broken = [];
    for (const { id, run } of debates003) if ((await run()).verdict === 'breaks') broken.push(id);
    expect(broken).toEqual(['mask-without-read', 'slots-off-chip-plain']);
  });
});
