import { describe, expect, it, test } from 'vitest';
import { clauses, clausesIn, misfit } from './catalogue.ts';
import { clauseSites, sources } from './sites.ts';

describe('the clauses of findings', () => {
  const sites = clauseSites();

  it('are found in the code', () => {
    expect(sites.length).toBeGreaterThan(80);
    expect(sites).toContainEqual({
      place: expect.stringContaining('mmr/access/block-backend.ts'),
      clause: 'BF-RST-01',
      party: 'device',
    });
  });

  test.each(sites)('$place: $clause exists, and binds the $party', ({ clause, party }) => {
    expect(misfit({ clause, party, legacy: null })).toBeNull();
  });
});

describe('every clause that the code names', () => {
  it('exists, in comments and tables too', () => {
    const unknown = [...sources].flatMap(([file, source]) =>
      clausesIn(source)
        .filter((id) => !clauses.has(id))
        .map((id) => `${file}: ${id}`),
    );
    expect(unknown).toEqual([]);
  });
});

describe('a clause that does not fit', () => {
  test.each([
    ['P9-99', 'driver', null, /no such clause/],
    ['BLK-OP-16', 'driver', null, /binds the device/],
    ['BLK-OP-04', 'device', null, /binds the driver/],
    ['LEG-BLK-15', 'driver', false, /Legacy Interface: Framing/],
    ['PCI-COM-21', 'driver', true, /the driver is a legacy one/],
    ['RF-04', 'driver', true, /the driver is a legacy one/],
  ] as const)('%s, %s, legacy %s', (clause, party, legacy, wrong) => {
    expect(misfit({ clause, party, legacy })).toMatch(wrong);
  });

  test.each([
    ['LEG-BLK-15', 'driver', true],
    ['LEG-FEAT-04', 'driver', true],
    ['RF-05', 'driver', true],
    ['BLK-OP-06', 'driver', true],
    ['CONF-01', 'driver', false],
  ] as const)('%s, %s, legacy %s does', (clause, party, legacy) => {
    expect(misfit({ clause, party, legacy })).toBeNull();
  });
});
