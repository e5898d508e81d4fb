import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DraftField, findInDraft, readDraft } from '../../src/drafts/index.ts';
import { runs } from '../properties/support/runs.ts';
import { clean } from './support/clean.ts';

interface Placed {
  readonly name: string;
  readonly offset: number;
  readonly width: 1 | 2 | 4;
  readonly count: number;
}

/** Fields one after another, each aligned, what is between them reserved: nothing is wrong with them. */
function laidOut(rows: readonly { width: 1 | 2 | 4; count: number }[]): Placed[] {
  const fields: Placed[] = [];
  let next = 0;
  for (const [i, { width, count }] of rows.entries()) {
    const gap = (width - (next % width)) % width;
    if (gap > 0) fields.push({ name: `free${i}`, offset: next, width: 1, count: gap });
    next += gap;
    fields.push({ name: `field${i}`, offset: next, width, count });
    next += width * count;
  }
  return fields;
}

const widths = fc.constantFrom(1, 2, 4) as fc.Arbitrary<1 | 2 | 4>;
const layouts = fc
  .array(fc.record({ width: widths, count: fc.integer({ min: 1, max: 3 }) }), { minLength: 1, maxLength: 12 })
  .map(laidOut);

const checksIn = (fields: readonly Placed[]) => {
  const [map, , list] = clean.structures;
  const structure = { name: 'many', fields: fields as readonly DraftField[] };
  const draft = readDraft({ ...clean, structures: [map, clean.structures[1], list, structure] });
  return new Set(findInDraft(draft).map(({ check }) => check));
};

/** What is wrong with fields, byte by byte. */
function expected(fields: readonly Placed[]): Set<string> {
  const owners = new Map<number, number>();
  for (const { offset, width, count } of fields)
    for (let i = 0; i < width * count; i++) owners.set(offset + i, (owners.get(offset + i) ?? 0) + 1);
  const end = Math.max(...owners.keys()) + 1;
  const found = new Set<string>();
  if ([...owners.values()].some((each) => each > 1)) found.add('field-overlap');
  if (owners.size < end) found.add('field-hole');
  if (fields.some(({ offset, width }) => offset % width !== 0)) found.add('field-misaligned');
  return found;
}

describe('a structure', () => {
  it('that is laid out rightly is clean', () => {
    fc.assert(
      fc.property(layouts, (fields) => {
        expect(checksIn(fields)).toEqual(new Set());
      }),
      { numRuns: runs(200) },
    );
  });

  it('of which a field is moved, widened, dropped or given twice is named for what that does to its bytes, and for nothing else', () => {
    const edits = fc.record({
      at: fc.nat(),
      offset: fc.option(fc.nat(48), { nil: undefined }),
      width: fc.option(widths, { nil: undefined }),
      drop: fc.boolean(),
      order: fc.boolean(),
    });
    const property = fc.property(layouts, edits, (fields, { at, offset, width, drop, order }) => {
      const i = at % fields.length;
      const field = fields[i]!;
      const edited = { ...field, offset: offset ?? field.offset, width: width ?? field.width };
      const others = fields.filter((_, j) => j !== i);
      const changed = drop && others.length > 0 ? others : [...others, edited];
      const shown = order ? changed : [...changed].reverse();
      expect(checksIn(shown)).toEqual(expected(shown));
    });
    fc.assert(property, { numRuns: runs(500) });
  });
});

const MANY = 10_000;
const seconds = (work: () => void) => {
  const before = performance.now();
  work();
  return (performance.now() - before) / 1000;
};
const numbers = Array.from({ length: MANY }, (_, i) => i);

describe('a draft of ten thousand', () => {
  const with_ = (changed: object) => readDraft(JSON.parse(JSON.stringify({ ...clean, ...changed })));
  const { structures } = clean;
  const registers = (field: (i: number) => object) =>
    with_({ structures: [{ name: 'map', fields: numbers.map(field) }, ...structures.slice(1)] });

  it.each([
    ['registers', registers((i) => ({ name: `r${i}`, width: 4 })), 0],
    ['registers on one byte', registers((i) => ({ name: `r${i}`, width: 4, offset: 0 })), MANY - 1],
    ['registers of one name', registers(() => ({ name: 'r', width: 4 })), MANY - 1],
    [
      'structures in each other',
      with_({
        structures: [
          ...structures,
          ...numbers.map((i) => ({
            name: `s${i}`,
            fields: [i === 0 ? { name: 'f', width: 1 } : { name: 'f', structure: `s${i - 1}` }],
          })),
        ],
      }),
      0,
    ],
    [
      'structures in a circle',
      with_({
        structures: [
          ...structures,
          ...numbers.map((i) => ({
            name: `s${i}`,
            fields: [{ name: 'f', structure: `s${(i + 1) % MANY}` }],
          })),
        ],
      }),
      1,
    ],
    [
      'names that nothing has',
      with_({ statements: [{ says: 'x', binds: 'device', uses: numbers.map((i) => `NAME_${i}`) }] }),
      MANY,
    ],
    [
      'ranges that cross',
      with_({
        spaces: [
          clean.spaces[0],
          {
            name: 'status',
            width: 4,
            values: [{ name: 'FINE', value: 2 ** 31 }],
            ranges: [
              { from: 0, to: 2 ** 32 - 1, means: 'all' },
              ...numbers.map((i) => ({ from: 2 * i, to: 2 * i + 2, means: 'x' })),
            ],
          },
        ],
      }),
      MANY - 1,
    ],
    [
      'capabilities in a circle',
      with_({
        capabilities: [
          clean.capabilities[0],
          ...numbers.map((i) => ({
            ...clean.capabilities[1],
            name: `c${i}`,
            place: 0x40 + 4 * (i % 48),
            next: 0x40 + 4 * ((i + 1) % 48),
          })),
        ],
      }),
      MANY - 48 + 1,
    ],
  ] as const)('%s is judged in about a second', (_, draft, findings) => {
    let found = -1;
    const took = seconds(() => (found = findInDraft(draft).length));
    expect(found).toBe(findings);
    expect(took).toBeLessThan(3);
  });
});
