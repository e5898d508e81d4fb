import { describe, expect, it } from 'vitest';
import { positions, vdpaDebates } from '../../../src/compare/vdpa/index.ts';

const factsOf = (id: string) => vdpaDebates.find((row) => row.id === `vdpa-${id}`)!.run();

describe('what the debates on vDPA and legacy guests come to', () => {
  it('has a row for every position of a debate, each with its own name', () => {
    const ids = vdpaDebates.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name, seed } of positions) expect(ids.includes(`vdpa-${name}`)).toBe(seed !== null);
    for (const row of vdpaDebates)
      expect([row.id, row.usableBy]).not.toEqual([row.id, 'nobody in particular']);
  });

  it('has shadowed rings serve everybody, for a header that is copied', async () => {
    expect(await factsOf('shadow')).toEqual({
      cost: '2 descriptors, copies of 10 bytes (1) and kicks of the parent (1) for a frame of 1514 bytes; calls beside features: 0',
      breaks: 'nothing',
      verdict: 'works',
    });
  });

  it('has software read every byte of a frame', async () => {
    const { cost } = await factsOf('software');
    const read = Number(/reads ([\d.]+) bytes/.exec(cost)![1]);
    expect(read).toBeGreaterThan(1514 + 10);
    expect(read).toBeLessThan(1514 + 100);
  });

  it('counts runs that are refused, and those that corrupt', async () => {
    expect((await factsOf('pretend-on-x86')).breaks).toBe(
      'of 32 runs 8 refused with RefusedGuestError (all of legacy BE), 2 corrupted (short-header network of legacy LE)',
    );
    expect((await factsOf('format-bits')).breaks).toBe(
      'of 32 runs 4 refused with EOPNOTSUPP (all of legacy BE on LE only)',
    );
  });

  it('tells what an early read does, and that a machine without order loses one of two', async () => {
    expect((await factsOf('reset-to-zero')).cost).toContain('an early read sets features of 0: taken');
    expect((await factsOf('strong-order')).breaks).toMatch(/^in 1 of 2 orders/);
  });
});
